import type { Clock } from '../../base/clock.ts'
import type { ServerSocket } from '../visitor.ts'
import type { Allowance } from './allowance.ts'

/** Why nothing is read from a socket for now. */
type Reason = 'not-started' | 'uncommitted' | 'rate'

/** Lets messages come in from a socket as long as there is no reason against it. It begins with one: not started. */
export class Reading {
  readonly #socket: ServerSocket
  readonly #clock: Clock
  readonly #allowance: Allowance | undefined
  readonly #reasons = new Set<Reason>(['not-started'])
  #cancelWait: (() => void) | undefined

  constructor(socket: ServerSocket, clock: Clock, allowance: Allowance | undefined) {
    this.#socket = socket
    this.#clock = clock
    this.#allowance = allowance
    socket.pause()
  }

  /** Nothing is read, or another document on the same socket may keep this one from it. */
  get isHindered(): boolean {
    return this.#isPaused || this.#waitMs > 0
  }

  pause(reason: Reason): void {
    if (!this.#isPaused) this.#socket.pause()
    this.#reasons.add(reason)
  }

  resume(reason: Reason): void {
    if (this.#reasons.delete(reason) && !this.#isPaused) this.#socket.resume()
  }

  /** Takes account of a message; says whether it was one too many, so that no more are read for some time. */
  spend(message: Uint8Array): boolean {
    this.#allowance?.spend(message)
    return this.#wait()
  }

  /** Reads from now on whatever comes, which nobody listens to any more. */
  end(): void {
    this.#cancelWait?.()
    this.#reasons.clear()
    // A paused socket would not see the other side's confirmation that it is closed.
    this.#socket.resume()
  }

  get #isPaused(): boolean {
    return this.#reasons.size > 0
  }

  get #waitMs(): number {
    return this.#allowance?.waitMs ?? 0
  }

  #wait(): boolean {
    const waitMs = this.#waitMs
    if (waitMs === 0 || this.#cancelWait) return false
    this.pause('rate')
    this.#cancelWait = this.#clock.setTimeout(() => {
      this.#cancelWait = undefined
      // Another socket of the same identity may have used it up.
      if (!this.#wait()) this.resume('rate')
    }, waitMs)
    return true
  }
}
