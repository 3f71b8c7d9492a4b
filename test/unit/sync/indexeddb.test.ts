import { describe, expect, test } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import {
  addRows,
  freshName,
  loadTab,
  openTab,
  readStore,
  rowCount,
  stored,
  updateOf,
} from './indexeddb-support.ts'

describe('the format', () => {
  test('what y-indexeddb wrote opens', async () => {
    const name = freshName()
    const doc = new Y.Doc()
    const raw = new IndexeddbPersistence(name, doc)
    await raw.whenSynced
    doc.getMap('map').set('from', 'y-indexeddb')
    await raw.destroy()

    const { map, errors } = await loadTab(name)
    expect(map.toJSON()).toEqual({ from: 'y-indexeddb' })
    expect(errors).toEqual([])
  })

  test('y-indexeddb opens what was written here', async () => {
    const name = freshName()
    const { map, handle } = await loadTab(name)
    map.set('first', 1)
    map.set('second', 2)
    await handle.destroy()

    const doc = new Y.Doc()
    const raw = new IndexeddbPersistence(name, doc)
    await raw.whenSynced
    expect(doc.getMap('map').toJSON()).toEqual({ first: 1, second: 2 })
    await raw.destroy()
  })

  test('a prefix keeps two clients of one page apart', async () => {
    const name = freshName()
    const { map, handle } = await loadTab(name, { prefix: 'alice/' })
    map.set('key', 'value')
    await handle.flush()
    expect((await loadTab(name, { prefix: 'bob/' })).map.toJSON()).toEqual({})
    expect(await stored(`alice/${name}`)).toEqual({ key: 'value' })
  })
})

describe('storing', () => {
  test('the first change of a task is a row of its own, the others of the task are one more', async () => {
    const name = freshName()
    const { map, handle } = await loadTab(name)
    for (let index = 0; index < 1500; index++) map.set(`key ${index}`, index)
    await handle.flush()
    expect(await rowCount(name)).toBe(2)
    expect(Object.keys(await stored(name))).toHaveLength(1500)
  })

  test('the first change of a task is committed before the call returns', async () => {
    const name = freshName()
    const { map } = await loadTab(name)
    const commits: unknown[] = []
    const { commit } = IDBTransaction.prototype
    IDBTransaction.prototype.commit = function () {
      commits.push(map.get('key'))
      commit.call(this)
    }
    map.set('key', 1)
    const commitsInTask = [...commits]
    IDBTransaction.prototype.commit = commit
    expect(commitsInTask).toEqual([1])
  })

  test('reading does not hold up what is written meanwhile: it is committed at once, too', async () => {
    const modes: string[] = []
    const { commit } = IDBTransaction.prototype
    IDBTransaction.prototype.commit = function () {
      modes.push(this.mode)
      commit.call(this)
    }
    await loadTab(freshName())
    IDBTransaction.prototype.commit = commit
    expect(modes).toEqual(['readonly'])
  })

  test('flush() resolves when the last change is in a completed transaction', async () => {
    const name = freshName()
    const { map, handle } = await loadTab(name)
    map.set('first', 1)
    map.set('second', 2)
    await handle.flush()
    expect(await readStore(name)).toHaveLength(2)
  })

  test('what is written before the database is open is stored, also when destroy() follows at once', async () => {
    const name = freshName()
    const { map, handle } = openTab(name)
    map.set('early', true)
    await handle.destroy()
    expect(await stored(name)).toEqual({ early: true })
  })

  test('doc.destroy() right after a write loses nothing and throws nothing', async () => {
    const name = freshName()
    const { doc, map, handle } = openTab(name)
    map.set('early', true)
    doc.destroy()
    await handle.destroy()
    expect(await stored(name)).toEqual({ early: true })
  })

  test('a document that is not empty when it is attached is stored', async () => {
    const name = freshName()
    const doc = new Y.Doc()
    doc.getMap('map').set('before', 1)
    await openTab(name, {}, doc).handle.flush()
    expect(await stored(name)).toEqual({ before: 1 })
  })

  test('destroy() may be called twice, and nothing is stored after it', async () => {
    const name = freshName()
    const { map, handle } = await loadTab(name)
    await Promise.all([handle.destroy(), handle.destroy()])
    map.set('late', true)
    await handle.flush()
    expect(await stored(name)).toEqual({})
  })
})

