import { forceCloseDatabase } from 'fake-indexeddb'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { clearIndexeddb, indexeddb } from '../../../src/sync/indexeddb.ts'
import {
  abortCommits,
  addRows,
  freshName,
  loadTab,
  openRaw,
  openTab,
  readStore,
  resultOf,
  rowCount,
  stored,
  type Tab,
  testClock,
  updateOf,
} from './indexeddb-support.ts'

const reasons = ({ errors }: Tab) => errors.map(({ reason }) => reason)

function failOpening(error: () => unknown): () => void {
  const spy = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw error()
  })
  onTestFinished(() => spy.mockRestore())
  return () => spy.mockRestore()
}

/** Whether the document still tells its observers and those who listen to its updates. */
function expectAlive({ doc, map }: Tab): void {
  const heard: string[] = []
  const observer = () => heard.push('observer')
  const onUpdate = () => heard.push('update')
  map.observe(observer)
  doc.on('update', onUpdate)
  map.set('alive', Math.random())
  Y.applyUpdate(doc, updateOf({ remote: Math.random() }))
  map.unobserve(observer)
  doc.off('update', onUpdate)
  expect(heard).toEqual(['observer', 'update', 'observer', 'update'])
}

describe('a database that cannot be opened', () => {
  test('without IndexedDB the document lives in memory and says so once', async () => {
    const original = globalThis.indexedDB
    Reflect.deleteProperty(globalThis, 'indexedDB')
    onTestFinished(() => {
      globalThis.indexedDB = original
    })
    const clock = testClock()
    const tab = await loadTab(freshName(), { clock })
    expectAlive(tab)
    await tab.handle.flush()
    expect(reasons(tab)).toEqual(['unavailable'])
    expect(tab.errors[0]).toMatchObject({ code: 'storage', name: 'ConversationsError' })
    await tab.handle.destroy()
    expect(clock.pendingMs).toEqual([])
  })

  test('an opaque origin is unavailable, and it is not tried again', async () => {
    failOpening(() => new DOMException('opaque', 'SecurityError'))
    const tab = await loadTab(freshName())
    expectAlive(tab)
    await tab.handle.flush()
    expect(reasons(tab)).toEqual(['unavailable'])
    expect(indexedDB.open).toHaveBeenCalledTimes(1)
  })

  test('it is tried again with longer and longer pauses, then loaded and stored', async () => {
    const name = freshName()
    await addRows(name, updateOf({ old: 1 }))
    const restore = failOpening(() => new DOMException('corrupted', 'UnknownError'))
    const clock = testClock()
    const tab = await loadTab(name, { clock })
    expectAlive(tab)
    tab.map.set('meanwhile', 2)
    await tab.handle.flush()
    const pauses: number[] = []
    for (let round = 0; round < 10; round++) {
      const ms = Math.min(...clock.pendingMs)
      pauses.push(ms)
      clock.advance(ms)
      await tab.handle.flush()
    }
    expect(pauses.slice(0, 3)).toEqual([250, 500, 1000])
    expect(pauses.at(-1)).toBe(30_000)
    expect(reasons(tab)).toEqual(['open-failed'])
    expect(tab.errors[0]?.cause).toMatchObject({ name: 'UnknownError' })

    restore()
    clock.advance(30_000)
    await tab.handle.flush()
    expect(tab.map.get('old')).toBe(1)
    expect(await stored(name)).toEqual(tab.map.toJSON())
  })

  test('a database of another program is left alone', async () => {
    const name = freshName()
    const request = indexedDB.open(name, 7)
    request.onupgradeneeded = () => request.result.createObjectStore('updates')
    ;(await resultOf(request)).close()
    const tab = await loadTab(name)
    expectAlive(tab)
    await tab.handle.flush()
    expect(reasons(tab)).toEqual(['foreign-database'])
    const db = await resultOf(indexedDB.open(name))
    expect([...db.objectStoreNames]).toEqual(['updates'])
    db.close()
  })

  test('opening that hangs is told after the time it may take, and loaded when it ends', async () => {
    const name = freshName()
    await addRows(name, updateOf({ old: 1 }))
    const { open } = indexedDB
    let release = () => {}
    vi.spyOn(indexedDB, 'open').mockImplementation(wanted => {
      const request = {} as IDBOpenDBRequest
      release = () => {
        const real = open.call(indexedDB, wanted)
        real.onsuccess = event => {
          Object.assign(request, { result: real.result })
          request.onsuccess?.(event)
        }
      }
      return request
    })
    onTestFinished(() => void vi.restoreAllMocks())
    const clock = testClock()
    const tab = openTab(name, { clock })
    clock.advance(4999)
    expect(reasons(tab)).toEqual([])
    clock.advance(1)
    await tab.handle.whenLoaded
    expect(reasons(tab)).toEqual(['blocked'])
    expectAlive(tab)
    const flushed = tab.handle.flush()
    clock.advance(5000)
    await flushed
    const destroyed = tab.handle.destroy()
    clock.advance(5000)
    await destroyed
    // The page lives on, so what it wrote is stored even so.
    vi.restoreAllMocks()
    release()
    await expect.poll(() => rowCount(name)).toBe(2)
    expect(await stored(name)).toMatchObject({ old: 1, alive: expect.any(Number) })
  })
})

