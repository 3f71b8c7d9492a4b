import { describe, expect, it, onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { emptyDocument } from '../../../src/sync/empty-document.ts'
import { indexeddb } from '../../../src/sync/indexeddb.ts'
import type { Transport } from '../../../src/sync/provider.ts'
import { Session } from '../../../src/sync/session.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { RefusingServer, Tabs } from '../../support/refusing-server.ts'
import {
  freshName,
  openRaw,
  openTab,
  readStore,
  resultOf,
  rowCount,
  stored,
} from './indexeddb-support.ts'

const forbidden = { code: 'forbidden', reason: 'not that' } as const

function strictServer(name: string): RefusingServer {
  const server = new RefusingServer()
  server.judge = ({ after }) => {
    return [...after.getMap('map').values()].includes('bad') ? forbidden : undefined
  }
  server.doc(name).getMap('map').set('of', 'others')
  return server
}

async function open(name: string, transports: Transport[], isConnectionWanted = true) {
  const session = new Session({
    name,
    persistence: indexeddb({ askToPersist: false }),
    transports,
    flushWrites: () => {},
    clock: new FakeClock(),
    isConnectionWanted: () => isConnectionWanted,
  })
  onTestFinished(() => session.destroy())
  await session.load()
  session.start()
  return { session, map: session.doc.getMap('map') }
}

async function refusedKeys(name: string): Promise<string[]> {
  const db = await openRaw(name)
  const keys = await resultOf(db.transaction('custom').objectStore('custom').getAllKeys())
  db.close()
  return keys.map(String).filter(key => key.startsWith('y-conversations/refused/'))
}

/** Resolves when a message that is sent now to the tabs of this storage has arrived. */
async function heard(name: string): Promise<void> {
  const [from, to] = [1, 2].map(() => new BroadcastChannel(`y-conversations/indexeddb/${name}`))
  await new Promise(resolve => {
    ;(to as BroadcastChannel).onmessage = resolve
    from?.postMessage('heard')
  })
  from?.close()
  to?.close()
}

describe('what was refused', () => {
  it('does not come back from IndexedDB, where it can still be looked at', async () => {
    const name = freshName()
    const server = strictServer(name)
    const { session, map } = await open(name, [server.transport('ann')])
    await server.settle()
    map.set('worse', 'bad')
    map.set('later', 1)
    await server.settle()
    map.set('next', 2)
    await server.settle()
    await session.destroy()

    expect(await stored(name)).toEqual({ of: 'others', next: 2 })
    const [key] = await refusedKeys(name)
    const kept = (await readStore(name, 'custom')).find(one => one instanceof Uint8Array)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, kept as Uint8Array)
    expect(doc.getMap('map').toJSON()).toEqual({ of: 'others', worse: 'bad', later: 1 })
    expect(key).toMatch(/refused\/\d{4}-\d\d-\d\dT[\d:.]+Z$/)

    const again = await open(name, [server.transport('ann')])
    again.map.set('last', 3)
    await server.settle()
    expect(server.refusals).toBe(1)
    expect(server.doc(name).getMap('map').toJSON()).toEqual({ of: 'others', next: 2, last: 3 })
  })

  it('is kept three times, and the oldest go', async () => {
    const name = freshName()
    const clock = new FakeClock()
    const { doc, handle } = openTab(name, { clock })
    await handle.whenLoaded
    const keys: string[] = []
    for (let i = 0; i < 5; i++) {
      clock.advance(1000)
      await handle.setAside?.(Y.encodeStateAsUpdate(doc))
      keys.push(`y-conversations/refused/${new Date(clock.now()).toISOString()}`)
    }
    expect(await refusedKeys(name)).toEqual(keys.slice(-3))
  })

  it('goes also when the database opens only later, with what came since stored', async () => {
    const name = freshName()
    const earlier = openTab(name)
    await earlier.handle.whenLoaded
    earlier.map.set('worse', 'bad')
    await earlier.handle.destroy()

    const { doc, map, handle } = openTab(name)
    const state = Y.encodeStateAsUpdate(doc)
    const isAside = handle.setAside?.(state)
    map.set('next', 1)
    await isAside
    await handle.whenLoaded
    expect(map.toJSON()).toEqual({ next: 1 })
    await handle.destroy()
    expect(await stored(name)).toEqual({ next: 1 })
  })

  it('goes with the next attempt where it cannot be at once, with what came since stored', async () => {
    const name = freshName()
    const clock = new FakeClock()
    const { doc, map, handle, errors } = openTab(name, { clock })
    await handle.whenLoaded
    map.set('worse', 'bad')
    await handle.flush()
    const { clear } = IDBObjectStore.prototype
    IDBObjectStore.prototype.clear = function () {
      this.transaction.abort()
      return clear.call(this)
    }
    onTestFinished(() => {
      IDBObjectStore.prototype.clear = clear
    })
    const state = Y.encodeStateAsUpdate(doc)
    emptyDocument(doc)
    const isAside = handle.setAside?.(state)
    // Behind the attempt that fails, and without it.
    map.set('next', 1)
    await isAside
    expect(errors).toHaveLength(1)
    expect(await rowCount(name)).toBeGreaterThan(0)
    IDBObjectStore.prototype.clear = clear
    clock.advance(1000)
    await handle.flush()
    await handle.destroy()
    expect(await refusedKeys(name)).toHaveLength(1)
    expect(await stored(name)).toEqual({ next: 1 })
  })

  it('was perhaps stored by another tab, and what of it counts is stored anew', async () => {
    const name = freshName()
    const one = openTab(name)
    const other = openTab(name)
    await Promise.all([one.handle.whenLoaded, other.handle.whenLoaded])
    await one.handle.flush()
    await heard(name)
    other.map.set('of', 'others')
    const update = Y.encodeStateAsUpdate(other.doc)
    await other.handle.flush()
    await heard(name)
    Y.applyUpdate(one.doc, update)
    await other.handle.destroy()
    emptyDocument(one.doc)
    await one.handle.setAside?.(update)
    Y.applyUpdate(one.doc, update)
    await one.handle.destroy()
    expect(await stored(name)).toEqual({ of: 'others' })
  })

  it('does not come back from another tab of the same storage, which recovers by itself', async () => {
    const name = freshName()
    const server = strictServer(name)
    const tabs = new Tabs()
    const a = await open(name, [server.transport('ann'), tabs.transport()])
    const b = await open(name, [server.transport('ann'), tabs.transport()])
    await server.settle()
    a.map.set('worse', 'bad')
    await server.settle()
    a.map.set('a', 1)
    b.map.set('b', 2)
    await server.settle()
    await Promise.all([a.session.refresh(), b.session.refresh()])
    const expected = { of: 'others', a: 1, b: 2 }
    expect(a.map.toJSON()).toEqual(expected)
    expect(b.map.toJSON()).toEqual(expected)
    await a.session.destroy()
    await b.session.destroy()
    expect(await stored(name)).toEqual(expected)
    expect(server.refusals).toBe(2)
  })

  it('stays out while another tab goes on storing it, until that recovers too', async () => {
    const name = freshName()
    const server = strictServer(name)
    const tabs = new Tabs()
    const a = await open(name, [server.transport('ann'), tabs.transport()])
    const b = await open(name, [server.transport('ann'), tabs.transport()])
    await server.settle()
    b.session.disconnect()
    a.map.set('worse', 'bad')
    await server.settle()
    b.map.set('b', 'rests on nothing')
    await b.session.flush()
    await a.session.refresh()
    expect(a.map.toJSON()).toEqual({ of: 'others', b: 'rests on nothing' })
    b.session.connect()
    await server.settle()
    a.map.set('a', 1)
    await server.settle()
    await a.session.destroy()
    await b.session.destroy()
    expect(await stored(name)).toEqual({ of: 'others', b: 'rests on nothing', a: 1 })
    expect(server.refusals).toBe(2)
  })
})
