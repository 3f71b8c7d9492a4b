import { afterEach, expect, it, vi } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import type { ConversationsError } from '../../../src/base/errors.ts'
import { clearIndexeddb, type IndexeddbOptions, indexeddb } from '../../../src/sync/indexeddb.ts'
import { Session } from '../../../src/sync/session.ts'
import {
  addRows,
  freshName,
  loadTab,
  openRaw,
  openTab,
  readStore,
  resultOf,
  testClock,
} from './indexeddb-support.ts'

afterEach(() => void vi.restoreAllMocks())

async function open(name: string, options: IndexeddbOptions = {}) {
  const session = new Session({
    name,
    persistence: indexeddb({ askToPersist: false, ...options }),
    transports: [],
    flushWrites() {},
  })
  const errors: ConversationsError[] = []
  session.on('error', error => errors.push(error))
  await session.load()
  session.start()
  return { session, doc: session.doc, errors }
}

async function visit(name: string): Promise<number> {
  const { session, doc } = await open(name)
  doc.getMap('map').set('key', Math.random())
  const writer = doc.clientID
  await session.destroy()
  return writer
}

it('sessions share a client id, which the database of the document keeps', async () => {
  const name = freshName()
  const writer = await visit(name)
  for (let i = 0; i < 3; i++) expect(await visit(name)).toBe(writer)
  expect(await readStore(name, 'custom')).toEqual([{ clientId: writer, clock: 4, owner: '' }])
  await clearIndexeddb(name)
  expect(await visit(name)).not.toBe(writer)
})

it('there are no Web Locks for this, and none are needed', async () => {
  expect(globalThis.navigator?.locks).toBe(undefined)
  const name = freshName()
  const writer = await visit(name)
  const [one, two] = await Promise.all([open(name), open(name)])
  expect([one.doc.clientID, two.doc.clientID].filter(id => id === writer)).toHaveLength(1)
  await one.session.destroy()
  await two.session.destroy()
})

it('a client id is taken from the disk itself, and left to the browser to write', async () => {
  const name = freshName()
  await visit(name)
  const transactions = vi.spyOn(IDBDatabase.prototype, 'transaction')
  await visit(name)
  const onWriters = transactions.mock.calls.filter(([stores]) => [stores].flat().includes('custom'))
  expect(onWriters).toEqual([
    ['custom', 'readwrite', { durability: 'strict' }],
    [['custom'], 'readwrite'],
  ])
})

it('who only reads, where no client id is left, writes nothing', async () => {
  const name = freshName()
  const puts = [
    vi.spyOn(IDBObjectStore.prototype, 'put'),
    vi.spyOn(IDBObjectStore.prototype, 'add'),
  ]
  const { session } = await open(name)
  await session.destroy()
  for (const put of puts) expect(put).not.toHaveBeenCalled()
})

it('a client id is given up where a row of it cannot be read', async () => {
  const name = freshName()
  const writer = await visit(name)
  const db = await openRaw(name)
  await resultOf(db.transaction('updates', 'readwrite').objectStore('updates').clear())
  db.close()
  await addRows(name, new Uint8Array([9, 9, 9]))
  const { session, doc, errors } = await open(name)
  expect(errors.map(({ reason }) => reason)).toEqual(['corrupt-row'])
  expect(doc.clientID).not.toBe(writer)
  await session.destroy()
  expect(await readStore(name, 'custom')).toEqual([new Uint8Array([9, 9, 9])])
})

it('y-indexeddb opens a database in which a client id is left, and leaves it', async () => {
  const name = freshName()
  const writer = await visit(name)
  const doc = new Y.Doc()
  const raw = new IndexeddbPersistence(name, doc)
  await raw.whenSynced
  expect(doc.getMap('map').has('key')).toBe(true)
  doc.getMap('map').set('other', 1)
  await raw.destroy()
  expect(await visit(name)).toBe(writer)
})

it('what is kept there and makes no sense is not used', async () => {
  const name = freshName()
  const writer = await visit(name)
  const db = await openRaw(name)
  const store = db.transaction('custom', 'readwrite').objectStore('custom')
  const nonsense = [null, 5, {}, { clientId: 'x', clock: 1, owner: '' }, { owner: '', clock: {} }]
  for (const [index, value] of nonsense.entries()) {
    await resultOf(store.put(value, `y-conversations/writer/ ${index}`))
  }
  db.close()
  expect(await visit(name)).toBe(writer)
})

/** Keeps a store busy, so that whoever asks for it waits, until the function that this returns is called. */
async function keepBusy(name: string, store: string): Promise<() => void> {
  const db = await openRaw(name)
  const busy = db.transaction(store, 'readwrite').objectStore(store)
  let isBusy = true
  const ask = () => {
    if (isBusy) busy.count().onsuccess = ask
  }
  ask()
  return () => {
    isBusy = false
    db.close()
  }
}

it('a storage that does not answer in time keeps nobody waiting, and gets its client id back', async () => {
  const name = freshName()
  const writer = await visit(name)
  const clock = testClock()
  const { handle } = await loadTab(name, { clock })
  const release = await keepBusy(name, 'custom')
  const put = vi.spyOn(IDBObjectStore.prototype, 'put')
  const taking = handle.writers?.take('')
  clock.advance(5000)
  expect(await taking).toBe(undefined)
  expect(put).not.toHaveBeenCalled()
  release()
  await vi.waitFor(() => expect(put).toHaveBeenCalled())
  expect(await readStore(name, 'custom')).toEqual([{ clientId: writer, clock: 1, owner: '' }])
})

it('a document that takes too long to load takes no client id, which is then still there', async () => {
  const name = freshName()
  const writer = await visit(name)
  const clock = testClock()
  const release = await keepBusy(name, 'updates')
  const reading = vi.spyOn(IDBObjectStore.prototype, 'getAll')
  const { handle, errors } = openTab(name, { clock })
  await vi.waitFor(() => expect(reading).toHaveBeenCalled())
  clock.advance(5000)
  await handle.whenLoaded
  expect(errors.map(({ reason }) => reason)).toEqual(['timeout'])
  expect(await handle.writers?.take('')).toBe(undefined)
  release()
  expect(await readStore(name, 'custom')).toEqual([{ clientId: writer, clock: 1, owner: '' }])
})

it('a flush waits for the client id that was left before', async () => {
  const name = freshName()
  const { handle } = await loadTab(name)
  const transactions = vi.spyOn(IDBDatabase.prototype, 'transaction')
  handle.writers?.put({ clientId: 1, clock: 1, owner: '' })
  let isComplete = false
  const transaction = transactions.mock.results[0]?.value as IDBTransaction
  transaction.addEventListener('complete', () => {
    isComplete = true
  })
  await handle.flush()
  expect(isComplete).toBe(true)
})
