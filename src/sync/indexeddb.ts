import { PREFERRED_TRIM_SIZE } from 'y-indexeddb'
import { type Clock, systemClock } from '../base/clock.ts'
import { deleteDatabase } from './indexeddb/database.ts'
import { asksTheUser, persistStorage } from './indexeddb/persist-storage.ts'
import { StoredDocument } from './indexeddb/stored-document.ts'
import type { Persistence } from './provider.ts'

export { persistStorage } from './indexeddb/persist-storage.ts'

export interface IndexeddbOptions {
  /** The database is named `prefix` + name of the document. Default: empty, as y-indexeddb names it. */
  prefix?: string
  /** `whenLoaded`, `flush()` and `destroy()` settle after this time at the latest. Default: 5,000. */
  loadTimeoutMs?: number
  /** From this number of rows on they are replaced by a single one. Default: y-indexeddb's, 500. */
  trimRows?: number
  /**
   * Whether the first document of a page calls `persistStorage()`. Default: yes, except in Firefox, where the user
   * would be asked.
   */
  askToPersist?: boolean
  /** For tests. */
  clock?: Clock
}

/**
 * Keeps a document in IndexedDB, in the format of y-indexeddb: each opens what the other wrote.
 *
 * The browser has been told to store an own change when the call that made it returns, so that it survives the page,
 * or a moment later the whole browser, being killed in that very task; further changes of the task follow at its end.
 * A power cut may cost the last ones: browsers do not wait for the disk. Trouble is reported once, with a `reason`; the
 * document lives on in memory and is stored again as soon as that works.
 */
export function indexeddb(options: IndexeddbOptions = {}): Persistence {
  const {
    prefix = '',
    loadTimeoutMs = 5000,
    trimRows = PREFERRED_TRIM_SIZE,
    clock = systemClock,
  } = options
  return context => {
    const database = prefix + context.name
    const stored = new StoredDocument(context, {
      database,
      timeoutMs: loadTimeoutMs,
      trimRows,
      clock,
    })
    if (options.askToPersist ?? !asksTheUser()) void stored.whenLoaded.then(persistStorage)
    return stored
  }
}

/**
 * Deletes a document from this device. Resolves when it is gone; rejects with a `ConversationsError` of reason
 * `blocked` when another program or an older page keeps it open for longer than `loadTimeoutMs`.
 */
export function clearIndexeddb(
  name: string,
  { prefix = '', loadTimeoutMs = 5000 }: IndexeddbOptions = {},
): Promise<void> {
  return deleteDatabase(prefix + name, loadTimeoutMs)
}
