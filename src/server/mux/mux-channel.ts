import { EventEmitter } from 'node:events'
import type { ServerSocket } from '../visitor.ts'

/** What a channel needs of its socket. */
export interface ChannelOwner {
  readonly bufferedAmount: number
  send(channel: MuxChannel, data: Uint8Array): void
  /** Asks for a pong, which all channels are told of. */
  ping(): void
  /** It may take messages again. */
  onResumed(channel: MuxChannel): void
  close(channel: MuxChannel, code: number, reason: string): void
  terminate(): void
}

/** One document's part of a multiplexed socket. What arrives while it is paused is kept by it. */
export class MuxChannel extends EventEmitter implements ServerSocket {
  readonly id: number
  readonly #owner: ChannelOwner
  #kept: Buffer[] = []
  #isPaused = false
  #isEnded = false

  constructor(id: number, owner: ChannelOwner) {
    super()
    this.id = id
    this.#owner = owner
  }

  get bufferedAmount(): number {
    return this.#owner.bufferedAmount
  }

  /** Whether what arrives has to wait, for its turn or for `resume()`. */
  get isBlocked(): boolean {
    return this.#isPaused || this.#kept.length > 0
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  send(data: Uint8Array): void {
    if (!this.#isEnded) this.#owner.send(this, data)
  }

  ping(): void {
    if (!this.#isEnded) this.#owner.ping()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused || this.#isEnded) return
    this.#isPaused = false
    this.#owner.onResumed(this)
  }

  close(code: number, reason: string): void {
    if (!this.#isEnded) this.#owner.close(this, code, reason)
  }

  /** Ends the whole socket: who reads too slowly or does not answer does so in all channels. */
  terminate(): void {
    if (!this.#isEnded) this.#owner.terminate()
  }

  keep(data: Uint8Array): void {
    // A copy, because these are bytes of a whole message of the socket.
    this.#kept.push(Buffer.from(data))
  }

  /** The oldest message that was kept. */
  takeKept(): Buffer | undefined {
    return this.#kept.shift()
  }

  receive(data: Buffer): void {
    if (!this.#isEnded) this.emit('message', data, true)
  }

  /** Nothing comes and nothing goes any more; returns what was kept and will not be read. */
  end(): readonly Buffer[] {
    const kept = this.#kept
    this.#kept = []
    this.#isEnded = true
    // As with a socket, not while its user is still closing it.
    queueMicrotask(() => this.emit('close'))
    return kept
  }
}
