import { createDecoder, readVarUint } from 'lib0/decoding'
import { callSafely } from '../../base/emitter.ts'
import {
  EXTENSION_MESSAGE,
  type ExtensionMessage,
  encodeExtension,
  type Hello,
  readExtension,
} from '../../base/wire/extension.ts'
import { type MuxFrame, MuxReader, MuxWriter, SOCKET_CHANNEL } from '../../base/wire/mux-frames.ts'
import type { WebSocketConstructor } from './options.ts'

/** Nothing is called after `close()`. */
export interface MuxSocketEvents {
  onOpen(): void
  onHello(): void
  /** What came first is no hello: this is another server. */
  onForeign(): void
  /** Something arrived, after the hello. */
  onHeard(): void
  onTokenWanted(): void
  onMalformed(cause: unknown): void
  onClosed(code: number, reason: string): void
}

/** One WebSocket, and the channels of documents in it: see `base/wire/mux-frames.ts`. */
export class MuxSocket {
  /** Its instances are channels; they can be made when `hello` is there. */
  readonly WebSocket: WebSocketConstructor
  hello: Hello | undefined
  readonly #socket: globalThis.WebSocket
  readonly #events: MuxSocketEvents
  readonly #channels = new Map<number, Channel>()
  readonly #reader = new MuxReader()
  readonly #writer: MuxWriter
  #lastChannel = SOCKET_CHANNEL

  /**
   * Throws what the constructor of the WebSocket throws.
   *
   * @param base the part of a channel's URL that is not sent
   */
  constructor(url: string, base: string, WebSocket: WebSocketConstructor, events: MuxSocketEvents) {
    const open = (path: string, channel: Channel) => this.#open(path, channel)
    this.WebSocket = class extends Channel {
      constructor(url: string) {
        super()
        open(url.slice(base.length), this)
      }
    }
    this.#events = events
    const socket = new WebSocket(url) as globalThis.WebSocket
    this.#socket = socket
    this.#writer = new MuxWriter(
      message => {
        if (socket.readyState === 1) socket.send(message)
      },
      // Behind the channels that open in this task, which have something to say then.
      flush => queueMicrotask(() => queueMicrotask(flush)),
    )
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => events.onOpen()
    socket.onmessage = ({ data }) => this.#receive(data)
    socket.onclose = ({ code, reason }) => events.onClosed(code, reason)
    // `close` follows.
    socket.onerror = () => {}
  }

  /** What was sent and has not left this device. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount + this.#writer.pending
  }

  ping(): void {
    this.#writer.ping()
  }

  tell(message: ExtensionMessage): void {
    this.#writer.data(SOCKET_CHANNEL, encodeExtension(message))
  }

  /** Closes the socket; its channels hear of it only if there is a code. */
  close(code?: number, reason = ''): void {
    const socket = this.#socket
    this.#writer.flush()
    socket.onopen = null
    socket.onmessage = null
    socket.onclose = null
    socket.close()
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    for (const channel of channels) {
      if (code === undefined) channel.readyState = 3
      else callSafely(() => channel.end(code, reason), [])
    }
  }

  #open(path: string, channel: Channel): void {
    const id = ++this.#lastChannel
    this.#channels.set(id, channel)
    this.#writer.open(id, path)
    channel.attach({
      bufferedAmount: () => this.bufferedAmount,
      send: data => this.#writer.data(id, data),
      close: () => {
        if (this.#channels.delete(id)) this.#writer.close(id, 1000, '')
      },
    })
  }

  #receive(data: unknown): void {
    const wasGreeted = this.hello !== undefined
    try {
      // The protocol has no text.
      const message = new Uint8Array(data as ArrayBuffer)
      for (const frame of this.#reader.read(
        typeof data === 'string' ? new Uint8Array([0]) : message,
      )) {
        if (this.hello) this.#handle(frame)
        else this.#greet(frame)
      }
    } catch (cause) {
      if (this.hello) this.#events.onMalformed(cause)
      else this.#events.onForeign()
      return
    }
    if (wasGreeted) this.#events.onHeard()
  }

  #greet(frame: MuxFrame): void {
    const message = readOwn(frame)
    if (message?.type !== 'hello') throw new Error('No hello')
    this.hello = message.hello
    this.#events.onHello()
  }

  #handle(frame: MuxFrame): void {
    if (frame.channel === SOCKET_CHANNEL) {
      if (readOwn(frame)?.type === 'token-wanted') this.#events.onTokenWanted()
      return
    }
    const channel = this.#channels.get(frame.channel)
    if (!channel) return
    if (frame.op === 'data') {
      callSafely(() => channel.onmessage?.({ data: frame.data }), [])
    } else if (frame.op === 'close') {
      this.#channels.delete(frame.channel)
      callSafely(() => channel.end(frame.code, frame.reason), [])
    }
  }
}

function readOwn(frame: MuxFrame): ExtensionMessage | undefined {
  if (frame.channel !== SOCKET_CHANNEL || frame.op !== 'data') return undefined
  const decoder = createDecoder(frame.data)
  return readVarUint(decoder) === EXTENSION_MESSAGE ? readExtension(decoder) : undefined
}

interface ChannelEnd {
  bufferedAmount(): number
  send(data: Uint8Array): void
  close(): void
}

/** What y-websocket uses of a WebSocket. */
class Channel {
  readonly OPEN = 1
  readyState = 0
  binaryType = ''
  onopen: ((event: object) => void) | null = null
  onmessage: ((event: { data: Uint8Array }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: ((event: object) => void) | null = null
  #other: ChannelEnd | undefined

  attach(other: ChannelEnd): void {
    this.#other = other
    queueMicrotask(() => {
      if (this.readyState !== 0) return
      this.readyState = 1
      this.onopen?.({})
    })
  }

  get bufferedAmount(): number {
    return this.#other?.bufferedAmount() ?? 0
  }

  send(data: Uint8Array): void {
    if (this.readyState === 1) this.#other?.send(data)
  }

  close(): void {
    this.readyState = 3
    this.#other?.close()
  }

  /** The other side has closed it. */
  end(code: number, reason: string): void {
    this.readyState = 3
    this.onclose?.({ code, reason })
  }
}
