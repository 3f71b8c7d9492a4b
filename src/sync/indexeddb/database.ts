import { storageError } from './failure.ts'

/** The format of y-indexeddb: one database per document, one Yjs update (v1) per row of `updates`. */
const updates = 'updates'
const custom = 'custom'

/** Rejects with what the browser said, or with `foreign-database`. May stay pending as long as another tab likes. */
export async function openDatabase(name: string, onBlocked: () => void): Promise<IDBDatabase> {
  // Without a version an existing database opens in the version it has, whoever made it.
  const request = indexedDB.open(name)
  request.onupgradeneeded = () => {
    request.result.createObjectStore(updates, { autoIncrement: true })
    request.result.createObjectStore(custom)
  }
  request.onblocked = onBlocked
  const db = await resultOf(request)
  const { objectStoreNames } = db
  if (objectStoreNames.contains(updates) && objectStoreNames.contains(custom)) return db
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

/** Resolves when the transaction is complete, that is durable, and rejects with what aborted it. */
function write(
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

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