describe('loading', () => {
  test('opening adds no row', async () => {
    const name = freshName()
    await addRows(name, updateOf({ a: 1 }), updateOf({ b: 2 }))
    for (let round = 0; round < 3; round++) expect(await stored(name)).toEqual({ a: 1, b: 2 })
    expect(await rowCount(name)).toBe(2)
  })

  test('all rows come in one transaction, and no update is encoded for it', async () => {
    const name = freshName()
    await addRows(name, updateOf({ a: 1 }), updateOf({ b: 2 }), updateOf({ c: 3 }))
    const { doc, map, handle } = openTab(name)
    const transactions: unknown[] = []
    const listened: boolean[] = []
    doc.on('afterTransaction', ({ origin }) => transactions.push(origin))
    doc.on('afterTransactionCleanup', () => listened.push(doc._observers.has('update')))
    await handle.whenLoaded
    expect(map.toJSON()).toEqual({ a: 1, b: 2, c: 3 })
    expect(transactions).toEqual([handle])
    expect(listened.at(-1)).toBe(false)
  })

  test('what observers write while they are told what was loaded is stored', async () => {
    const name = freshName()
    await addRows(name, updateOf({ a: 1 }))
    const { map, handle } = openTab(name)
    map.observe(({ keysChanged }) => {
      if (keysChanged.has('a')) map.set('seen', true)
    })
    await handle.whenLoaded
    await handle.flush()
    expect(await stored(name)).toEqual({ a: 1, seen: true })
  })

  test('what is written while rows are read is stored', async () => {
    const name = freshName()
    await addRows(name, updateOf({ a: 1 }))
    const { map, handle } = openTab(name)
    const { getAll } = IDBObjectStore.prototype
    IDBObjectStore.prototype.getAll = function (...args) {
      map.set('meanwhile', true)
      return getAll.apply(this, args)
    }
    await handle.whenLoaded
    IDBObjectStore.prototype.getAll = getAll
    await handle.flush()
    expect(await stored(name)).toEqual({ a: 1, meanwhile: true })
  })

  test('an observer that throws stops neither loading nor storing', async () => {
    const name = freshName()
    await addRows(name, updateOf({ a: 1 }))
    const { map, handle, errors } = openTab(name)
    const thrown: unknown[] = []
    const { error } = console
    console.error = (...args: unknown[]) => thrown.push(...args)
    const listener = () => {
      throw new Error('of the app')
    }
    map.observe(listener)
    await handle.whenLoaded
    console.error = error
    map.unobserve(listener)
    expect(thrown).toHaveLength(1)
    expect(errors).toEqual([])
    map.set('b', 2)
    await handle.flush()
    expect(await stored(name)).toEqual({ a: 1, b: 2 })
  })
})

describe('trimming', () => {
  test('rows stay bounded while one writes steadily', async () => {
    const name = freshName()
    const { map, handle } = await loadTab(name, { trimRows: 50 })
    let most = 0
    for (let index = 0; index < 1000; index++) {
      map.set(`key ${index % 10}`, index)
      await handle.flush()
      if (index % 20 === 0) most = Math.max(most, await rowCount(name))
    }
    expect(most).toBeLessThanOrEqual(100)
    expect(most).toBeGreaterThan(20)
    expect((await stored(name))['key 9']).toBe(999)
  })

  test('many rows of y-indexeddb become one with the first write', async () => {
    const name = freshName()
    await addRows(name, ...Array.from({ length: 60 }, (_, n) => updateOf({ [n]: n })))
    const { map, handle } = await loadTab(name, { trimRows: 50 })
    expect(await rowCount(name)).toBe(60)
    map.set('new', 1)
    await handle.flush()
    await expect.poll(() => rowCount(name)).toBe(1)
    expect(Object.keys(await stored(name))).toHaveLength(61)
  })

  test('rows of another program that are not in this document survive the trimming', async () => {
    const name = freshName()
    const { map, handle } = await loadTab(name, { trimRows: 5 })
    await addRows(name, updateOf({ foreign: true }))
    for (let index = 0; index < 8; index++) {
      map.set('own', index)
      await handle.flush()
    }
    await expect.poll(() => rowCount(name)).toBeLessThan(5)
    expect(await stored(name)).toEqual({ foreign: true, own: 7 })
    expect(map.get('foreign')).toBe(true)
  })
})
