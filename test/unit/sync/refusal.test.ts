import { describe, expect, it, onTestFinished } from 'vitest'
import * as Y from 'yjs'
import type { ConversationsError } from '../../../src/base/errors.ts'
import { bringsBack } from '../../../src/sync/brings-back.ts'
import { emptyDocument } from '../../../src/sync/empty-document.ts'
import type { Transport, TransportContext } from '../../../src/sync/provider.ts'
import { type Refusal, Session, type SessionOptions } from '../../../src/sync/session.ts'
import { type MemoryStore, memoryPersistence } from '../../../src/testing/index.ts'
import { nextTask } from '../../../src/testing/task.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { RefusingServer, Tabs } from '../../support/refusing-server.ts'

const forbidden = { code: 'forbidden', reason: 'not that' } as const

/** Refuses whatever has the value `bad` anywhere, and every deletion of the key `keep`. */
function strictServer(): RefusingServer {
  const server = new RefusingServer()
  server.judge = ({ before, after }) => {
    const map = after.getMap('map')
    const isBad = [...map.values()].includes('bad')
    const isGone = before.getMap('map').has('keep') && !map.has('keep')
    return isBad || isGone ? forbidden : undefined
  }
  return server
}

async function open(transports: Transport[], options: Partial<SessionOptions> = {}) {
  const session = new Session({
    name: 'room',
    persistence: undefined,
    transports,
    flushWrites: () => {},
    clock: new FakeClock(),
    ...options,
  })
  onTestFinished(() => session.destroy())
  const log: string[] = []
  const refusals: Refusal[] = []
  const errors: ConversationsError[] = []
  session.on('status', status => log.push(status))
  session.on('synced', isSynced => log.push(isSynced ? 'synced' : 'not synced'))
  session.on('recovering', () => log.push('recovering'))
  session.on('recovered', () => log.push('recovered'))
  session.on('refused', refusal => {
    log.push('refused')
    refusals.push(refusal)
  })
  session.on('error', error => errors.push(error))
  await session.load()
  session.start()
  const map = session.doc.getMap('map')
  return { session, log, refusals, errors, map }
}

function read(update: Uint8Array): unknown {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  return doc.getMap('map').toJSON()
}

