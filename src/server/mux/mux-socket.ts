import * as decoding from 'lib0/decoding'
import type { WebSocket } from 'ws'
import {
  EXTENSION_MESSAGE,
  type ExtensionMessage,
  encodeExtension,
  readExtension,
} from '../../base/wire/extension.ts'
import { type MuxFrame, MuxReader, MuxWriter, SOCKET_CHANNEL } from '../../base/wire/mux-frames.ts'
import { GOING_AWAY, MALFORMED, MESSAGE_TOO_BIG, TOO_LARGE } from '../close-codes.ts'
import type { ServerContext } from '../options.ts'
import type { ServerSocket, Visitor } from '../visitor.ts'
import { type ChannelOwner, MuxChannel } from './mux-channel.ts'

/** Between two pings of the socket, however many channels ask. */
const PING_INTERVAL_MS = 2_000

/** What a message costs that is kept, beside its bytes. */
const KEPT_OVERHEAD = 128

/** Rooms that are being loaded for one client at the same time. */
const MAX_OPENING = 64

type SocketContext = Pick<ServerContext, 'clock' | 'limits' | 'log'>
type Accept = (socket: ServerSocket, path: string, visitor: Visitor) => void

/**
 * Many documents of one client over one WebSocket, in the frames of `base/wire/mux-frames.ts`. Everything that is sent
 * in one turn of the event loop goes in one message.
 *
 * What a client asks for is answered no faster than it reads: with a quarter of `maxBacklog` unread, its messages and
 * the rooms that it opens wait; one that does not even read what others write is cut off with all its channels. Messages of channels that are paused
 * wait here too; with more than `maxUncommitted` bytes waiting, nothing is read from the socket, for any channel.
 */
export class MuxSocket implements ChannelOwner {
  readonly #socket: WebSocket
  readonly #context: SocketContext
  readonly #visitor: Visitor
  readonly #accept: Accept
  readonly #channels = new Map<number, MuxChannel>()
  readonly #reader: MuxReader
  readonly #writer: MuxWriter
  /** Those for which something was kept. */
  readonly #waiting = new Set<MuxChannel>()
  /** Those that wait to be opened, with their paths, and those that are being opened. */
  readonly #unopened = new Map<MuxChannel, string>()
  readonly #opening = new Set<MuxChannel>()
  #keptBytes = 0
  #isCongested = false
  #isPumpScheduled = false
  #isPaused = false
  #isEnded = false
  #pingedAtMs = Number.NEGATIVE_INFINITY
  #isPonged = true
  #cancelPing: (() => void) | undefined

