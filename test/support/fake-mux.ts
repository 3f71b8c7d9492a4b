import {
  type ExtensionMessage,
  encodeExtension,
  type Hello,
} from '../../src/base/wire/extension.ts'
import { type MuxFrame, MuxReader, MuxWriter } from '../../src/base/wire/mux-frames.ts'
import type { FakeSocket } from './fake-socket.ts'

/** The server's end of a fake socket for many documents. */
export function muxServer(socket: FakeSocket) {
  const write = (writeTo: (writer: MuxWriter) => void) => {
    const writer = new MuxWriter(
      message => socket.receive(message),
      () => {},
    )
    writeTo(writer)
    writer.flush()
  }
  const frames = (): MuxFrame[] => {
    const reader = new MuxReader()
    return socket.sent.flatMap(message => [...reader.read(message)])
  }
  const opened = () => frames().flatMap(frame => (frame.op === 'open' ? [frame] : []))
  const channelOf = (path: string) => {
    const channel = opened().findLast(frame => frame.path === path)?.channel
    if (channel === undefined) throw new Error(`${path} is not open`)
    return channel
  }
  return {
    frames,
    /** The paths that were asked for, in order. */
    paths: () => opened().map(({ path }) => path),
    /** The handshake succeeds, and this is a server of ours. */
    greet(hello: Hello = {}) {
      socket.open()
      this.tell({ type: 'hello', hello })
    },
    tell: (message: ExtensionMessage) => write(writer => writer.data(0, encodeExtension(message))),
    send: (path: string, data: Uint8Array) => write(writer => writer.data(channelOf(path), data)),
    close: (path: string, code: number, reason = '') =>
      write(writer => writer.close(channelOf(path), code, reason)),
    pong: () => write(writer => writer.pong()),
    /** What was sent for this document. */
    sent: (path: string) =>
      frames().flatMap(frame =>
        frame.op === 'data' && frame.channel === channelOf(path) ? [frame.data] : [],
      ),
  }
}
