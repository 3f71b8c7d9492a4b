import type { Clock } from '../base/clock.ts'

/** Writes at once, and then at most once per interval however often it is asked: leading and trailing. */
export class CoalescedWrite {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #write: () => void
  #cancelTimer: (() => void) | undefined
  #waiting: (() => void)[] = []

  constructor(clock: Clock, intervalMs: number, write: () => void) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#write = write
  }

  /** Resolves when it is written: now, or at the end of the interval that began with the last write. */
  schedule(): Promise<void> {
    const written = new Promise<void>(resolve => this.#waiting.push(resolve))
    if (!this.#cancelTimer) this.flush()
    return written
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
    this.#write()
    for (const resolve of waiting) resolve()
  }

  /** Writes what waits and stops the timer. */
  close(): void {
    this.flush()
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
