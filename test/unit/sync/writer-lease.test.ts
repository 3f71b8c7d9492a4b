import { afterEach, describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import type { ConversationsError } from '../../../src/base/errors.ts'
import type { IdleWriter, Persistence } from '../../../src/sync/provider.ts'
import { Session, type SessionOptions } from '../../../src/sync/session.ts'
import { canResume } from '../../../src/sync/writer-lease.ts'
import { type MemoryStore, memoryPersistence } from '../../../src/testing/index.ts'
import { nextTask } from '../../../src/testing/task.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** A session as a model has one: loaded and started. */
async function open(store: MemoryStore, options: Partial<SessionOptions> = {}) {
  const session = new Session({
    name: 'room',
    persistence: memoryPersistence(store),
    transports: [],
    flushWrites() {},
    ...options,
  })
  const errors: ConversationsError[] = []
  session.on('error', error => errors.push(error))
  await session.load()
  session.start()
  const { doc } = session
  const notes = doc.getMap('notes')
  const write = () => {
    notes.set('note', Math.random())
    return doc.clientID
  }
  return { session, doc, errors, write, writer: doc.clientID }
}

/** Opens, writes and closes; returns the client id. */
async function visit(store: MemoryStore): Promise<number> {
  const { session, write } = await open(store)
  const writer = write()
  await session.destroy()
  return writer
}

function clientsOf(store: MemoryStore): number[] {
  const doc = new Y.Doc()
  for (const row of (store as Map<string, Uint8Array[]>).get('room') ?? []) Y.applyUpdate(doc, row)
  return [...doc.store.clients.keys()]
}

describe('a client id', () => {
  it('can be resumed where exactly what was written under it is known', () => {
    const doc = new Y.Doc()
    doc.getMap('notes').set('a', 1)
    const writer = { clientId: doc.clientID, clock: 1, owner: 'alice' }
    expect(canResume(doc, writer)).toBe(true)
    expect(canResume(doc, { ...writer, clock: 2 })).toBe(false)
    doc.getMap('notes').set('a', 2)
    expect(canResume(doc, writer)).toBe(false)
    expect(canResume(new Y.Doc(), writer)).toBe(false)
    expect(canResume(new Y.Doc(), { ...writer, clock: 0 })).toBe(false)
  })
})

describe('a session', () => {
  it('goes on under the client id of the last one that ended', async () => {
    const store = new Map()
    const writer = await visit(store)
    for (let i = 0; i < 5; i++) expect(await visit(store)).toBe(writer)
    expect(clientsOf(store)).toEqual([writer])
  })

  it('has the client id before transports are attached', async () => {
    const store = new Map()
    const writer = await visit(store)
    const attached: number[] = []
    const handle = { connect() {}, disconnect() {}, destroy() {} }
    const { session } = await open(store, {
      transports: [
        ({ doc }) => {
          attached.push(doc.clientID)
          return handle
        },
      ],
    })
    expect(attached).toEqual([writer])
    await session.destroy()
  })

  it('has a presence of its own, whose clock begins anew', async () => {
    const store = new Map()
    const one = await open(store)
    const writer = one.write()
    await one.session.destroy()
    const two = await open(store)
    expect(two.writer).toBe(writer)
    expect(two.session.awareness.clientID).not.toBe(one.session.awareness.clientID)
    await two.session.destroy()
  })

  it('never has the client id of another one that is open', async () => {
    const store = new Map()
    await visit(store)
    const tabs = await Promise.all([open(store), open(store), open(store)])
    const writers = tabs.map(({ write }) => write())
    expect(new Set(writers).size).toBe(3)
    for (const { session } of tabs) await session.destroy()
    // Each was told of what it loaded only, and the first one wrote since.
    for (let i = 0; i < 5; i++) expect(writers).toContain(await visit(store))
    expect(clientsOf(store).sort()).toEqual(writers.toSorted())
  })

  it('does not go on under the client id of one that crashed, however often others end well', async () => {
    const store = new Map()
    const writer = await visit(store)
    const crashed = await open(store)
    expect(crashed.write()).toBe(writer)
    const next = await visit(store)
    expect(next).not.toBe(writer)
    for (let i = 0; i < 3; i++) expect(await visit(store)).toBe(next)
  })

  it('gives a client id up for good where a write is lost', async () => {
    const store: Map<string, Uint8Array[]> = new Map()
    const writer = await visit(store)
    const { session, write } = await open(store)
    write()
    await session.destroy()
    const lost = store.get('room')?.pop() as Uint8Array
    expect(await visit(store)).not.toBe(writer)
    // Though the write is back from somebody who had it.
    store.get('room')?.push(lost)
    expect(await visit(store)).not.toBe(writer)
  })

  it('does not go on under a client id that others know more of', async () => {
    const store = new Map()
    const writer = await visit(store)
    const peer = new Y.Doc()
    for (const row of store.get('room') ?? []) Y.applyUpdate(peer, row)
    peer.clientID = writer
    peer.getMap('notes').set('forged', 1)
    store.get('room')?.push(Y.encodeStateAsUpdate(peer))
    expect(await visit(store)).not.toBe(writer)
  })

  it('has a new client id where storage was lost, or does not load', async () => {
    const store: Map<string, Uint8Array[]> = new Map()
    const writer = await visit(store)
    expect(await visit(new Map(store))).not.toBe(writer)
    const failed = await open(store, {
      persistence: memoryPersistence(store, { failLoad: () => true }),
    })
    expect(failed.writer).not.toBe(writer)
    await failed.session.destroy()
    expect(await visit(store)).toBe(writer)
  })

  it('leaves no client id that it did not write under, and puts back the one it was given', async () => {
    const store = new Map()
    const reader = await open(store)
    await reader.session.destroy()
    const second = await open(store)
    expect(second.writer).not.toBe(reader.writer)
    const writer = second.write()
    await second.session.destroy()
    for (let i = 0; i < 3; i++) {
      const { session, writer: given } = await open(store)
      expect(given).toBe(writer)
      await session.destroy()
    }
  })

  it('leaves the client id it wrote under before it was given one, too', async () => {
    const store = new Map()
    const first = await visit(store)
    const session = new Session({
      name: 'room',
      persistence: memoryPersistence(store),
      transports: [],
      flushWrites() {},
    })
    const loading = session.load()
    session.doc.getMap('notes').set('early', 1)
    const early = session.doc.clientID
    await loading
    expect(session.doc.clientID).toBe(first)
    const tab = await open(store)
    expect(tab.writer).toBe(early)
    await tab.session.destroy()
    await session.destroy()
  })

  it('leaves the client id of an own document alone, and those that were left, too', async () => {
    const store = new Map()
    const writer = await visit(store)
    const doc = new Y.Doc()
    const own = doc.clientID
    const { session, write } = await open(store, { doc })
    expect(write()).toBe(own)
    await session.destroy()
    expect(doc.clientID).toBe(own)
    expect(await visit(store)).toBe(writer)
  })

  it('has a client id of its own where the persistence keeps none', async () => {
    const store = new Map()
    await visit(store)
    const forgetful: Persistence = context => {
      const { writers: _, ...handle } = memoryPersistence(store)(context)
      return handle
    }
    const ids = new Set<number>()
    for (let i = 0; i < 3; i++) {
      const { session, write } = await open(store, { persistence: forgetful })
      ids.add(write())
      await session.destroy()
    }
    expect(ids.size).toBe(3)
  })

  it('puts back, before it ends, what it is given too late', async () => {
    const store = new Map()
    const writer = await visit(store)
    const log: string[] = []
    let answer = () => {}
    const isAnswered = new Promise<void>(resolve => {
      answer = resolve
    })
    let ask = () => {}
    const isAsked = new Promise<void>(resolve => {
      ask = resolve
    })
    const session = new Session({
      name: 'room',
      persistence: context => {
        const handle = memoryPersistence(store)(context)
        return {
          ...handle,
          writers: {
            async take(owner) {
              ask()
              await isAnswered
              return handle.writers?.take(owner)
            },
            put(one) {
              log.push(`put ${one.clientId}`)
              handle.writers?.put(one)
            },
          },
          async destroy() {
            log.push('persistence destroyed')
            await handle.destroy()
          },
        }
      },
      transports: [],
      flushWrites() {},
    })
    void session.load()
    await isAsked
    const ended = session.destroy()
    answer()
    await ended
    expect(log).toEqual([`put ${writer}`, 'persistence destroyed'])
    expect(await visit(store)).toBe(writer)
  })

  it.each([
    ['pagehide', 'pageshow'],
    ['freeze', 'resume'],
  ])('leaves its client id at %s, and is given it again at %s', async (leaving, returning) => {
    const [page, tab] = [new EventTarget(), new EventTarget()]
    vi.stubGlobal('window', page)
    vi.stubGlobal('document', tab)
    const dispatch = (type: string) => {
      const event = Object.assign(new Event(type), { persisted: true })
      ;(type.startsWith('page') ? page : tab).dispatchEvent(event)
    }
    const store = new Map()
    const { session, write, doc } = await open(store)
    const writer = write()
    dispatch(leaving)
    expect(doc.clientID).not.toBe(writer)
    dispatch(returning)
    await vi.waitFor(() => expect(doc.clientID).toBe(writer))
    dispatch(leaving)
    // Another tab has it meanwhile.
    const other = await open(store)
    expect(other.write()).toBe(writer)
    dispatch(returning)
    await nextTask()
    expect(write()).not.toBe(writer)
    await other.session.destroy()
    await session.destroy()
  })

  it('writes what the model held back under its client id when the page goes away', async () => {
    const page = new EventTarget()
    vi.stubGlobal('window', page)
    vi.stubGlobal('document', new EventTarget())
    const store = new Map()
    const writer = await visit(store)
    const { session, doc } = await open(store, {
      flushWrites: () => doc.getMap('notes').set('b', 1),
    })
    page.dispatchEvent(new Event('pagehide'))
    // The process ends here.
    expect(clientsOf(store)).toEqual([writer])
    expect(await visit(store)).toBe(writer)
    await session.destroy()
  })
})

describe('two copies of one storage', () => {
  /** What a cloned profile is: rows, and what was left with them. */
  async function copies() {
    const store: Map<string, Uint8Array[]> = new Map()
    const writer = await visit(store)
    const open1 = (idle: IdleWriter[]) =>
      open(new Map(structuredClone([...store])), {
        persistence: context => ({
          ...memoryPersistence(new Map(structuredClone([...store])))(context),
          writers: { take: async () => idle.pop(), put: one => idle.push(one) },
        }),
      })
    const left = { clientId: writer, clock: 1, owner: '' }
    const idle: [IdleWriter[], IdleWriter[]] = [[left], [left]]
    const [original, copy] = [await open1(idle[0]), await open1(idle[1])]
    expect([original.writer, copy.writer]).toEqual([writer, writer])
    return { original, copy, idle, writer }
  }

  it('part as soon as one hears of the other, and it says so and gives the client id up', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {})
    const { original, copy, idle, writer } = await copies()
    original.write()
    Y.applyUpdate(copy.doc, Y.encodeStateAsUpdate(original.doc))
    expect(copy.errors.map(({ code, reason }) => [code, reason])).toEqual([['storage', 'copied']])
    expect(copy.write()).not.toBe(writer)
    Y.applyUpdate(original.doc, Y.encodeStateAsUpdate(copy.doc))
    expect(original.errors).toEqual([])
    expect(original.doc.getMap('notes').toJSON()).toEqual(copy.doc.getMap('notes').toJSON())
    await original.session.destroy()
    await copy.session.destroy()
    expect(idle[0].map(({ clientId }) => clientId)).toEqual([writer])
    expect(idle[1].map(({ clientId }) => clientId)).not.toContain(writer)
  })

  it('are told apart by the one that wrote less, where both wrote before they met', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {})
    const { original, copy } = await copies()
    original.write()
    original.write()
    copy.write()
    Y.applyUpdate(copy.doc, Y.encodeStateAsUpdate(original.doc))
    Y.applyUpdate(original.doc, Y.encodeStateAsUpdate(copy.doc))
    expect(copy.errors.map(({ reason }) => reason)).toEqual(['copied'])
    expect(original.errors).toEqual([])
    await original.session.destroy()
    await copy.session.destroy()
  })
})
