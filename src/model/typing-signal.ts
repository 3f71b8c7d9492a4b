import type { Clock } from '../base/clock.ts'

/**
 * The own typing: told to others at most once per window, and taken back by itself, so that a late joiner does not
 * see somebody type who stopped.
 */
export class TypingSignal {
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #timeoutMs: number
  readonly #announce: (typing: number | undefined) => void
  #count = 0
  #cancelWindow: (() => void) | undefined
  #cancelTimeout: (() => void) | undefined

  constructor(
    clock: Clock,
    options: { windowMs: number; timeoutMs: number },
    announce: (typing: number | undefined) => void,
  ) {
    this.#clock = clock
    this.#windowMs = options.windowMs
    this.#timeoutMs = options.timeoutMs
    this.#announce = announce
  }

  /** Call as often as keys are pressed. */
  refresh(): void {
    if (this.#cancelWindow) return
    this.#cancelWindow = this.#clock.setTimeout(() => {
      this.#cancelWindow = undefined
    }, this.#windowMs)
    this.#cancelTimeout?.()
    this.#cancelTimeout = this.#clock.setTimeout(() => this.end(), this.#timeoutMs)
    this.#announce(++this.#count)
  }

  /** Typing again right afterwards is told at once. */
  end(): void {
    this.#cancelWindow?.()
    this.#cancelWindow = undefined
    if (!this.#cancelTimeout) return
    this.#cancelTimeout()
    this.#cancelTimeout = undefined
    this.#announce(undefined)
  }
}
