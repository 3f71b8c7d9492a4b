import type { Clock } from '../../base/clock.ts'
import { callSafely } from '../../base/emitter.ts'
import type { ConversationsError, StorageFailure } from '../../base/errors.ts'
import { openDatabase } from './database.ts'
import { failureOf, storageError } from './failure.ts'

const firstRetryMs = 250
const lastRetryMs = 30_000

export interface ConnectionEvents {
  /** `isAgain`: there was a connection before, and what was stored through it may be gone. */
  onOpen(db: IDBDatabase, isAgain: boolean): Promise<void>
  /** Some time after a failure. */
  onRetry(): void
  onError(error: ConversationsError): void
}

/** One connection to a database, opened again after it was lost, and the trouble with it, told once. */
export class Connection {
  readonly #name: string
  readonly #clock: Clock
  readonly #events: ConnectionEvents
  /** The reasons told since it last worked. */
  readonly #told = new Set<StorageFailure>()
  #db: IDBDatabase | undefined
  #opening: Promise<void> | undefined
  #wasOpen = false
  #isOver = false
  #retryMs = firstRetryMs
  #cancelRetry: (() => void) | undefined

  constructor(name: string, clock: Clock, events: ConnectionEvents) {
    this.#name = name
    this.#clock = clock
    this.#events = events
  }

  /** Unless it is closed, or nothing should be tried for a while. */
  get db(): IDBDatabase | undefined {
    return this.#cancelRetry ? undefined : this.#db
  }

  /** Settles when the attempt under way has ended and `onOpen` has done its work. Never rejects. */
  get opening(): Promise<void> | undefined {
    return this.#opening
  }

  /** Unless it is open, being opened, over, or nothing should be tried for a while. */
  open(): Promise<void> | undefined {
    if (!this.#db && !this.#cancelRetry && !this.#isOver) this.#opening ??= this.#open()
    return this.#opening
  }

  fail(cause: unknown, isOpening = false): void {
    const error = failureOf(cause, isOpening)
    this.tell(error)
    // A connection that failed may go on failing where a new one works. A full disk is full for both.
    if (error.reason !== 'quota') this.#drop()
    if (error.reason === 'unavailable') this.#isOver = true
    if (this.#isOver || this.#cancelRetry) return
    this.#cancelRetry = this.#clock.setTimeout(() => {
      this.#cancelRetry = undefined
      this.#events.onRetry()
    }, this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
  }

  tell(error: ConversationsError): void {
    if (!error.reason || this.#told.has(error.reason)) return
    this.#told.add(error.reason)
    callSafely(() => this.#events.onError(error), [])
  }

  worked(): void {
    this.#told.clear()
    this.#retryMs = firstRetryMs
  }

  /** Ends the wait after a failure. */
  retryNow(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }

  /** Transactions under way are completed. An attempt to open still does what `onOpen` does. */
  close(): void {
    this.#isOver = true
    this.retryNow()
    this.#drop()
  }

  async #open(): Promise<void> {
    let db: IDBDatabase | undefined
    try {
      db = await openDatabase(this.#name, () => this.tell(storageError('blocked')))
      db.onclose = db.onversionchange = ({ target }: Event) => this.#lose(target)
      this.#db = db
      const isAgain = this.#wasOpen
      this.#wasOpen = true
      await this.#events.onOpen(db, isAgain)
    } catch (error) {
      this.fail(error, !db)
    }
    this.#opening = undefined
    if (this.#isOver) this.#drop()
  }

  #lose(db: unknown): void {
    if (db !== this.#db) return
    this.#drop()
    this.tell(storageError('closed'))
  }

  #drop(): void {
    this.#db?.close()
    this.#db = undefined
  }
}
