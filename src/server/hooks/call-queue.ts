import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../options.ts'

/** The next call waits for this one no longer. */
const PATIENCE_MS = 30_000

interface Call {
  run(): unknown
  onSettled: (() => void) | undefined
}

/** Calls functions of the app one after the other: each when the one before has settled, or takes too long. */
export class CallQueue {
  readonly #name: string
  readonly #context: { readonly clock: Clock; readonly log: Logger }
  readonly #onIdle: () => void
  #calls: Call[] = []
  #running: Promise<void> | undefined
  #isStopped = false

  /** @param name for the log */
  constructor(
    name: string,
    context: { readonly clock: Clock; readonly log: Logger },
    onIdle: () => void,
  ) {
    this.#name = name
    this.#context = context
    this.#onIdle = onIdle
  }

  /** How many calls have not settled. */
  get length(): number {
    return this.#calls.length
  }

  /** @param onSettled called also when it failed, or takes too long */
  push(run: () => unknown, onSettled?: () => void): void {
    if (this.#isStopped) return
    this.#calls.push({ run, onSettled })
    this.#running ??= this.#runAll()
  }

  /** Resolves when nothing waits. */
  async whenIdle(): Promise<void> {
    while (this.#running) await this.#running
  }

  /** Begins no more calls. */
  stop(): void {
    this.#isStopped = true
    this.#calls = this.#calls.slice(0, 1)
  }

  async #runAll(): Promise<void> {
    // Not in the midst of what led to it.
    await Promise.resolve()
    for (let call = this.#calls[0]; call; call = this.#calls[0]) {
      await this.#settle(call)
      this.#calls.shift()
      call.onSettled?.()
    }
    this.#running = undefined
    this.#onIdle()
  }

  async #settle({ run }: Call): Promise<void> {
    const { clock, log } = this.#context
    let cancel = () => {}
    const whenLate = new Promise<void>(resolve => {
      cancel = clock.setTimeout(() => {
        log.warn(`${this.#name}: a hook takes longer than ${PATIENCE_MS / 1000} s; going on`)
        resolve()
      }, PATIENCE_MS)
    })
    const settled = (async () => run())().then(
      () => {},
      error => log.error(`${this.#name}: a hook failed`, error),
    )
    await Promise.race([settled, whenLate])
    cancel()
  }
}
