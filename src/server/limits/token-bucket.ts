import type { Clock } from '../../base/clock.ts'

/** A rate that may be saved up for some time. What is taken over it becomes a debt, so nothing has to be dropped. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #perMs: number
  readonly #capacity: number
  #level: number
  #filledAtMs: number

  constructor(clock: Clock, perSecond: number, burstSeconds: number) {
    this.#clock = clock
    this.#perMs = perSecond / 1_000
    this.#capacity = perSecond * burstSeconds
    this.#level = this.#capacity
    this.#filledAtMs = clock.now()
  }

  take(amount: number): void {
    this.#fill()
    this.#level -= amount
  }

  /** Takes one, if there is one. */
  tryTake(): boolean {
    this.#fill()
    if (this.#level < 1) return false
    this.#level -= 1
    return true
  }

  /** Milliseconds until there is no debt. */
  get waitMs(): number {
    this.#fill()
    return this.#level >= 0 ? 0 : Math.ceil(-this.#level / this.#perMs)
  }

  get isFull(): boolean {
    this.#fill()
    return this.#level >= this.#capacity
  }

  #fill(): void {
    const nowMs = this.#clock.now()
    // A clock that was set back gives nothing, and takes nothing.
    const passedMs = Math.max(0, nowMs - this.#filledAtMs)
    this.#filledAtMs = nowMs
    this.#level = Math.min(this.#capacity, this.#level + passedMs * this.#perMs)
  }
}
