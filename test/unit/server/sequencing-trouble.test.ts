import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { outboxName, pageName } from '../../../src/schema/messages/ids.ts'
import { PageDocument } from '../../../src/schema/messages/page-document.ts'
import { createServer, type DocumentLog, memoryLog } from '../../../src/server/index.ts'
import { Author, expectWhole, fetchLog, SID, storedLog, whenSequenced } from './support/chat.ts'
import {
  rawClient,
  silent,
  startServer,
  stockClient,
  syncMessage,
  until,
  whenSynced,
} from './support/clients.ts'
import { gatedLog } from './support/storage.ts'

const soon = { sweepMs: 10, sequencerIdleMs: 0, retryMs: 10 }

/** A log that refuses some appends, of which it keeps some in spite of that, as a disk may that fails late. */
function unreliableLog(inner: DocumentLog, isRefused: (name: string) => 'lost' | 'kept' | false) {
  const log: DocumentLog = {
    async append(name, updates) {
      const refused = isRefused(name)
      if (refused !== 'lost') await inner.append(name, updates)
      if (refused) throw new Error('input/output error')
      return Number.MAX_SAFE_INTEGER
    },
    read: name => inner.read(name),
    snapshot: async () => {
      throw new Error('input/output error')
    },
    claim: (name, key, owner) => inner.claim(name, key, owner),
    erase: name => inner.erase(name),
    names: prefix => inner.names(prefix),
    close: async () => {},
  }
  return log
}

async function connected(author: Author, url: string) {
  const client = author.connect(url)
  await whenSynced(client)
  return client
}

describe('when the disk fails', () => {
  it.each(['lost', 'kept'] as const)(
    'goes on where it was, each refused write being %s',
    async what => {
      const inner = memoryLog()
      const appends = new Map<string, number>()
      const refused: string[] = []
      const storage = unreliableLog(inner, name => {
        const count = (appends.get(name) ?? 0) + 1
        appends.set(name, count)
        const isRefused = count % (name.includes('/m/') ? 3 : 5) === 0
        if (isRefused) refused.push(name)
        return isRefused ? what : false
      })
      const server = await createServer({ port: 0, storage, log: silent, timings: soon })
      const seen = stockClient(server.url, pageName(SID, 0))
      const witness = new Map<string, number>()
      seen.doc.on('update', () => {
        for (const { writer, counter, index } of new PageDocument(seen.doc).entries()) {
          const key = `${writer}/${counter}`
          expect(witness.get(key) ?? index, 'a final index moved').toBe(index)
          witness.set(key, index)
        }
      })
      const alice = new Author('alice')
      await connected(alice, server.url)
      for (let round = 0; round < 20; round++) {
        alice.burst(10)
        const id = alice.sent[round]
        if (id) alice.edit(id, `edited ${round}`, null)
        await until(() => expect(alice.outbox.state.count).toBe((round + 1) * 10))
      }
      await until(() => expect(alice.outbox.outboxes()).toEqual([]))
      expect(refused.some(name => name === pageName(SID, 0))).toBe(true)
      expect(refused.some(name => name === outboxName(SID))).toBe(true)
      await server.close()

      // On the disk as it was seen: nothing was written twice in different ways.
      const stored = await storedLog(inner)
      expectWhole(stored, [alice])
      expect(stored).toEqual(new PageDocument(seen.doc).entries())
      expect(stored.slice(0, 20).map(({ content }) => content?.body)).toEqual(
        Array.from({ length: 20 }, (_, i) => `edited ${i}`),
      )
    },
  )

  it('says nothing is in the log that is not, and catches up when there is room again', async () => {
    const storage = gatedLog()
    const { url } = await startServer({ storage: storage.log, timings: soon })
    const alice = new Author('alice')
    await connected(alice, url)
    alice.send()
    await until(() => expect(alice.outbox.state.count).toBe(1))
    const page = stockClient(url, pageName(SID, 0))
    await whenSynced(page)
    const reader = stockClient(url, outboxName(SID))
    await whenSynced(reader)
    storage.isFull = true
    alice.send()
    await until(() => expect(storage.appends.length).toBeGreaterThan(6))
    expect(new PageDocument(page.doc).entries()).toHaveLength(1)
    expect(reader.provider.wsconnected).toBe(true)
    storage.isFull = false
    await whenSequenced(url, 2)
    await until(() => expect(new PageDocument(page.doc).entries()).toHaveLength(2))
  })

  it('can be closed', async () => {
    const storage = gatedLog()
    const timings = { ...soon, retryMs: 1_000_000 }
    const server = await createServer({ port: 0, storage: storage.log, log: silent, timings })
    const alice = new Author('alice')
    await connected(alice, server.url)
    alice.send()
    await until(() => expect(alice.outbox.state.count).toBe(1))
    let refused = 0
    storage.log.append = async name => {
      if (!name.includes('/m/')) return 100
      refused += 1
      throw new Error('no space left on device')
    }
    alice.send()
    await until(() => expect(refused).toBe(1))
    await server.close()
    expect(refused).toBe(1)
  })

  it('tries again when a page cannot be read', async () => {
    const inner = memoryLog()
    let isUnreadable = true
    let attempts = 0
    const read = inner.read.bind(inner)
    inner.read = async name => {
      if (isUnreadable && name.includes('/m/')) {
        attempts += 1
        throw new Error('input/output error')
      }
      return read(name)
    }
    const errors: string[] = []
    const { url } = await startServer({
      storage: inner,
      timings: soon,
      log: { ...silent, error: line => errors.push(line) },
    })
    const alice = new Author('alice')
    await connected(alice, url)
    alice.send()
    await until(() => expect(attempts).toBeGreaterThan(2))
    expect(errors).toContain(`${SID}: cannot sequence messages`)
    isUnreadable = false
    await whenSequenced(url, 1)
  })
})

