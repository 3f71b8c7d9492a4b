import * as Y from 'yjs'
import type { IdleWriters, PersistenceHandle, ProviderContext } from '../provider.ts'
import { applyRows, type CorruptRow } from './apply-rows.ts'
import { Connection } from './connection.ts'
import { addRow, readRows, replaceRows, setAside } from './database.ts'
import { storageError } from './failure.ts'
import { inTime } from './in-time.ts'
import { firstTabDelayMs, otherTabDelayMs, type Settings } from './settings.ts'
import { Siblings } from './siblings.ts'
import { StoredWriters } from './stored-writers.ts'
import { Unsaved } from './unsaved.ts'

/*
 * One row per change, however many tabs are open. A tab stores what was written in it, at once and by itself, because
 * nothing it asked of another tab would survive that tab hanging. What comes from elsewhere is the business of the
 * first tab, which holds a Web Lock; it waits a moment, because it may be the change of another tab, which stored it
 * and tells so. The other tabs wait longer, so that they only store what the first one did not: it may hang, or be
 * offline while they are not. Nothing depends on the lock or on what is told: without them there are more rows.
 *
 * A row never depends on one that may be missing, for then it, and all later rows of its author, would be unreadable:
 * a tab that stores its own change stores with it all it has seen and does not know to be stored.
 */
export class StoredDocument implements PersistenceHandle {
  readonly whenLoaded: Promise<void>
  readonly writers: IdleWriters
  readonly #doc: Y.Doc
  readonly #settings: Settings
  readonly #connection: Connection
  readonly #isRefused: (update: Uint8Array) => boolean
  readonly #writes = new Set<Promise<void>>()
  #siblings: Siblings | undefined
  #destroyed: Promise<void> | undefined
  #unsaved = new Unsaved()
  /** The state that is to take the place of all rows, before anything else is stored. */
  #aside: Uint8Array | undefined
  /** Rows we count on may be gone, so that the next one has to be the whole state. */
  #mustRewrite = false
  #isLoaded = false
  #isInTask = false
  #rows = 0
  /** Not before there are so many rows. */
  #trimAfterRows = 0
  /** Of the rows up to here, every one is in the document or was set aside. */
  #lastKey: IDBValidKey | undefined
  #cancelStoreSoon: (() => void) | undefined
  #onLoaded: (() => void) | undefined

  constructor({ doc, onError, isRefused = () => false }: ProviderContext, settings: Settings) {
    this.#doc = doc
    this.#isRefused = isRefused
    this.#settings = settings
    this.#connection = new Connection(settings.database, settings.clock, {
      onOpen: (db, isAgain) => this.#opened(db, isAgain),
      onRetry: () => (this.#isLoaded ? this.#store() : void this.#connection.open()),
      onError,
    })
    this.writers = new StoredWriters(this.#connection, settings, this.#writes, () => this.#isLoaded)
    if (doc.store.clients.size > 0) this.#unsaved.addWhole()
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#onDestroy)
    globalThis.addEventListener?.('pagehide', this.#store)
    const loaded = new Promise<void>(resolve => {
      this.#onLoaded = resolve
      void this.#connection.open()?.then(resolve)
    })
    this.whenLoaded = inTime(settings, loaded, () =>
      this.#connection.tell(storageError(this.#connection.db ? 'timeout' : 'blocked')),
    )
  }

  flush(): Promise<void> {
    this.#store()
    return inTime(this.#settings, this.#settled())
  }

  async refresh(): Promise<void> {
    await this.#connection.opening
    const { db } = this.#connection
    if (db && !this.#destroyed)
      await inTime(
        this.#settings,
        this.#read(db).then(() => {}),
      )
  }

  setAside(state: Uint8Array): Promise<void> {
    this.#aside = state
    this.#unsaved = new Unsaved()
    this.#mustRewrite = false
    this.#rows = 0
    this.#siblings?.forget()
    return this.flush()
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#end()
    return this.#destroyed
  }

  async #end(): Promise<void> {
    this.#doc.off('update', this.#onUpdate)
    this.#doc.off('destroy', this.#onDestroy)
    globalThis.removeEventListener?.('pagehide', this.#store)
    this.#cancelStoreSoon?.()
    this.#connection.retryNow()
    await this.flush()
    this.#siblings?.leave()
    this.#connection.close()
  }

  #onDestroy = (): void => void this.destroy()

  #onUpdate = (
    update: Uint8Array,
    _origin: unknown,
    _doc: Y.Doc,
    { local }: Y.Transaction,
  ): void => {
    if (local) {
      this.#unsaved.add(update)
      // The first change of a task is stored before the call that made it returns, the others with the task's end.
      if (this.#isInTask) return
      this.#isInTask = true
      queueMicrotask(() => {
        this.#isInTask = false
        this.#store()
      })
      this.#store()
    } else if (!this.#siblings?.hasStored(update)) {
      this.#unsaved.add(update)
      this.#storeSoon()
    }
  }

  #storeSoon(): void {
    const delayMs = this.#siblings?.isFirst ? firstTabDelayMs : otherTabDelayMs
    this.#cancelStoreSoon ??= this.#settings.clock.setTimeout(() => {
      this.#cancelStoreSoon = undefined
      this.#store()
    }, delayMs)
  }

