import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type MuxFrame, MuxReader, MuxWriter } from '../../../../src/base/wire/mux-frames.ts'

/** A bare multiplexed socket that speaks frames, and remembers what it got. */
export async function muxClient(url: string, path = '/mux') {
  const socket = new WebSocket(`${url}${path}`)
  const reader = new MuxReader()
  /** Of each message of the socket. */
  const messages: MuxFrame[][] = []
  const sizes: number[] = []
  const closed = new Promise<{ code: number; reason: string }>(resolve => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  socket.on('message', (data: Buffer) => {
    sizes.push(data.length)
    messages.push([...reader.read(data)])
  })
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  const writer = new MuxWriter(message => socket.send(message), queueMicrotask)
  const frames = () => messages.flat()
  return {
    socket,
    writer,
    messages,
    sizes,
    closed,
    frames,
    /** The messages that a channel got. */
    received: (channel: number) =>
      frames().flatMap(frame =>
        frame.op === 'data' && frame.channel === channel ? [frame.data] : [],
      ),
    /** How the server closed a channel. */
    closing: (channel: number) =>
      frames().find(frame => frame.op === 'close' && frame.channel === channel),
  }
}

export type MuxClient = Awaited<ReturnType<typeof muxClient>>
