import type { IdleWriter, IdleWriters } from '../provider.ts'
import type { Connection } from './connection.ts'
import { putWriter, takeWriter } from './database.ts'
import { inTime } from './in-time.ts'
import type { Settings } from './settings.ts'

/**
 * The client ids that sessions leave, in the database of the document, so that one is not lost without the other.
 * Nobody holds a lock: an id in the database is nobody's, and one transaction takes it out for one tab.
 */
export class StoredWriters implements IdleWriters {
  readonly #connection: Connection
  readonly #settings: Settings
  readonly #writes: Set<Promise<void>>
  readonly #isLoaded: () => boolean

  /** `writes`: what a flush waits for. */
  constructor(
    connection: Connection,
    settings: Settings,
    writes: Set<Promise<void>>,
    isLoaded: () => boolean,
  ) {
    this.#connection = connection
    this.#settings = settings
    this.#writes = writes
    this.#isLoaded = isLoaded
  }

  async take(owner: string): Promise<IdleWriter | undefined> {
    const { db } = this.#connection
    if (!db || !this.#isLoaded()) return undefined
    let taken: IdleWriter | undefined
    let isLate = false
    const taking = this.#try(async () => {
      taken = await takeWriter(db, owner)
      if (taken && isLate) this.put(taken)
    })
    await inTime(this.#settings, taking, () => {
      isLate = true
    })
    return isLate ? undefined : taken
  }

  put(writer: IdleWriter): void {
    const { db } = this.#connection
    if (!db) return
    const write = this.#try(() => putWriter(db, writer))
    this.#writes.add(write)
    void write.then(() => this.#writes.delete(write))
  }

  /** What fails costs a client id and is not worth telling; with the next row it shows whether there is trouble. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch {}
  }
}
