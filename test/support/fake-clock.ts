import type { Clock } from '../../src/base/clock.ts'

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>()
  #now: number

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs
  }

  get timerCount(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#now + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Goes on by `ms`, and calls back on the way what becomes due. */
  advance(ms: number): void {
    const endMs = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)
      if (!next || next.dueMs > endMs) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.dueMs)
      next.callback()
    }
    this.#now = endMs
  }

  /** Sets the time without calling back, as a user does who corrects a clock. */
  set(nowMs: number): void {
    this.#now = nowMs
  }

  /** Forgets all timers, as a process does that is killed. */
  stop(): void {
    this.#timers.clear()
  }
}