describe('a row that cannot be read', () => {
  test.each([
    ['cut off', updateOf({ lost: 1 }).slice(0, -4)],
    ['no update at all', 'text'],
  ])(
    '%s: it is set aside and reported, and the rest loads, for y-indexeddb too',
    async (_, row) => {
      const name = freshName()
      await addRows(name, updateOf({ a: 1 }), row, updateOf({ b: 2 }))
      const tab = await loadTab(name)
      expect(tab.map.toJSON()).toEqual({ a: 1, b: 2 })
      await tab.handle.flush()
      expect(reasons(tab)).toEqual(['corrupt-row'])
      expectAlive(tab)
      await tab.handle.destroy()
      expect(await readStore(name, 'custom')).toEqual([row])

      const again = await loadTab(name)
      expect(reasons(again)).toEqual([])
      const doc = new Y.Doc()
      const raw = new IndexeddbPersistence(name, doc)
      await raw.whenSynced
      expect(doc.getMap('map').toJSON()).toEqual(again.map.toJSON())
      await raw.destroy()
    },
  )

  test('it is not deleted by the trimming when it cannot be set aside', async () => {
    const name = freshName()
    await addRows(name, updateOf({ a: 1 }), new Uint8Array([1, 2, 3]))
    const { put } = IDBObjectStore.prototype
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    onTestFinished(() => {
      IDBObjectStore.prototype.put = put
    })
    const clock = testClock()
    const tab = await loadTab(name, { trimRows: 3, clock })
    await tab.handle.flush()
    expect(reasons(tab)).toEqual(['corrupt-row', 'quota'])
    for (let index = 0; index < 10; index++) {
      tab.map.set('own', index)
      await tab.handle.flush()
      clock.advance(60_000)
      await tab.handle.flush()
    }
    expect(await readStore(name)).toContainEqual(new Uint8Array([1, 2, 3]))
    IDBObjectStore.prototype.put = put
    expect(await stored(name)).toEqual({ a: 1, own: 9 })
  })
})

describe('a write that fails', () => {
  test.each([
    ['QuotaExceededError', 'quota'],
    ['DataError', 'aborted'],
  ])(
    '%s is told once, as %s, and all is stored again when there is room',
    async (errorName, reason) => {
      const name = freshName()
      const clock = testClock()
      const tab = await loadTab(name, { clock })
      tab.map.set('before', 1)
      await tab.handle.flush()
      const restore = abortCommits(errorName)
      for (let index = 0; index < 5; index++) {
        tab.map.set('before', { index })
        tab.map.set(`lost ${index}`, index)
        await tab.handle.flush()
        expectAlive(tab)
        clock.advance(60_000)
        await tab.handle.flush()
      }
      expect(reasons(tab)).toEqual([reason])
      expect(await stored(name)).toEqual({ before: 1 })
      restore()
      clock.advance(60_000)
      await tab.handle.flush()
      expect(await stored(name)).toEqual(tab.map.toJSON())

      // Another incident is told again.
      abortCommits(errorName)
      tab.map.set('after', 1)
      await tab.handle.flush()
      expect(reasons(tab)).toEqual([reason, reason])
    },
  )

  test('rows after a lost one are readable', async () => {
    const name = freshName()
    const clock = testClock()
    const tab = await loadTab(name, { clock })
    const restore = abortCommits('QuotaExceededError')
    tab.map.set('big', 'x'.repeat(1000))
    restore()
    for (let index = 0; index < 20; index++) tab.map.set(`small ${index}`, index)
    await tab.handle.flush()
    clock.advance(250)
    await tab.handle.flush()
    expect(Object.keys(await stored(name))).toHaveLength(21)
  })

  test('destroy() tries once more, and does not reject', async () => {
    const name = freshName()
    const tab = await loadTab(name, { clock: testClock() })
    const restore = abortCommits('QuotaExceededError')
    tab.map.set('key', 1)
    await tab.handle.flush()
    restore()
    await tab.handle.destroy()
    expect(await stored(name)).toEqual({ key: 1 })
  })

  test('a trimming that fails loses nothing and does not stop the storing', async () => {
    const name = freshName()
    const clock = testClock()
    const tab = await loadTab(name, { trimRows: 4, clock })
    const { delete: deleteRows } = IDBObjectStore.prototype
    IDBObjectStore.prototype.delete = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    onTestFinished(() => {
      IDBObjectStore.prototype.delete = deleteRows
    })
    for (let index = 0; index < 6; index++) {
      tab.map.set(`key ${index}`, index)
      await tab.handle.flush()
    }
    await expect.poll(() => reasons(tab)).toEqual(['quota'])
    clock.advance(60_000)
    tab.map.set('after', 1)
    await tab.handle.flush()
    expect(Object.keys(await stored(name))).toHaveLength(7)
    expect(await rowCount(name)).toBeGreaterThanOrEqual(7)
  })

  test('a transaction that hangs holds up neither flush() nor destroy() for ever', async () => {
    const name = freshName()
    const clock = testClock()
    const tab = await loadTab(name, { clock })
    const db = await openRaw(name)
    const store = db.transaction('updates', 'readwrite').objectStore('updates')
    let isHanging = true
    const hang = () => {
      if (isHanging) store.count().onsuccess = hang
    }
    hang()
    tab.map.set('key', 1)
    const flushed = tab.handle.flush()
    clock.advance(5000)
    await flushed
    const destroyed = tab.handle.destroy()
    clock.advance(5000)
    await destroyed
    isHanging = false
    db.close()
    expect(await stored(name)).toEqual({ key: 1 })
  })
})