  constructor(socket: WebSocket, context: SocketContext, visitor: Visitor, accept: Accept) {
    this.#socket = socket
    this.#context = context
    this.#visitor = { ...visitor, speaksExtension: true }
    this.#accept = accept
    this.#reader = new MuxReader(context.limits.maxPayload)
    this.#writer = new MuxWriter(
      message => socket.send(message, () => this.#onDrained()),
      flush => setImmediate(flush),
    )
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary))
    socket.on('pong', () => this.#onPong())
    socket.on('close', () => this.#end())
    // Broken frames and messages over the limit; `close` follows.
    socket.on('error', error => this.#warn(error.message))
  }

  /** Says something that concerns the whole socket. */
  tell(message: ExtensionMessage): void {
    if (!this.#isEnded) this.#writer.data(SOCKET_CHANNEL, encodeExtension(message))
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount + this.#writer.pending
  }

  send({ id }: MuxChannel, data: Uint8Array): void {
    this.#writer.data(id, data)
  }

  ping(): void {
    if (this.#cancelPing || !this.#isPonged) return
    const { clock } = this.#context
    const restMs = this.#pingedAtMs + PING_INTERVAL_MS - clock.now()
    const ping = () => {
      this.#cancelPing = undefined
      this.#pingedAtMs = clock.now()
      this.#isPonged = false
      this.#socket.ping()
    }
    if (restMs <= 0) ping()
    else this.#cancelPing = clock.setTimeout(ping, restMs)
  }

  onResumed(channel: MuxChannel): void {
    const wasOpening = this.#opening.delete(channel)
    if (channel.isBlocked || wasOpening) this.#schedulePump()
  }

  close(channel: MuxChannel, code: number, reason: string): void {
    this.#writer.close(channel.id, code, reason)
    this.#forget(channel)
    if (code === GOING_AWAY && this.#channels.size === 0) this.#closeSocket(code, reason)
  }

  terminate(): void {
    this.#socket.terminate()
    this.#end()
  }

  #receive(data: Buffer, isBinary: boolean): void {
    try {
      if (!isBinary) throw new Error('text message; this protocol is binary')
      for (const frame of this.#reader.read(data)) {
        if (this.#isEnded) return
        this.#handle(frame)
      }
    } catch (error) {
      this.#warn('malformed message', error)
      this.#closeSocket(MALFORMED, 'malformed message')
    }
  }

  /** @throws if it is not what a client says */
  #handle(frame: MuxFrame): void {
    const channel = this.#channels.get(frame.channel)
    if (frame.channel === SOCKET_CHANNEL) {
      this.#handleOwn(frame)
    } else if (frame.op === 'open') {
      if (channel) throw new Error(`channel ${frame.channel} is open already`)
      this.#open(frame.channel, frame.path)
    } else if (channel) {
      // For others it was sent before our closing them arrived there.
      this.#handleFor(channel, frame)
    }
  }

  #handleFor(channel: MuxChannel, frame: MuxFrame): void {
    const { maxPayload } = this.#context.limits
    switch (frame.op) {
      case 'data':
        this.#deliver(channel, frame.data)
        break
      case 'oversize':
        channel.close(MESSAGE_TOO_BIG, `a message of more than ${maxPayload} bytes`)
        break
      case 'close':
        this.#forget(channel)
    }
  }

  #handleOwn(frame: MuxFrame): void {
    if (frame.op === 'ping') {
      this.#writer.pong()
      return
    }
    if (frame.op !== 'data') throw new Error(`"${frame.op}" of channel ${SOCKET_CHANNEL}`)
    const decoder = decoding.createDecoder(frame.data)
    if (decoding.readVarUint(decoder) !== EXTENSION_MESSAGE) throw new Error('unknown message')
    const message = readExtension(decoder)
    if (message?.type === 'token') this.#visitor.onToken?.(message.token)
  }

  #open(id: number, path: string): void {
    const channel = new MuxChannel(id, this)
    const { maxRoomsPerConnection } = this.#context.limits
    this.#channels.set(id, channel)
    if (this.#channels.size > maxRoomsPerConnection) {
      channel.close(TOO_LARGE, `more than ${maxRoomsPerConnection} rooms (maxRoomsPerConnection)`)
    } else {
      channel.pause()
      this.#unopened.set(channel, path)
      this.#openNext()
    }
  }

  #openNext(): void {
    for (const [channel, path] of this.#unopened) {
      if (this.#opening.size >= MAX_OPENING || this.#checkCongestion()) return
      this.#unopened.delete(channel)
      this.#opening.add(channel)
      this.#accept(channel, path, this.#visitor)
    }
  }

  #deliver(channel: MuxChannel, data: Uint8Array): void {
    if (!channel.isBlocked && !this.#checkCongestion()) {
      channel.receive(Buffer.from(data.buffer, data.byteOffset, data.length))
      return
    }
    channel.keep(data)
    this.#waiting.add(channel)
    this.#count(data.length + KEPT_OVERHEAD)
  }

  #checkCongestion(): boolean {
    this.#isCongested ||= this.bufferedAmount > this.#context.limits.maxBacklog / 4
    return this.#isCongested
  }

  #onDrained(): void {
    if (!this.#isCongested || this.bufferedAmount > this.#context.limits.maxBacklog / 8) return
    this.#isCongested = false
    this.#schedulePump()
  }

  #schedulePump(): void {
    if (this.#isPumpScheduled) return
    this.#isPumpScheduled = true
    queueMicrotask(() => {
      this.#isPumpScheduled = false
      if (this.#isEnded) return
      for (const channel of [...this.#waiting]) this.#deliverKept(channel)
      this.#openNext()
    })
  }

  #deliverKept(channel: MuxChannel): void {
    while (!channel.isPaused && !this.#checkCongestion()) {
      const data = channel.takeKept()
      if (!data) {
        this.#waiting.delete(channel)
        return
      }
      this.#count(-data.length - KEPT_OVERHEAD)
      channel.receive(data)
    }
  }

  /** Counts bytes that are kept (negative: that are no longer). */
  #count(bytes: number): void {
    this.#keptBytes += bytes
    const isFull = this.#keptBytes > this.#context.limits.maxUncommitted
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) this.#socket.pause()
    else this.#socket.resume()
  }

  #forget(channel: MuxChannel): void {
    this.#channels.delete(channel.id)
    this.#waiting.delete(channel)
    this.#unopened.delete(channel)
    if (this.#opening.delete(channel)) this.#schedulePump()
    for (const { length } of channel.end()) this.#count(-length - KEPT_OVERHEAD)
  }

  #onPong(): void {
    this.#isPonged = true
    for (const channel of [...this.#channels.values()]) channel.emit('pong')
  }

  #closeSocket(code: number, reason: string): void {
    this.#writer.flush()
    this.#socket.close(code, reason)
    // A paused socket would not see the other side's confirmation.
    this.#socket.resume()
    this.#end()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#cancelPing?.()
    for (const channel of [...this.#channels.values()]) this.#forget(channel)
  }

  #warn(message: string, ...details: unknown[]): void {
    this.#context.log.warn(`a multiplexed connection: ${message}`, ...details)
  }
}
