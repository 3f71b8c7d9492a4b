import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { messageKey, outboxName, pageName } from '../../../src/schema/messages/ids.ts'
import type { LogEntry } from '../../../src/schema/messages/log-entry.ts'
import { PageDocument } from '../../../src/schema/messages/page-document.ts'
import { createServer, levelLog, memoryLog } from '../../../src/server/index.ts'
import { Author, expectWhole, fetchLog, SID, storedLog, whenSequenced } from './support/chat.ts'
import {
  rawClient,
  silent,
  startServer,
  stockClient,
  syncMessage,
  until,
  updateOf,
  whenSynced,
} from './support/clients.ts'
import { gatedLog, temporaryDirectory } from './support/storage.ts'

/** What is not needed is let go at once. */
const soon = { sweepMs: 10, sequencerIdleMs: 0, retryMs: 10 }

async function connected(author: Author, url: string) {
  const client = author.connect(url)
  await whenSynced(client)
  return client
}

const whenAllIn = ({ outbox }: Author, count: number) =>
  until(() => {
    expect(outbox.state.count).toBe(count)
    expect(outbox.outboxes()).toEqual([])
  })

describe('messages that clients write', () => {
  it('are all in the log, once and in one order, after two bursts of 1,000 at the same time', async () => {
    const { url } = await startServer({ storage: await temporaryDirectory() })
    const authors = [new Author('alice'), new Author('bob')]
    await Promise.all(authors.map(author => connected(author, url)))
    const pages = authors.map(() => [0, 1].map(page => stockClient(url, pageName(SID, page)).doc))
    for (const author of authors) author.burst(1000)

    for (const author of authors) await whenAllIn(author, 2000)
    for (const docs of pages) {
      const seen = () => docs.flatMap(doc => new PageDocument(doc).entries())
      await until(() => expect(seen()).toHaveLength(2000))
      expectWhole(seen(), authors)
      expect(seen()).toEqual(await fetchLog(url, 2000))
    }
  })

  it('can be edited, reacted to and removed, in the log and before', async () => {
    const { url } = await startServer()
    const [alice, bob] = [new Author('alice'), new Author('bob')]
    await Promise.all([connected(alice, url), connected(bob, url)])
    const [edited, removed, liked] = [alice.send(), alice.send(), alice.send()]
    await whenAllIn(bob, 3)
    alice.edit(edited, 'edited', 0)
    alice.remove(removed, 1)
    alice.react(liked, 'a', 2)
    bob.react(liked, 'b', 2)
    // Together with the message, and one that is yet to come.
    const pending = alice.send()
    alice.edit(pending, 'early')
    alice.react(pending, 'a')
    const next = { ...pending, counter: pending.counter + 10 }
    bob.edit(next, 'too early')
    const gone = alice.send()
    alice.remove(gone)
    await until(() => expect(alice.outbox.state.count).toBe(5))
    while (alice.outbox.nextCounter('alice') < next.counter) alice.edit(edited, 'edited again', 0)
    expect(alice.send()).toEqual(next)
    await whenAllIn(alice, 6)

    const log = await fetchLog(url, 6)
    expectWhole(log, [alice])
    const at = (index: number) => log[index] as LogEntry
    const said = log.map(({ content }) => content?.body)
    expect(said).toEqual([
      'edited again',
      undefined,
      messageKey(liked),
      'early',
      undefined,
      'too early',
    ])
    const paths = (entry: LogEntry) => entry.edits?.overlay.map(({ path }) => path[0]).sort()
    expect(paths(at(2))).toEqual(['.a', '.b'])
    expect(paths(at(3))).toEqual(['.a'])
    expect(at(5).edits?.by).toBe('bob')
    const { writer } = removed
    expect(alice.outbox.removed().toSorted((a, b) => a.index - b.index)).toEqual([
      { index: 1, writer },
      { index: 4, writer },
    ])
  })

  it('go on where they were, after the server was started again', async () => {
    const storage = await temporaryDirectory()
    const [alice, bob] = [new Author('alice'), new Author('bob')]
    const first = await createServer({ port: 0, storage, log: silent })
    const clients = [await connected(alice, first.url), await connected(bob, first.url)]
    for (const author of [alice, bob]) author.burst(300)
    await until(() => expect(alice.outbox.state.count).toBeGreaterThan(0))
    await first.close()
    for (const { provider } of clients) provider.disconnect()
    const level = await levelLog(storage)
    const before = await storedLog(level)
    await level.close()
    expect(before.length).toBeGreaterThan(0)

    for (const author of [alice, bob]) author.burst(300)
    const { url } = await startServer({ storage })
    for (const author of [alice, bob]) await connected(author, url)
    await whenAllIn(alice, 1200)
    const log = await fetchLog(url, 1200)
    expectWhole(log, [alice, bob])
    expect(log.slice(0, before.length)).toEqual(before)
    const page = stockClient(url, pageName(SID, 0))
    await whenSynced(page)
    expect(page.doc.store.clients.size, 'one client id of the server').toBe(1)
  })

  it('are put into the log when their document is loaded, if they were not before', async () => {
    const storage = memoryLog()
    await storage.append(outboxName(SID), [updateOf(doc => new Author('alice', doc).burst(5))])
    const { url } = await startServer({ storage })
    await whenSequenced(url, 5)
    expect(await fetchLog(url, 5)).toHaveLength(5)
  })

  it('are in the log when the server has closed, if it had received them', async () => {
    const inner = memoryLog()
    inner.close = async () => {}
    const storage = gatedLog(inner)
    const server = await createServer({ port: 0, storage: storage.log, log: silent })
    const updates: Uint8Array[] = []
    const doc = new Y.Doc()
    doc.on('update', update => updates.push(update))
    const alice = new Author('alice', doc)
    alice.burst(2500)
    const raw = await rawClient(server.url, outboxName(SID))
    await raw.settle()
    storage.shut()
    for (const update of updates) raw.send(syncMessage(2, update))
    await raw.settle()
    const closed = server.close()
    storage.open()
    await closed
    expectWhole(await storedLog(inner), [alice])
  })

  it('leave nothing in memory when everybody is gone, and no page when nothing happens', async () => {
    const server = await startServer({ timings: soon })
    const alice = new Author('alice')
    const client = await connected(alice, server.url)
    alice.burst(2100)
    await whenAllIn(alice, 2100)
    await until(() => expect(server.health()).toMatchObject({ rooms: 1, connections: 1 }))
    alice.send()
    await whenAllIn(alice, 2101)
    client.provider.destroy()
    await until(() => expect(server.health()).toMatchObject({ rooms: 0, connections: 0 }))
    expect(await fetchLog(server.url, 2101)).toHaveLength(2101)
  })

  it('never need more than two pages at a time, whatever is done to old ones', async () => {
    const server = await startServer()
    const alice = new Author('alice')
    await connected(alice, server.url)
    alice.burst(4500)
    await whenAllIn(alice, 4500)
    const rooms: number[] = []
    alice.outbox.follow(() => rooms.push(server.health().rooms))
    const targets = [4400, 3, 1500, 2500, 3500, 4, 1501].map(index => ({
      index,
      id: alice.sent[index],
    }))
    for (const { id, index } of targets)
      if (id) alice.edit(id, 'edited', index === 1500 ? null : index)
    await until(() => expect(alice.outbox.outboxes()).toEqual([]))
    expect(Math.max(...rooms)).toBeLessThanOrEqual(3)
    const log = await fetchLog(server.url, 4500)
    const edited = log.filter(({ content }) => content?.body === 'edited')
    expect(edited.map(({ index }) => index)).toEqual([3, 4, 1500, 1501, 2500, 3500, 4400])
  })
})