describe('a conversation that somebody filled with rubbish', () => {
  it('is sequenced all the same', async () => {
    const errors: unknown[] = []
    const { url } = await startServer({
      timings: soon,
      log: { ...silent, error: (...line) => errors.push(line) },
    })
    const { doc } = await connected(new Author('mallory'), url)
    const outbox = doc.getMap('outbox')
    const values = () => [
      null,
      1,
      'text',
      {},
      [],
      ['m'],
      ['m', -1, 0, 0, ['x']],
      ['m', 2 ** 52, 2 ** 52, 4e15, [null]],
      ['m', Number.NaN, 1, 1, ['x']],
      ['m', 1, Number.POSITIVE_INFINITY, 1, ['x']],
      ['b', 1, 1, 2 ** 52, 0, 'x'],
      ['r', 2 ** 52, 2 ** 52, 2 ** 52, 0],
      ['a', 1, 0, null, 0, [[['.a'], { deep: [1] }], 7], ['x', ['.b']]],
      ['z', ['m', 1, 1, 1, ['x']]],
      new Uint8Array([1, 2, 3]),
    ]
    for (const key of [
      'mallory|1',
      'mallory|zz',
      '|1',
      'x|',
      '@|2',
      '',
      `bob|${(1).toString(36)}`,
    ]) {
      outbox.set(key, Y.Array.from(values()))
    }
    outbox.set('a|3', 'no array')
    outbox.set('a|4', new Y.Map([['x', 1]]))
    outbox.set('a|5', new Y.Text('text'))
    outbox.set('a|6', Y.Array.from([new Y.Map(), new Y.Array(), new Y.XmlElement('p')]))
    outbox.set('a|7', new Y.Doc())
    doc.getMap('removed').set('x', {})
    doc.getMap('removed').set('-1', -1)
    doc.getArray('log').push(['rubbish', null, ['', -1, 2 ** 60, null], ['', 1, 1, 1, 'x']])
    doc.getArray('log').push([new Uint8Array([255, 255]), new Y.Map()])
    doc.getArray('other').push([1])

    const page = stockClient(url, pageName(SID, 0))
    await whenSynced(page)
    const log = page.doc.getArray('log')
    log.push([1, null, ['x'], new Y.Map(), [2 ** 53, 'a', 1, 1, 1, ['x']]])
    // Where others' messages would come.
    for (const index of [2, 10, 15]) log.push([[index, 'mallory', 7, index, 7, ['forged']]])
    page.doc.getMap('before').set('sent', 'rubbish')

    const [alice, bob] = [new Author('alice'), new Author('bob')]
    await connected(alice, url)
    await connected(bob, url)
    alice.burst(20)
    bob.burst(20)
    await until(() => {
      for (const { outbox } of [alice, bob]) {
        expect(outbox.state.count).toBeGreaterThan(40)
        // A command whose message does not exist waits for it.
        const waiting = outbox.outboxes().flatMap(({ items }) => items)
        expect(waiting.every(({ entry }) => entry?.kind === 'remove')).toBe(true)
      }
    })
    const { count } = alice.outbox.state
    const entries = await fetchLog(url, count)
    expect(entries.map(({ index }) => index)).toEqual(entries.map((_, i) => i))
    expect(entries).toHaveLength(count)
    const known = new Set([alice, bob].map(({ outbox }) => outbox.writer))
    expectWhole(
      entries
        .filter(({ writer }) => known.has(writer))
        .map((entry, index) => ({ ...entry, index })),
      [alice, bob],
    )
    // And those who come after a forged clock.
    const late = new Author('late')
    await connected(late, url)
    late.burst(3)
    await until(() => expect(late.outbox.state.count).toBe(count + 3))
    expect(errors).toEqual([])
  })

  it('waits, and harms no other, while the log is said to be longer than its pages are', async () => {
    const warnings: string[] = []
    const { url } = await startServer({
      timings: soon,
      log: { ...silent, warn: line => warnings.push(line) },
    })
    const alice = new Author('alice')
    const { doc } = await connected(alice, url)
    doc.getArray('log').push([['', 3, 3, 1, 9, 0, 3]])
    alice.send()
    await until(() => expect(warnings.some(line => line.startsWith(SID))).toBe(true))

    const bob = new Author('bob')
    const other = `CH${'7'.repeat(32)}`
    await whenSynced(bob.connect(url, other))
    bob.send()
    await whenSequenced(url, 1, other)
    expect(alice.pendingCount).toBe(1)

    // As a peer brings them that ran the sequencer before.
    const page = stockClient(url, pageName(SID, 0))
    const entries = [0, 1, 2].map(index => [index, 'carol', 9, index + 1, 1, ['from before']])
    page.doc.getArray('log').push(entries)
    await whenSequenced(url, 4)
    const log = await fetchLog(url, 4)
    expect(log.map(({ author }) => author)).toEqual(['carol', 'carol', 'carol', 'alice'])
  })

  it('loses nothing when somebody takes the client id of the server', async () => {
    const { url } = await startServer({ timings: { ...soon, sequencerIdleMs: 30_000 } })
    const alice = new Author('alice')
    await connected(alice, url)
    alice.send()
    await until(() => expect(alice.outbox.state.count).toBe(1))
    const page = stockClient(url, pageName(SID, 0))
    await whenSynced(page)
    const [server] = [...page.doc.store.clients.keys()]
    const forged = new Y.Doc()
    Y.applyUpdate(forged, Y.encodeStateAsUpdate(page.doc))
    forged.clientID = server as number
    const before = Y.encodeStateVector(forged)
    forged.getMap('other').set('key', 1)
    const raw = await rawClient(url, pageName(SID, 0))
    raw.send(syncMessage(2, Y.encodeStateAsUpdate(forged, before)))
    await raw.settle()
    await until(() => expect(page.doc.getMap('other').get('key')).toBe(1))
    alice.burst(10)
    await whenSequenced(url, 11)
    expectWhole(await fetchLog(url, 11), [alice])
  })
})