describe('a session whose write is refused', () => {
  it('sets its state aside, says so, takes the server’s state and goes on', async () => {
    const server = strictServer()
    server.doc('room').getMap('map').set('of', 'others')
    const { session, log, refusals, errors, map } = await open([server.transport('ann')])
    await server.settle()
    map.set('fine', 1)
    await server.settle()
    log.length = 0

    map.set('worse', 'bad')
    map.set('late', 2)
    await server.settle()
    expect(log).toEqual([
      'recovering',
      'disconnected',
      'not synced',
      'refused',
      'connecting',
      'connected',
      'recovered',
      'synced',
    ])
    expect(refusals).toEqual([{ ...forbidden, update: expect.any(Uint8Array) }])
    const [{ update }] = refusals as [Refusal]
    expect(read(update)).toEqual({ of: 'others', fine: 1, worse: 'bad', late: 2 })
    expect(map.toJSON()).toEqual({ of: 'others', fine: 1 })
    expect(session.doc.getMap('map')).toBe(map)
    expect(errors).toEqual([])

    map.set('next', 3)
    map.delete('fine')
    await server.settle()
    expect(server.doc('room').getMap('map').toJSON()).toEqual({ of: 'others', next: 3 })
    expect(map.toJSON()).toEqual({ of: 'others', next: 3 })
    expect(refusals).toHaveLength(1)
  })

  it('never writes again under a client id that was refused', async () => {
    const server = strictServer()
    const { session, map } = await open([server.transport('ann')], {
      persistence: memoryPersistence(),
    })
    const second = await session.leaseWriter('another purpose')
    const ids = [session.doc.clientID, second.clientID]
    await server.settle()
    map.set('worse', 'bad')
    await server.settle()
    expect(ids).not.toContain(session.doc.clientID)
    expect(ids).not.toContain(second.clientID)
    expect(session.doc.clientID).not.toBe(second.clientID)
  })

  it('does not give the client id to a later session', async () => {
    const server = strictServer()
    const store: MemoryStore = new Map()
    const options = { persistence: memoryPersistence(store) }
    const first = await open([server.transport('ann')], options)
    await server.settle()
    const refused = first.session.doc.clientID
    first.map.set('worse', 'bad')
    await server.settle()
    await first.session.destroy()
    const { session, map } = await open([server.transport('ann')], options)
    expect(session.doc.clientID).not.toBe(refused)
    expect(map.toJSON()).toEqual({})
  })

  it('takes everything back in the document of an app, lists too', async () => {
    const server = strictServer()
    const doc = new Y.Doc()
    const list = doc.getArray('list')
    const { map } = await open([server.transport('ann')], { doc })
    await server.settle()
    list.push([1, 2, 3])
    list.delete(1)
    await server.settle()
    doc.transact(() => {
      map.set('worse', 'bad')
      list.insert(1, ['refused'])
      list.get(2)
    })
    await server.settle()
    expect(list.toArray()).toEqual([1, 3])
    list.insert(1, [2])
    await server.settle()
    expect(server.doc('room').getArray('list').toArray()).toEqual([1, 2, 3])
  })

  it('empties lists so that they can be written before the server is reached', () => {
    const doc = new Y.Doc()
    const list = doc.getArray('list')
    list.insert(0, ['a', 'b', 'c'])
    list.insert(1, ['d'])
    list.get(3)
    emptyDocument(doc)
    expect(list.length).toBe(0)
    list.insert(0, ['x'])
    list.insert(1, ['y'])
    expect(list.toArray()).toEqual(['x', 'y'])
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    expect(copy.getArray('list').toArray()).toEqual(['x', 'y'])
  })

  it('joins the other tabs again when the server’s state is here', async () => {
    const server = strictServer()
    const seen: string[] = []
    const tabs: Transport = () => ({
      isLocal: true,
      connect: () => seen.push('connect'),
      disconnect: () => seen.push('disconnect'),
      destroy() {},
    })
    const { session, map } = await open([tabs, server.transport('ann')])
    await server.settle()
    session.on('recovered', () => seen.push('recovered'))
    map.set('worse', 'bad')
    await server.settle()
    expect(seen).toEqual(['connect', 'disconnect', 'recovered', 'connect'])
  })

  it('takes a refused deletion back', async () => {
    const server = strictServer()
    server.doc('room').getMap('map').set('keep', 1)
    const { map } = await open([server.transport('ann')])
    await server.settle()
    map.delete('keep')
    await server.settle()
    expect(map.toJSON()).toEqual({ keep: 1 })
  })

  it('stays denied after three refusals in a minute, until somebody connects', async () => {
    const server = new RefusingServer()
    server.judge = ({ after }) => (after.getMap('map').size > 0 ? forbidden : undefined)
    const clock = new FakeClock()
    const { session, log, refusals, errors, map } = await open([server.transport('ann')], { clock })
    session.on('refused', () => queueMicrotask(() => map.set('again', 1)))
    await server.settle()
    map.set('again', 1)
    await server.settle()
    expect(refusals).toHaveLength(3)
    expect(session.status).toBe('denied')
    expect(log.at(-1)).toBe('refused')
    expect(errors).toMatchObject([{ code: 'denied' }])

    server.judge = () => undefined
    session.connect()
    await server.settle()
    expect(session.status).toBe('connected')
    expect(map.toJSON()).toEqual({ again: 1 })
  })

  it('may be refused now and then for ever', async () => {
    const server = strictServer()
    const clock = new FakeClock()
    const { session, refusals, map } = await open([server.transport('ann')], { clock })
    await server.settle()
    for (let i = 0; i < 6; i++) {
      map.set('worse', 'bad')
      await server.settle()
      clock.advance(31_000)
    }
    expect(refusals).toHaveLength(6)
    expect(session.status).toBe('connected')
  })

  it('waits ten seconds for the server’s state, and takes it when it comes', async () => {
    const server = strictServer()
    server.doc('room').getMap('map').set('of', 'others')
    const clock = new FakeClock()
    const { session, log, map } = await open([server.transport('ann')], { clock })
    await server.settle()
    session.on('refused', () => session.disconnect())
    map.set('worse', 'bad')
    await server.settle()
    expect(session.whenRecovered).toBeDefined()
    const { whenRecovered } = session
    clock.advance(9999)
    expect(log).not.toContain('recovered')
    clock.advance(1)
    expect(log.at(-1)).toBe('recovered')
    await whenRecovered
    expect(session.whenRecovered).toBeUndefined()
    expect(session.isIncomplete).toBe(true)
    expect(map.toJSON()).toEqual({})
    session.connect()
    await server.settle()
    expect(session.isIncomplete).toBe(false)
    expect(map.toJSON()).toEqual({ of: 'others' })
    expect(log.filter(what => what === 'recovered')).toHaveLength(1)
  })

  it('waits as long again after another refusal', async () => {
    let context: TransportContext | undefined
    const silent: Transport = given => {
      context = given
      return { connect() {}, disconnect() {}, destroy() {} }
    }
    const clock = new FakeClock()
    const { log } = await open([silent], { clock })
    for (let i = 0; i < 2; i++) {
      context?.onRefused?.(forbidden)
      await nextTask()
      clock.advance(9000)
    }
    expect(log).toEqual(['recovering', 'refused', 'refused'])
    clock.advance(1000)
    expect(log.at(-1)).toBe('recovered')
    expect(clock.timerCount).toBe(0)
  })

  it('does nothing of it when it is destroyed', async () => {
    const server = strictServer()
    const clock = new FakeClock()
    const { session, map, log } = await open([server.transport('ann')], { clock })
    await server.settle()
    session.on('recovering', () => void session.destroy())
    map.set('worse', 'bad')
    await server.settle()
    expect(log).not.toContain('refused')
    expect(clock.timerCount).toBe(0)
    expect(session.whenRecovered).toBeUndefined()
  })

  it('is answered in the middle of a transaction by a transport that knows no patience', async () => {
    const server = new Y.Doc()
    const transport: Transport = context => {
      const onUpdate = (_: Uint8Array, origin: unknown) => {
        if (origin !== server) context.onRefused?.(forbidden)
      }
      context.doc.on('update', onUpdate)
      return {
        connect() {
          context.onStatus('connected')
          Y.applyUpdate(context.doc, Y.encodeStateAsUpdate(server), server)
          context.onSynced(true)
        },
        disconnect: () => context.onStatus('disconnected'),
        destroy: () => context.doc.off('update', onUpdate),
      }
    }
    server.getMap('map').set('of', 'others')
    const { session, map } = await open([transport])
    session.doc.transact(() => map.set('mine', 1))
    await nextTask()
    expect(map.toJSON()).toEqual({ of: 'others' })
  })

  it('gives a reason to show, whatever the server says', async () => {
    let context: TransportContext | undefined
    const transport: Transport = given => {
      context = given
      return { connect() {}, disconnect() {}, destroy() {} }
    }
    const { refusals } = await open([transport])
    context?.onRefused?.({ code: 'new', reason: { a: 1 } } as never)
    await nextTask()
    expect(refusals).toMatchObject([{ code: 'forbidden', reason: '[object Object]' }])
  })
})

