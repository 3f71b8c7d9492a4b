import type { Clock } from '../base/clock.ts'

interface PromiseWithResolvers {
  resolve(): void
  reject(error: unknown): void
}

/** Writes at once, and then at most once per interval however often it is asked: leading and trailing. */
export class CoalescedWrite {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #write: () => void
  #cancelTimer: (() => void) | undefined
  #waiting: PromiseWithResolvers[] = []

  constructor(clock: Clock, intervalMs: number, write: () => void) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#write = write
  }

  /** Resolves when it is written: now, or at the end of the interval that began with the last write. */
  schedule(): Promise<void> {
    const written = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    if (!this.#cancelTimer) this.flush()
    return written
  }

  /** Resolves when what waits is written. */
  whenWritten(): Promise<void> {
    return this.#waiting.length > 0 ? this.schedule() : Promise.resolve()
  }

  /** Writes now what waits. */
  flush(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    this.#cancelTimer?.()
    if (this.#intervalMs > 0) {
      this.#cancelTimer = this.#clock.setTimeout(() => {
        this.#cancelTimer = undefined
        this.flush()
      }, this.#intervalMs)
    }
    try {
      this.#write()
      for (const { resolve } of waiting) resolve()
    } catch (error) {
      // Thrown by an app's own listener of the document; a timer is no place to pass it on.
      for (const { reject } of waiting) reject(error)
    }
  }

  /** Writes what waits and stops the timer. */
  close(): void {
    this.flush()
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
