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

it('a storage that does not answer in time keeps nobody waiting, and gets its client id back', async () => {
  const name = freshName()
  const writer = await visit(name)
  const clock = testClock()
  const tab = await loadTab(name, { clock })
  const requests: (() => void)[] = []
  const getAll = IDBObjectStore.prototype.getAll
  vi.spyOn(IDBObjectStore.prototype, 'getAll').mockImplementation(function (
    this: IDBObjectStore,
    range,
  ) {
    const request = getAll.call(this, range)
    // Nobody hears the answer before the test says so; the transaction is kept alive meanwhile.
    const answered = new Promise<void>(resolve => requests.push(resolve))
    let isHeld = true
    void answered.then(() => {
      isHeld = false
    })
    const hold = (after: IDBRequest) => {
      after.onsuccess = () => {
        if (isHeld) hold(this.get('nothing'))
        else onsuccess?.call(request, new Event('success'))
      }
    }
    let onsuccess: IDBRequest['onsuccess'] = null
    Object.defineProperty(request, 'onsuccess', {
      set(listener) {
        onsuccess = listener
      },
    })
    hold(this.get('nothing'))
    return request
  })
  const taking = tab.handle.writers?.take('')
  await vi.waitFor(() => expect(requests).toHaveLength(1))
  clock.advance(5000)
  expect(await taking).toBe(undefined)
  vi.restoreAllMocks()
  for (const answer of requests) answer()
  await vi.waitFor(async () => {
    expect(await readStore(name, 'custom')).toEqual([{ clientId: writer, clock: 1, owner: '' }])
  })
})
