import { IndexeddbPersistence } from 'y-indexeddb'
import { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { broadcastChannel } from '../../src/sync/broadcast-channel.ts'
import {
  clearIndexeddb,
  type IndexeddbOptions,
  indexeddb,
  persistStorage,
} from '../../src/sync/indexeddb.ts'
import type { PersistenceHandle } from '../../src/sync/provider.ts'

export { clearIndexeddb, persistStorage }

/* What the tests of `indexeddb()` do inside a page. */

export interface Opened {
  doc: Y.Doc
  map: Y.Map<unknown>
  handle: PersistenceHandle
  awareness: Awareness
  /** Code and reason of what was reported, in order. */
  errors: string[]
}

const opened = new Map<string, Opened>()

/** In this page it is `of(name)` from now on. */
export function open(name: string, options?: IndexeddbOptions): Opened {
  const one = attach(name, options)
  opened.set(name, one)
  return one
}

function attach(name: string, options: IndexeddbOptions = {}): Opened {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  const errors: string[] = []
  const handle = indexeddb({ askToPersist: false, ...options })({
    name,
    doc,
    awareness,
    onError: ({ code, reason }) => errors.push(`${code}: ${reason}`),
  })
  return { doc, map: doc.getMap('map'), handle, awareness, errors }
}

export async function load(name: string, options?: IndexeddbOptions): Promise<Opened> {
  const one = open(name, options)
  await one.handle.whenLoaded
  return one
}

export function of(name: string): Opened {
  const one = opened.get(name)
  if (!one) throw new Error(`${name} is not open in this page`)
  return one
}

/** What a new page would read. */
export async function stored(name: string): Promise<Record<string, unknown>> {
  const { map, handle } = attach(name)
  await handle.whenLoaded
  const content = map.toJSON()
  await handle.destroy()
  return content
}

/** What y-indexeddb reads, unless it does not end. */
export async function storedForRaw(name: string): Promise<Record<string, unknown>> {
  const doc = new Y.Doc()
  const raw = new IndexeddbPersistence(name, doc)
  await raw.whenSynced
  await raw.destroy()
  return doc.getMap('map').toJSON()
}

/** Writes here and from elsewhere; returns who heard of it. In a document that is wedged nobody does. */
export function write(
  { doc, map }: Pick<Opened, 'doc' | 'map'>,
  key: string,
  value: unknown,
): string[] {
  const heard: string[] = []
  const observer = () => heard.push('observer')
  const onUpdate = () => heard.push('update')
  map.observe(observer)
  doc.on('update', onUpdate)
  map.set(key, value)
  receive({ doc }, `remote ${key}`, value)
  map.unobserve(observer)
  doc.off('update', onUpdate)
  return heard
}

/** As if a peer had written it. */
export function receive({ doc }: Pick<Opened, 'doc'>, key: string, value: unknown): void {
  const peer = new Y.Doc()
  peer.getMap('map').set(key, value)
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(peer))
}

/** Waits for the storing that goes on after a failure. */
export async function untilStored(name: string): Promise<Record<string, unknown>> {
  const { map, handle } = of(name)
  for (;;) {
    await handle.flush()
    const doc = new Y.Doc()
    for (const row of await rows(name)) Y.applyUpdate(doc, row)
    const content = doc.getMap('map').toJSON()
    if (JSON.stringify(sorted(content)) === JSON.stringify(sorted(map.toJSON()))) return content
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

export function sorted(content: Record<string, unknown>): [string, unknown][] {
  return Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1))
}

export async function rows(name: string): Promise<Uint8Array[]> {
  const db = await openRaw(name)
  try {
    return await resultOf(db.transaction('updates').objectStore('updates').getAll())
  } finally {
    db.close()
  }
}

export function openRaw(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('updates', { autoIncrement: true })
    request.result.createObjectStore('custom')
  }
  return resultOf(request)
}

export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

export function joinTabs({ doc, awareness }: Opened, name: string): void {
  const ignore = () => {}
  broadcastChannel()({
    name,
    doc,
    awareness,
    onError: ignore,
    onStatus: ignore,
    onSynced: ignore,
    flushWrites: ignore,
  }).connect()
}

export function joinServer({ doc, awareness }: Opened, name: string, url: string): Promise<void> {
  const provider = new WebsocketProvider(url, name, doc, { awareness, disableBc: true })
  return new Promise(resolve => provider.once('sync', () => resolve()))
}
