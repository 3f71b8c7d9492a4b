import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import * as Y from 'yjs'
import { messageKey, pageName, pageOf } from '../../src/schema/messages/ids.ts'
import { PageDocument } from '../../src/schema/messages/page-document.ts'
import { Author, expectWhole, SID, storedLog } from '../unit/server/support/chat.ts'
import { bundleServer, type ChildServer, startChild } from '../unit/server/support/child-server.ts'
import { type StockClient, stockClient, whenSynced } from '../unit/server/support/clients.ts'
import { Witness, writeForever } from '../unit/server/support/witness.ts'
import { keyReader, keyWriter } from './support/key-clients.ts'
import { level, postgres, redis, type Storage } from './support/places.ts'

/** For each engine, and each number of servers. */
const KILLS = Number(process.env.KILLS ?? 5)

const options = {
  timings: { leaseMs: 500, retryMs: 50, heartbeatMs: 100, nodeLostMs: 500 },
  // Folded often.
  limits: { maxLogLength: 60 },
}

const until = <T>(assertion: () => T | Promise<T>) =>
  vi.waitFor(assertion, { timeout: 20_000, interval: 5 })

let program: string
beforeAll(async () => {
  program = await bundleServer()
})
afterAll(() => rm(program))

/** What servers have promised: by telling a writer that it is saved, or a reader that it is there. */
class Promises {
  readonly keys = new Set<string>()
  readonly witness = new Witness()

  /** @param isQuiet nobody writes any more */
  async check(storage: Storage, isQuiet: boolean): Promise<void> {
    const keys = [...this.keys]
    const log = await storage.open()
    try {
      const doc = new Y.Doc()
      const { updates } = await log.read('room')
      doc.transact(() => {
        for (const update of updates) Y.applyUpdate(doc, update)
      })
      expect(doc.store.pendingStructs, 'a gap').toBeNull()
      expect(keys.filter(key => !doc.getMap('map').has(key))).toEqual([])

      const entries = await storedLog(log)
      expect(this.witness.missingIn(entries)).toEqual([])
      this.witness.look(entries)
      if (isQuiet) expect(entries.map(({ index }) => index)).toEqual(entries.map((_, i) => i))
    } finally {
      await log.close()
    }
  }
}

/** One server and those who are connected to it. */
class Site {
  readonly server: ChildServer
  readonly #promises: Promises
  readonly #writers: Awaited<ReturnType<typeof keyWriter>>[]
  readonly #reader: Awaited<ReturnType<typeof keyReader>>
  readonly #author: StockClient
  readonly #pages = new Map<number, { client: StockClient; page: PageDocument }>()
  readonly #stopWriting: () => void

  static async start(storage: Storage, promises: Promises, author: Author, round: string) {
    const server = await startChild(program, storage.place(), 0, options)
    const before = [...promises.keys]
    const note = (key: string) => promises.keys.add(key)
    const reader = await keyReader(server.url, 'room', note)
    expect(before.filter(key => !reader.map.has(key))).toEqual([])
    const writers = await Promise.all(
      ['a', 'b'].map(name => keyWriter(server.url, 'room', `${round}-${name}`, note)),
    )
    const connected = author.connect(server.url)
    await whenSynced(connected)
    return new Site(server, promises, reader, writers, connected, author)
  }

  private constructor(
    server: ChildServer,
    promises: Promises,
    reader: Awaited<ReturnType<typeof keyReader>>,
    writers: Awaited<ReturnType<typeof keyWriter>>[],
    connected: StockClient,
    author: Author,
  ) {
    this.server = server
    this.#promises = promises
    this.#reader = reader
    this.#writers = writers
    this.#author = connected
    this.#stopWriting = writeForever(author, 2, 20)
  }

  /** Resolves when everybody here has got further. */
  async progress(): Promise<void> {
    const { size } = this.#promises.witness
    for (const number of [pageOf(size), pageOf(size) + 1]) {
      if (this.#pages.has(number)) continue
      // They come without anything, so that they bring nothing back.
      const client = stockClient(this.server.url, pageName(SID, number))
      this.#pages.set(number, { client, page: new PageDocument(client.doc) })
    }
    const saved = this.#writers.map(writer => writer.saved)
    const delivered = this.#reader.map.size
    await until(() => {
      this.look()
      expect(this.#promises.witness.size).toBeGreaterThan(size)
      expect(this.#reader.map.size).toBeGreaterThan(delivered)
      for (const [i, { saved: now }] of this.#writers.entries())
        expect(now).toBeGreaterThan(saved[i] as number)
    })
  }

  look(): void {
    for (const { page } of this.#pages.values()) this.#promises.witness.look(page.entries())
  }

  /** Its server is dead. */
  leave(): void {
    this.look()
    this.#stopWriting()
    this.#reader.close()
    for (const writer of this.#writers) writer.close()
    this.#author.provider.destroy()
    for (const { client } of this.#pages.values()) client.destroy()
  }
}

async function live(storage: Storage, siteCount: number): Promise<void> {
  const promises = new Promises()
  const authors = Array.from({ length: siteCount }, (_, i) => new Author(`author ${i}`))
  const start = (place: number, round: string) =>
    Site.start(storage, promises, authors[place] as Author, round)
  const sites = await Promise.all(authors.map((_, i) => start(i, `first-${i}`)))

  for (let kill = 0; kill < KILLS; kill++) {
    await Promise.all(sites.map(site => site.progress()))
    // At any moment of the server's work, which no event tells.
    await new Promise(resolve => setTimeout(resolve, Math.random() * 100))
    const place = Math.floor(Math.random() * siteCount)
    const site = sites[place] as Site
    await site.server.kill()
    site.leave()
    for (const other of sites) other.look()
    // Before anybody could bring it back.
    await promises.check(storage, siteCount === 1)
    sites[place] = await start(place, `${kill}`)
  }

  for (const site of sites) site.leave()
  const count = authors.reduce((sum, { sent }) => sum + sent.length, 0)
  for (const [i, author] of authors.entries()) author.connect((sites[i] as Site).server.url)
  for (const { outbox } of authors) {
    await until(() => {
      expect(outbox.state.count).toBe(count)
      expect(outbox.outboxes()).toEqual([])
    })
  }
  for (const { server } of sites) await server.kill()
  await promises.check(storage, true)
  const log = await storage.open()
  onTestFinished(() => log.close())
  expectWhole(await storedLog(log), authors)
  expect(promises.witness.size).toBe(
    new Set(authors.flatMap(({ sent }) => sent.map(messageKey))).size,
  )
}

const alone = [level, redis, postgres].map(kind => ({ ...kind, siteCount: 1, who: 'a server' }))
const oneOfTwo = [redis, postgres].map(kind => ({ ...kind, siteCount: 2, who: 'one of two' }))

describe.each([...alone, ...oneOfTwo])('$title', ({ start, siteCount, who }) => {
  it.skipIf(!start)(
    `has everything that ${who} promised that was killed, ${KILLS} times`,
    async () => {
      const storage = (await start?.()) as Storage
      onTestFinished(() => storage.stop())
      await live(storage, siteCount)
    },
    30_000 + KILLS * 10_000,
  )
})