  /** Stores what is not stored, or begins to open the database for it. Never throws. */
  #store = (): void => {
    if (this.#unsaved.isEmpty && !this.#aside) return
    const { db } = this.#connection
    if (!db) {
      void this.#connection.open()
      return
    }
    if (this.#aside) this.#write(this.#replaceRows(db, this.#aside))
    if (this.#unsaved.isEmpty) return
    const batch = this.#unsaved
    this.#unsaved = new Unsaved()
    let upTo: IDBValidKey | undefined
    if (this.#mustRewrite) {
      batch.addWhole()
      upTo = this.#lastKey
      if (upTo !== undefined) this.#rows = 0
      this.#mustRewrite = false
    }
    this.#write(this.#storeRow(db, batch, upTo))
    this.#countRow(db)
  }

  #write(write: Promise<void>): void {
    this.#writes.add(write)
    void write.then(() => this.#writes.delete(write))
  }

  async #replaceRows(db: IDBDatabase, state: Uint8Array): Promise<void> {
    this.#aside = undefined
    try {
      const replaced = replaceRows(db, state, this.#settings.clock.now())
      // Theirs are gone too, and they have to store them anew.
      this.#siblings?.tell('failed')
      await replaced
    } catch (error) {
      this.#aside ??= state
      // What was stored behind it goes with the next attempt.
      this.#unsaved.addWhole()
      this.#connection.fail(error)
    }
  }

  async #storeRow(db: IDBDatabase, batch: Unsaved, upTo: IDBValidKey | undefined): Promise<void> {
    const { store } = this.#doc
    try {
      const row = batch.encode(this.#doc)
      const added = addRow(db, row, upTo)
      this.#siblings?.tell(row)
      await added
      if (this.#unsaved.isEmpty) this.#connection.worked()
    } catch (error) {
      // Unless the document was emptied meanwhile.
      if (store === this.#doc.store) this.#unsaved.addAll(batch)
      this.#siblings?.tell('failed')
      this.#connection.fail(error)
    }
  }

  async #settled(): Promise<void> {
    await this.#connection.opening
    await Promise.all(this.#writes)
  }

  async #opened(db: IDBDatabase, isAgain: boolean): Promise<void> {
    if (isAgain) {
      this.#mustRewrite = true
      this.#lastKey = undefined
    }
    // The page may go away while we read. But a rewrite can only replace the rows when they are read.
    if (!isAgain || this.#destroyed || this.#aside) this.#store()
    if (this.#destroyed) return
    try {
      this.#rows = await this.#read(db)
      if (this.#unsaved.isEmpty) this.#connection.worked()
    } finally {
      if (isAgain) this.#store()
      if (!this.#destroyed) this.#siblings ??= this.#meetSiblings()
    }
  }

  /** Brings the rows that are not known into the document and says how many they were. */
  async #read(db: IDBDatabase): Promise<number> {
    const { keys, result } = await readRows(db, this.#lastKey, rows => this.#apply(rows))
    if (!result) return 0
    if (result.length > 0) {
      const rows = result.map(({ index, row }) => [keys[index] as IDBValidKey, row] as const)
      await setAside(db, new Map(rows))
    }
    this.#lastKey = keys.at(-1) ?? this.#lastKey
    return keys.length - result.length
  }

  /** Returns the rows that cannot be read, and nothing when it is too late to bring them into the document. */
  #apply(rows: unknown[]): CorruptRow[] | undefined {
    if (this.#destroyed) return undefined
    const corrupt = applyRows(this.#doc, rows, this, this.#onUpdate, this.#isRefused)
    if (corrupt[0]) this.#connection.tell(storageError('corrupt-row', corrupt[0].error))
    this.#isLoaded = true
    this.#onLoaded?.()
    return corrupt
  }

  #countRow(db = this.#connection.db): void {
    this.#rows++
    const { trimRows } = this.#settings
    // Otherwise all tabs would do it at once. The others do it when the first one does not.
    const limit = this.#siblings?.isFirst ? trimRows : trimRows * 1.5
    if (db && this.#rows >= Math.max(limit, this.#trimAfterRows)) void this.#trim(db)
  }

  /** Replaces all rows that are there by one. */
  async #trim(db: IDBDatabase): Promise<void> {
    this.#trimAfterRows = Number.POSITIVE_INFINITY
    const rows = this.#rows
    try {
      // Rows of other tabs are read first, because only what is in the document may be deleted.
      await this.#read(db)
      if (this.#destroyed) return
      await addRow(db, Y.encodeStateAsUpdate(this.#doc), this.#lastKey)
      this.#rows -= rows - 1
      this.#siblings?.tell('trimmed')
      this.#trimAfterRows = 0
    } catch (error) {
      // Nothing is lost, and later there may be more room.
      this.#trimAfterRows = this.#rows + this.#settings.trimRows
      if (!this.#destroyed) this.#connection.fail(error)
    }
  }

  #meetSiblings(): Siblings {
    const siblings = new Siblings(this.#settings.database, {
      onFirst: () => {
        this.#cancelStoreSoon?.()
        this.#cancelStoreSoon = undefined
        this.#storeSoon()
      },
      onRow: () => {
        this.#unsaved.remove(siblings.hasStored)
        this.#countRow()
      },
      onTrimmed: () => {
        this.#rows = 1
      },
      onFailed: () => {
        // Not at once in every tab, but in this one with the next row.
        this.#mustRewrite = true
        if (!siblings.isFirst) return
        this.#unsaved.addWhole()
        this.#storeSoon()
      },
    })
    return siblings
  }
}
