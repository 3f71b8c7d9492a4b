export interface LivenessOptions {
  intervalMs: number
  timeoutMs: number
  /** Sends something that is answered. Called a second time, `isAgain`, when the first was not answered soon. */
  ask(isAgain: boolean): void
  /** What was sent and has not left this device. */
  bufferedBytes(): number
  onDead(): void
}

/** Tells a dead connection from a quiet one, also where the timers of a hidden tab run once a minute. */
export class Liveness {
  readonly #options: LivenessOptions
  #timer: ReturnType<typeof setTimeout> | undefined
  #dueMs = 0
  #timesAsked = 0
  #wasLate = false
  #bufferedBytes = 0

  constructor(options: LivenessOptions) {
    this.#options = options
  }

  /** Begins, or begins anew: something arrived. */
  heard(): void {
    this.#timesAsked = 0
    this.#wasLate = false
    this.#wait(this.#options.intervalMs)
  }

  /** Asks now, unless it has asked already. */
  probe(): void {
    if (this.#timesAsked === 0) this.#ask()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #ask(): void {
    const isAgain = this.#timesAsked++ > 0
    this.#bufferedBytes = this.#options.bufferedBytes()
    this.#options.ask(isAgain)
    this.#wait(this.#options.timeoutMs * (isAgain ? 0.75 : 0.25))
  }

  #judge(): void {
    const bufferedBytes = this.#options.bufferedBytes()
    const isSending = bufferedBytes < this.#bufferedBytes
    // A page that was frozen may have the answer in its queue.
    const isLate = Date.now() - this.#dueMs > this.#options.timeoutMs && !this.#wasLate
    if (isSending) {
      this.#bufferedBytes = bufferedBytes
      this.#wait(this.#options.timeoutMs)
    } else if (isLate) {
      this.#wasLate = true
      this.#timesAsked = 0
      this.#ask()
    } else {
      this.#options.onDead()
    }
  }

  #wait(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#dueMs = Date.now() + delayMs
    this.#timer = setTimeout(() => {
      if (this.#timesAsked < 2) this.#ask()
      else this.#judge()
    }, delayMs)
  }
}