describe('a connection that is lost', () => {
  test('a database deleted elsewhere is told once, and the next change stores the whole document again', async () => {
    const name = freshName()
    const tab = await loadTab(name)
    tab.map.set('before', 1)
    await tab.handle.flush()
    await resultOf(indexedDB.deleteDatabase(name))
    expect(reasons(tab)).toEqual(['closed'])
    await tab.handle.flush()
    expect((await indexedDB.databases()).map(database => database.name)).not.toContain(name)
    expectAlive(tab)
    await tab.handle.flush()
    expect(await stored(name)).toEqual(tab.map.toJSON())
    expect(reasons(tab)).toEqual(['closed'])
  })

  test('a connection that closes by itself is opened again, and its rows are replaced by one', async () => {
    const name = freshName()
    const opened = vi.spyOn(indexedDB, 'open')
    onTestFinished(() => void vi.restoreAllMocks())
    const tab = await loadTab(name)
    for (let index = 0; index < 10; index++) {
      tab.map.set('key', index)
      await tab.handle.flush()
    }
    forceCloseDatabase(opened.mock.results[0]?.value.result)
    await expect.poll(() => reasons(tab)).toEqual(['closed'])
    expectAlive(tab)
    await tab.handle.flush()
    expect(reasons(tab)).toEqual(['closed'])
    expect(await rowCount(name)).toBeLessThanOrEqual(2)
    expect(await stored(name)).toEqual(tab.map.toJSON())
  })

  test('a connection that is closed without a word does not throw into the write', async () => {
    const name = freshName()
    const clock = testClock()
    const tab = await loadTab(name, { clock })
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = () => {
      throw new DOMException('The database connection is closing.', 'InvalidStateError')
    }
    onTestFinished(() => {
      IDBDatabase.prototype.transaction = transaction
    })
    expectAlive(tab)
    await tab.handle.flush()
    expect(reasons(tab)).toEqual(['closed'])
    IDBDatabase.prototype.transaction = transaction
    clock.advance(250)
    await tab.handle.flush()
    expect(await stored(name)).toEqual(tab.map.toJSON())
  })
})

test('an onError that throws stops nothing', async () => {
  const name = freshName()
  const { error } = console
  console.error = () => {}
  onTestFinished(() => {
    console.error = error
  })
  const doc = new Y.Doc()
  const handle = indexeddb({ askToPersist: false })({
    name,
    doc,
    awareness: undefined as never,
    onError() {
      throw new Error('of the app')
    },
  })
  await handle.whenLoaded
  const deleted = resultOf(indexedDB.deleteDatabase(name))
  await deleted
  doc.getMap('map').set('key', 1)
  await handle.flush()
  await handle.destroy()
  expect(await stored(name)).toEqual({ key: 1 })
})

describe('clearIndexeddb()', () => {
  test('resolves when the database is gone', async () => {
    const name = freshName()
    await addRows(`mine/${name}`, updateOf({ a: 1 }))
    await clearIndexeddb(name, { prefix: 'mine/' })
    expect((await indexedDB.databases()).map(database => database.name)).not.toContain(
      `mine/${name}`,
    )
  })

  test('rejects when another connection does not give it up', async () => {
    const name = freshName()
    const db = await openRaw(name)
    await expect(clearIndexeddb(name, { loadTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'storage',
      reason: 'blocked',
    })
    db.close()
    await expect
      .poll(async () => (await indexedDB.databases()).map(one => one.name))
      .not.toContain(name)
  })
})
