import 'fake-indexeddb/auto'
import { onTestFinished } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Clock } from '../../../src/base/clock.ts'
import type { ConversationsError } from '../../../src/base/errors.ts'
import { type IndexeddbOptions, indexeddb } from '../../../src/sync/indexeddb.ts'
import type { PersistenceHandle } from '../../../src/sync/provider.ts'

export interface Tab {
  doc: Y.Doc
  map: Y.Map<unknown>
  handle: PersistenceHandle
  errors: ConversationsError[]
}

let count = 0

/** A database name no other test uses. */
export function freshName(): string {
  return `indexeddb-${++count}`
}

/** Opens a document as a page would; it is destroyed when the test ends. */
export function openTab(name: string, options: IndexeddbOptions = {}, doc = new Y.Doc()): Tab {
  const errors: ConversationsError[] = []
  const awareness = new Awareness(doc)
  const onError = (error: ConversationsError) => errors.push(error)
  const handle = indexeddb({ askToPersist: false, ...options })({ name, doc, awareness, onError })
  onTestFinished(async () => {
    await handle.destroy()
    doc.destroy()
  })
  return { doc, map: doc.getMap('map'), handle, errors }
}

export async function loadTab(name: string, options?: IndexeddbOptions): Promise<Tab> {
  const tab = openTab(name, options)
  await tab.handle.whenLoaded
  return tab
}

/** What a new page would read. */
export async function stored(name: string): Promise<Record<string, unknown>> {
  const { map, handle } = await loadTab(name)
  const content = map.toJSON()
  await handle.destroy()
  return content
}

export async function openRaw(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('updates', { autoIncrement: true })
    request.result.createObjectStore('custom')
  }
  return resultOf(request)
}

export async function readStore(name: string, store = 'updates'): Promise<unknown[]> {
  const db = await openRaw(name)
  const rows = await resultOf(db.transaction(store).objectStore(store).getAll())
  db.close()
  return rows
}

export async function rowCount(name: string): Promise<number> {
  return (await readStore(name)).length
}

export async function addRows(name: string, ...rows: unknown[]): Promise<void> {
  const db = await openRaw(name)
  const store = db.transaction('updates', 'readwrite').objectStore('updates')
  for (const row of rows) await resultOf(store.add(row))
  db.close()
}

export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** The update that makes `content` in an empty document. */
export function updateOf(content: Record<string, unknown>): Uint8Array {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const [key, value] of Object.entries(content)) doc.getMap('map').set(key, value)
  })
  return Y.encodeStateAsUpdate(doc)
}

export interface TestClock extends Clock {
  advance(ms: number): void
  /** The delays that are being waited for. */
  readonly pendingMs: number[]
}

export function testClock(): TestClock {
  let nowMs = 0
  const timers = new Set<{ atMs: number; callback: () => void }>()
  return {
    now: () => nowMs,
    setTimeout(callback, delayMs) {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      nowMs += ms
      for (const timer of [...timers]) {
        if (timer.atMs > nowMs) continue
        timers.delete(timer)
        timer.callback()
      }
    },
    get pendingMs() {
      return [...timers].map(({ atMs }) => atMs - nowMs)
    },
  }
}

/** Makes every transaction that writes fail at its commit, which is when a browser finds the disk full. */
export function abortCommits(errorName: string): () => void {
  const { commit } = IDBTransaction.prototype
  IDBTransaction.prototype.commit = function (this: IDBTransaction & Abortable) {
    if (this.mode === 'readonly') commit.call(this)
    else this._abort(errorName)
  }
  const restore = () => {
    IDBTransaction.prototype.commit = commit
  }
  onTestFinished(restore)
  return restore
}

/** Of fake-indexeddb. */
interface Abortable {
  _abort(errorName: string): void
}