describe('two tabs of a device whose write is refused', () => {
  for (const order of ['the network first', 'the tabs first']) {
    it(`both end clean, with ${order}`, async () => {
      const server = strictServer()
      server.doc('room').getMap('map').set('keep', 1)
      const tabs = new Tabs()
      const providers = (identity: string) => {
        const both = [server.transport(identity), tabs.transport()]
        return order === 'the network first' ? both : both.reverse()
      }
      const a = await open(providers('ann'))
      const b = await open(providers('ann'))
      await server.settle()
      a.map.delete('keep')
      a.map.set('worse', 'bad')
      b.map.set('fine', 1)
      await server.settle()
      expect(a.map.toJSON()).toEqual({ keep: 1 })
      expect(b.map.toJSON()).toEqual({ keep: 1 })
      expect([a.refusals.length, b.refusals.length]).toEqual([1, 1])

      const { messages } = tabs
      a.map.set('next', 1)
      expect(b.map.get('next')).toBe(1)
      expect(tabs.messages).toBe(messages + 1)
      b.map.set('other', 2)
      await server.settle()
      for (const doc of [a.session.doc, b.session.doc, server.doc('room')]) {
        expect(doc.getMap('map').toJSON()).toEqual({ keep: 1, next: 1, other: 2 })
      }
      expect(server.refusals).toBe(2)
    })
  }

  it('are not poisoned again by the one that is offline', async () => {
    const server = strictServer()
    server.doc('room').getMap('map').set('keep', 1)
    const tabs = new Tabs()
    const a = await open([server.transport('ann'), tabs.transport()])
    const b = await open([server.transport('ann'), tabs.transport()])
    await server.settle()
    b.session.disconnect()
    a.map.delete('keep')
    a.map.set('worse', 'bad')
    await server.settle()
    expect(b.map.toJSON()).toEqual({ worse: 'bad' })
    expect(a.map.toJSON()).toEqual({ keep: 1 })
    expect(server.refusals).toBe(1)
    // What it writes rests on what was refused, or not.
    b.map.set('worse', 'not so bad')
    b.map.set('b', 1)
    expect(a.map.get('b')).toBeUndefined()
    expect(a.session.doc.store.pendingStructs).toBeNull()
    a.map.set('a', 1)
    expect(b.map.get('a')).toBe(1)

    b.session.connect()
    await server.settle()
    expect(b.map.toJSON()).toEqual({ keep: 1, a: 1 })
    b.map.set('b', 2)
    expect(a.map.get('b')).toBe(2)
    await server.settle()
    expect(a.map.toJSON()).toEqual({ keep: 1, a: 1, b: 2 })
    expect(server.refusals).toBe(2)
  })
})

