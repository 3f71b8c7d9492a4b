import { type Clock, systemClock } from '../../base/clock.ts'
import { openDatabase, resultOf, write } from '../indexeddb/database.ts'
import { failureOf, storageError } from '../indexeddb/failure.ts'
import type { LocalMediaStore } from './media-store.ts'

export interface IndexeddbMediaOptions {
  /** The database is named `prefix` + `media`. Default: `y-conversations/`. */
  prefix?: string
  /** Every call settles after this time at the latest, in ms. Default: 10,000. */
  timeoutMs?: number
  /** For tests. */
  clock?: Clock
}

/** One store: a hash leads to the content, and `pending/` + a hash says that it is to be uploaded. */
const store = 'media'
const pendingPrefix = 'pending/'

/**
 * Keeps attachments in IndexedDB, in a database of its own. Calls reject with a `ConversationsError` of code `storage`;
 * the next call tries again.
 */
export function indexeddbMedia(options: IndexeddbMediaOptions = {}): LocalMediaStore {
  const { prefix = 'y-conversations/', timeoutMs = 10_000, clock = systemClock } = options
  let opening: Promise<IDBDatabase> | undefined
  let opened: IDBDatabase | undefined

  function close() {
    opened?.close()
    opening = opened = undefined
  }

  function open(): Promise<IDBDatabase> {
    const mine = new Promise<IDBDatabase>((resolve, reject) => {
      openDatabase(prefix + store, () => reject(storageError('blocked')), { [store]: {} })
        .then(db => {
          // Nobody waits for it any more, and an open connection keeps others from deleting the database.
          if (opening !== mine) return db.close()
          opened = db
          db.onclose = db.onversionchange = () => {
            db.close()
            if (opened === db) close()
          }
          resolve(db)
        })
        .catch(reject)
    })
    return mine
  }

  async function use<T>(work: (db: IDBDatabase) => Promise<T>): Promise<T> {
    opening ??= open()
    const mine = opening
    let isOpen = false
    const worked = mine.then(db => {
      isOpen = true
      return work(db)
    })
    try {
      return await inTime(worked, timeoutMs, clock)
    } catch (cause) {
      const error = failureOf(cause, !isOpen)
      // A connection that failed may go on failing where a new one works. A full disk is full for both.
      if (opening === mine && error.reason !== 'quota') close()
      throw error
    }
  }

  /** Bytes rather than blobs: those cannot be stored everywhere, and one of a file may not outlive the file. */
  async function put(hash: string, blob: Blob, ...notes: string[]): Promise<void> {
    const bytes = await blob.arrayBuffer()
    await use(db =>
      write(db, [store], ([media]) => {
        media?.put(bytes, hash)
        for (const note of notes) media?.put(true, note)
      }),
    )
  }

  const read = <T>(ask: (media: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
    use(db => resultOf(ask(db.transaction(store).objectStore(store))))

  return {
    async get(hash) {
      const bytes: unknown = await read(media => media.get(hash))
      return bytes === undefined ? undefined : new Blob([bytes as ArrayBuffer])
    },
    put: (hash, blob) => put(hash, blob),
    putOwn: (hash, blob) => put(hash, blob, pendingPrefix + hash),
    async pending() {
      const range = IDBKeyRange.bound(pendingPrefix, `${pendingPrefix}~`)
      const keys = await read(media => media.getAllKeys(range))
      return keys.map(key => String(key).slice(pendingPrefix.length))
    },
    uploaded: hash =>
      use(db => write(db, [store], ([media]) => media?.delete(pendingPrefix + hash))),
    close,
  }
}

function inTime<T>(work: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimeout(() => reject(storageError('timeout')), timeoutMs)
    work.finally(cancel).then(resolve, reject)
  })
}