describe('a room', () => {
  it('is found under a name with slashes, encoded or not', async () => {
    const { url } = await startServer()
    const alice = new Author('alice')
    await connected(alice, url)
    const raw = await rawClient(url, encodeURIComponent(outboxName(SID)))
    await raw.settle()
    alice.send()
    await whenAllIn(alice, 1)
    const doc = new Y.Doc()
    await until(() => {
      for (const update of raw.updates()) Y.applyUpdate(doc, update)
      expect(new Author('reader', doc).outbox.state.count).toBe(1)
    })
  })

  it.each([
    'room/o',
    'o',
    `${SID}/o/`,
    `${SID}/o/o`,
    `x${SID}/o`,
    `${SID.toUpperCase()}/o`,
    `US${SID.slice(2)}/o`,
    `${SID}/m/0`,
    SID,
  ])('that is no conversation is left alone: %s', async name => {
    const storage = memoryLog()
    const { url } = await startServer({ storage })
    const doc = new Y.Doc()
    const alice = new Author('alice', doc)
    const client = stockClient(url, name, doc)
    await whenSynced(client)
    alice.send()
    const other = stockClient(url, name)
    const copy = new Author('reader', other.doc)
    await until(() => expect(copy.outbox.outboxes()).toHaveLength(1))
    // A conversation beside it is served meanwhile.
    const bob = new Author('bob')
    const elsewhere = `CH${'9'.repeat(32)}`
    await whenSynced(bob.connect(url, elsewhere))
    bob.send()
    await whenAllIn(bob, 1)
    expect(copy.outbox.outboxes()).toHaveLength(1)
    expect(doc.store.clients.size).toBe(1)
  })
})