describe('what brings back what was set aside', () => {
  function asideOf(write: (doc: Y.Doc) => void) {
    const doc = new Y.Doc()
    doc.getMap('map').set('kept', 1)
    const kept = Y.encodeStateAsUpdate(doc)
    write(doc)
    const aside = Y.snapshot(doc)
    const all = Y.encodeStateAsUpdate(doc)
    const refused = doc.clientID
    emptyDocument(doc)
    Y.applyUpdate(doc, kept)
    return { doc, aside, all, kept, refused }
  }

  it('is the same struct, not another of the same client that the server has', () => {
    const { doc, aside, all, kept } = asideOf(one => one.getMap('map').set('bad', 1))
    expect(bringsBack(doc, aside, all)).toBe(true)
    expect(bringsBack(doc, aside, kept)).toBe(false)
    Y.applyUpdate(doc, all)
    expect(bringsBack(doc, aside, all)).toBe(false)
  })

  it('is the same deletion', () => {
    const { doc, aside, all } = asideOf(one => one.getMap('map').delete('kept'))
    expect(bringsBack(doc, aside, all)).toBe(true)
    doc.getMap('map').delete('kept')
    expect(bringsBack(doc, aside, all)).toBe(false)
  })

  it('is what rests on it, and what has a gap', () => {
    const { doc, aside, all } = asideOf(one => one.getMap('map').set('bad', 1))
    const other = new Y.Doc()
    Y.applyUpdate(other, all)
    const updates: Uint8Array[] = []
    other.on('update', update => updates.push(update))
    other.getMap('map').set('bad', 2)
    other.getMap('map').set('fine', 2)
    expect(updates.map(update => bringsBack(doc, aside, update))).toEqual([true, true])
    const fresh = new Y.Doc()
    fresh.getMap('map').set('fine', 1)
    expect(bringsBack(doc, aside, Y.encodeStateAsUpdate(fresh))).toBe(false)
  })

  it('is a deletion of what is not here', () => {
    const { doc, aside } = asideOf(() => {})
    const other = new Y.Doc()
    other.getMap('map').set('x', 1)
    const vector = Y.encodeStateVector(other)
    other.getMap('map').delete('x')
    expect(bringsBack(doc, aside, Y.encodeStateAsUpdate(other, vector))).toBe(true)
  })

  it('is told from what is malformed', () => {
    const { doc, aside } = asideOf(() => {})
    expect(() => bringsBack(doc, aside, new Uint8Array([1, 2, 3]))).toThrow(Error)
  })
})

describe('whether everything is saved', () => {
  it('is not known until a server has said it, and then is', async () => {
    const server = strictServer()
    const { session, map } = await open([server.transport('ann')])
    const told: unknown[] = []
    session.on('saved', isSaved => told.push(isSaved))
    await server.settle()
    map.set('a', 1)
    expect(session.isSaved).toBeUndefined()
    expect(told).toEqual([])

    server.saysSaved = true
    map.set('a', 2)
    expect(session.isSaved).toBe(false)
    await server.settle()
    expect(session.isSaved).toBe(true)
    expect(told).toEqual([false, true])
  })

  it('ends with the first write without a connection, and is so again when that came through', async () => {
    const server = strictServer()
    server.saysSaved = true
    const { session, map } = await open([server.transport('ann')])
    await server.settle()
    expect(session.isSaved).toBe(true)
    session.disconnect()
    expect(session.isSaved).toBe(true)
    map.set('a', 1)
    expect(session.isSaved).toBe(false)
    session.connect()
    expect(session.isSaved).toBe(false)
    await server.settle()
    expect(session.isSaved).toBe(true)
  })

  it('is not known after a start without a connection', async () => {
    const server = strictServer()
    server.saysSaved = true
    const store: MemoryStore = new Map()
    const options = { persistence: memoryPersistence(store), isConnectionWanted: () => false }
    const first = await open([server.transport('ann')], options)
    first.map.set('a', 1)
    expect(first.session.isSaved).toBeUndefined()
    await first.session.destroy()
    const { session } = await open([server.transport('ann')], options)
    expect(session.isSaved).toBeUndefined()
    session.connect()
    await server.settle()
    expect(session.isSaved).toBe(true)
  })

  it('is false from a refusal on until the server says otherwise', async () => {
    const server = strictServer()
    server.saysSaved = true
    const { session, map } = await open([server.transport('ann')])
    await server.settle()
    const told: unknown[] = []
    session.on('saved', isSaved => told.push(isSaved))
    map.set('worse', 'bad')
    await server.settle()
    expect(told).toEqual([false, true])
  })
})

describe('what a server says of itself', () => {
  it('is kept, and told each time', async () => {
    const server = strictServer()
    server.hello = { identity: 'ann', permissions: {} }
    const { session } = await open([server.transport('ann')])
    const told: unknown[] = []
    session.on('hello', hello => told.push(hello))
    expect(session.hello).toBeUndefined()
    await server.settle()
    expect(session.hello).toEqual(server.hello)
    expect(told).toEqual([server.hello])
  })
})
