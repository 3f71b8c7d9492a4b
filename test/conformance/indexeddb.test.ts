import 'fake-indexeddb/auto'
import { describe, it, vi } from 'vitest'
import { indexeddb } from '../../src/sync/indexeddb.ts'
import { describePersistence } from '../../src/testing/index.ts'

let storages = 0

describePersistence(
  'indexeddb',
  {
    createStorage: () => ({ prefix: `device ${++storages} ` }),
    persistence: ({ prefix }) => indexeddb({ prefix, askToPersist: false }),
    countRows: ({ prefix }, name) => countRows(prefix + name),
    hasWriters: true,
    failWrites() {
      vi.spyOn(IDBObjectStore.prototype, 'delete').mockImplementation(function (
        this: IDBObjectStore,
        key,
      ) {
        const request = this.get(key as IDBValidKey)
        this.transaction.abort()
        return request as IDBRequest<undefined>
      })
      vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(() => {
        throw new DOMException('The disk is full', 'QuotaExceededError')
      })
    },
    mendWrites: () => void vi.restoreAllMocks(),
    closeStorage: () => void vi.restoreAllMocks(),
  },
  { describe, it },
)

function countRows(database: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(database)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const counting = opening.result.transaction('updates').objectStore('updates').count()
      counting.onsuccess = () => {
        opening.result.close()
        resolve(counting.result)
      }
    }
  })
}
