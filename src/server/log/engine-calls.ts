import { ConversationsError } from '../../base/errors.ts'
import { LeaseLostError } from './document-log.ts'

/** Calls to an engine over the network, each of which ends in bounded time, while the log is open. */
export class EngineCalls {
  readonly #engine: string
  readonly #timeoutMs: number
  readonly #onTimeout: () => void
  readonly #pending = new Set<Promise<unknown>>()
  #isClosed = false

  /** @param engine its name, for messages */
  constructor(engine: string, timeoutMs: number, onTimeout: () => void = () => {}) {
    this.#engine = engine
    this.#timeoutMs = timeoutMs
    this.#onTimeout = onTimeout
  }

  /** @throws ConversationsError (rejects) `closed`, or `storage` with the engine's error as its cause */
  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new ConversationsError('closed', 'The log is closed')
    const call = this.#within(work())
    this.#pending.add(call)
    try {
      return await call
    } catch (error) {
      throw this.#typed(error)
    } finally {
      this.#pending.delete(call)
    }
  }

  /** Lets no more calls begin; resolves when those that had begun have ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  #within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${this.#timeoutMs} ms`))
        this.#onTimeout()
      }, this.#timeoutMs)
      work.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  #typed(error: unknown): unknown {
    if (error instanceof LeaseLostError || error instanceof ConversationsError) return error
    const reason = error instanceof Error ? error.message : String(error)
    return new ConversationsError('storage', `${this.#engine} did not do it: ${reason}`, {
      reason: 'aborted',
      cause: error,
    })
  }
}
