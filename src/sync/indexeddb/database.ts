import type { IdleWriter } from '../provider.ts'
import { storageError } from './failure.ts'

/** The format of y-indexeddb: one database per document, one Yjs update (v1) per row of `updates`. */
const updates = 'updates'
const custom = 'custom'

const documentStores = { [updates]: { autoIncrement: true }, [custom]: {} }

/**
 * Opens a database, and makes it with these stores if there is none. Rejects with what the browser said, or with
 * `foreign-database`. May stay pending as long as another tab likes.
 */
export async function openDatabase(
  name: string,
  onBlocked: () => void,
  stores: Record<string, IDBObjectStoreParameters> = documentStores,
): Promise<IDBDatabase> {
  // Without a version an existing database opens in the version it has, whoever made it.
  const request = indexedDB.open(name)
  request.onupgradeneeded = () => {
    for (const [store, parameters] of Object.entries(stores)) {
      request.result.createObjectStore(store, parameters)
    }
  }
  request.onblocked = onBlocked
  const db = await resultOf(request)
  if (Object.keys(stores).every(store => db.objectStoreNames.contains(store))) return db
  db.close()
  throw storageError('foreign-database')
}

/** Rejects with `blocked` when it takes longer than `timeoutMs`; it is then deleted when the other tabs close it. */
export function deleteDatabase(name: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name)
    const id = setTimeout(() => reject(storageError('blocked')), timeoutMs)
    resultOf(request)
      .finally(() => clearTimeout(id))
      .then(() => resolve(), reject)
  })
}

/** Hands over all rows after the key `after`, oldest first, and returns what came of it, with their keys. */
export async function readRows<T>(
  db: IDBDatabase,
  after: IDBValidKey | undefined,
  onRows: (rows: unknown[]) => T,
): Promise<{ keys: IDBValidKey[]; result: T }> {
  const transaction = db.transaction(updates)
  const store = transaction.objectStore(updates)
  const range = after === undefined ? null : IDBKeyRange.lowerBound(after, true)
  const rows = resultOf(store.getAll(range)).then(onRows)
  const keys = resultOf(store.getAllKeys(range))
  // Otherwise what is written meanwhile, in any tab, waits until this one has heard the answers.
  transaction.commit?.()
  // The rows are not kept waiting for the keys.
  const [result, allKeys] = await Promise.all([rows, keys])
  return { keys: allKeys, result }
}

/** Adds a row and, in the same transaction, deletes those up to the key `upTo`. */
export function addRow(db: IDBDatabase, row: Uint8Array, upTo?: IDBValidKey): Promise<void> {
  return write(db, [updates], ([store]) => {
    store?.add(row)
    if (upTo !== undefined) store?.delete(IDBKeyRange.upperBound(upTo))
  })
}

/** Moves rows to the store `custom`, where they harm nobody and can still be looked at. */
export function setAside(db: IDBDatabase, rows: Map<IDBValidKey, unknown>): Promise<void> {
  return write(db, [updates, custom], ([store, others]) => {
    for (const [key, row] of rows) {
      others?.put(row, `corrupt row ${String(key)}`)
      store?.delete(key)
    }
  })
}

const refusedPrefix = 'y-conversations/refused/'

/** So many are kept, the newest ones. */
const maxRefusedStates = 3

/** Deletes all rows and keeps a state in the store `custom`, where nothing loads it. Told to the browser when it returns. */
export function replaceRows(db: IDBDatabase, state: Uint8Array, nowMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction([updates, custom], 'readwrite')
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
    transaction.objectStore(updates).clear()
    const store = transaction.objectStore(custom)
    store.put(state, refusedPrefix + new Date(nowMs).toISOString())
    const request = store.getAllKeys(IDBKeyRange.bound(refusedPrefix, `${refusedPrefix}~`))
    request.onsuccess = () => {
      for (const key of request.result.slice(0, -maxRefusedStates)) store.delete(key)
    }
  })
}

const writerPrefix = 'y-conversations/writer/'

/** Told to the browser when it returns. */
export function putWriter(db: IDBDatabase, writer: IdleWriter): Promise<void> {
  return write(db, [custom], ([store]) => {
    // A key for each, so that nothing has to be read before: a page that goes away hears no answer.
    store?.put(writer, writerPrefix + writer.clientId)
  })
}

/** Resolves to the first writer of an owner when it is deleted, on the disk itself. */
export function takeWriter(db: IDBDatabase, owner: string): Promise<IdleWriter | undefined> {
  return new Promise((resolve, reject) => {
    // Otherwise it might be there again after a power cut, though others have seen what was written under it since.
    const transaction = db.transaction(custom, 'readwrite', { durability: 'strict' })
    const store = transaction.objectStore(custom)
    let taken: IdleWriter | undefined
    transaction.oncomplete = () => resolve(taken)
    transaction.onabort = () => reject(transaction.error)
    const request = store.getAll(IDBKeyRange.bound(writerPrefix, `${writerPrefix}~`))
    request.onsuccess = () => {
      taken = request.result.find(kept => isWriterOf(kept, owner))
      if (taken) store.delete(writerPrefix + taken.clientId)
    }
  })
}

function isWriterOf(kept: unknown, owner: string): kept is IdleWriter {
  const writer = (kept ?? {}) as Partial<IdleWriter>
  return writer.owner === owner && [writer.clientId, writer.clock].every(Number.isInteger)
}

/** Resolves when the transaction is complete, that is durable, and rejects with what aborted it. */
export function write(
  db: IDBDatabase,
  names: string[],
  work: (stores: IDBObjectStore[]) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(names, 'readwrite')
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
    work(names.map(name => transaction.objectStore(name)))
    // Without it the browser commits only when it hears that we ask for nothing more, which a process that is
    // killed in this very task never tells it.
    transaction.commit?.()
  })
}

export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
