import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { ServerOptions } from '../../src/server/index.ts'
import type { Engine } from '../support/engines.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { Author, expectWhole, fetchLog, storedLog } from '../unit/server/support/chat.ts'
import { bundleServer, type ChildServer, startChild } from '../unit/server/support/child-server.ts'
import { stockClient, syncedClient, whenSynced } from '../unit/server/support/clients.ts'
import { Crowd } from './support/crowd.ts'
import { postgres, redis, type Storage } from './support/places.ts'

const quick = { leaseMs: 1_000, retryMs: 100, heartbeatMs: 300, nodeLostMs: 1_500, sweepMs: 200 }

const until = <T>(assertion: () => T | Promise<T>) =>
  vi.waitFor(assertion, { timeout: 40_000, interval: 50 })

let program: string
beforeAll(async () => {
  program = await bundleServer()
})
afterAll(() => rm(program))

describe.each([redis, postgres])('servers that share $title', ({ start }) => {
  async function openStorage() {
    const storage = (await start?.()) as Storage
    onTestFinished(() => storage.stop())
    return { storage, engine: storage.engine as Engine }
  }

  async function startNode(
    storage: Storage,
    timings: NonNullable<ServerOptions['timings']> = quick,
    port?: number,
  ): Promise<ChildServer> {
    return startChild(program, storage.place(port), 0, { timings, limits: { maxLogLength: 100 } })
  }

  /** Everybody has everything, and a server that has just come reads nothing else. */
  async function expectConverged(storage: Storage, crowd: Crowd, urls: readonly string[]) {
    crowd.stop()
    await until(() => crowd.expectWhole())
    const fresh = await startNode(storage)
    const logs = await Promise.all([...urls, fresh.url].map(url => fetchLog(url, crowd.sent)))
    for (const log of logs) expectWhole(log, crowd.authors)
    for (const log of logs) expect(log).toEqual(logs[0])
    for (const url of [...urls, fresh.url]) {
      crowd.expectAllIn((await syncedClient(url, 'room')).map)
    }
    const log = await storage.open()
    onTestFinished(() => log.close())
    expect(await storedLog(log)).toEqual(logs[0])
  }

  it.skipIf(!start)(
    'lose nothing with a hundred clients, a partition, a third server, a kill and restarts',
    async () => {
      const { storage, engine } = await openStorage()
      const proxy = await startTcpProxy(engine.port)
      onTestFinished(() => proxy.close())
      const nodes = [await startNode(storage), await startNode(storage, quick, proxy.port)]
      const urls = nodes.map(({ url }) => url)
      const [here, there] = urls as [string, string]
      const crowd = new Crowd(urls, 90, 10)
      onTestFinished(() => crowd.stop())
      const grows = async () => {
        const { written, sent } = crowd
        const goal = written.size + 100
        await until(() => expect(written.size).toBeGreaterThan(goal))
        // Also those of clients that had to go elsewhere meanwhile.
        await until(() => expect(crowd.authors[0]?.outbox.state.count).toBeGreaterThan(sent))
      }
      await grows()

      const [a, b] = [stockClient(here, 'presence'), stockClient(there, 'presence')]
      const seesOther = (isThere: boolean) => () => {
        expect(a.awareness.getStates().has(b.doc.clientID)).toBe(isThere)
        expect(b.awareness.getStates().has(a.doc.clientID)).toBe(isThere)
      }
      a.awareness.setLocalState({ name: 'a' })
      b.awareness.setLocalState({ name: 'b' })
      await until(seesOther(true))
      // It writes nothing, and so stays where it is.
      const observer = stockClient(there, 'room', undefined, true)
      await whenSynced(observer)
      proxy.freeze()
      await until(seesOther(false))
      await grows()
      const missed = [...crowd.written]
      proxy.thaw()
      await until(seesOther(true))
      await until(() => expect(missed.filter(key => !observer.map.has(key))).toEqual([]))
      await grows()

      const third = await startNode(storage)
      nodes.push(third)
      urls.push(third.url)
      for (const [place, node] of nodes.entries()) {
        await node.stop()
        const next = await startNode(storage)
        nodes[place] = next
        urls[place] = next.url
        await grows()
      }
      await nodes[0]?.kill()
      const next = await startNode(storage)
      urls[0] = next.url
      await grows()

      await expectConverged(storage, crowd, urls)
    },
    180_000,
  )

  it.skipIf(!start)(
    'go on when their engine was killed and is started again',
    async () => {
      const { storage, engine } = await openStorage()
      const nodes = [await startNode(storage), await startNode(storage)]
      const urls = nodes.map(({ url }) => url)
      const crowd = new Crowd(urls, 20, 4)
      onTestFinished(() => crowd.stop())
      for (let round = 0; round < 2; round++) {
        const goal = crowd.written.size + 40
        await until(() => expect(crowd.written.size).toBeGreaterThan(goal))
        await engine.kill()
        // What is written meanwhile.
        await until(() => expect(crowd.written.size).toBeGreaterThan(goal + 40))
        await engine.restart()
        const { sent } = crowd
        await until(() => {
          for (const { outbox } of crowd.authors) expect(outbox.state.count).toBeGreaterThan(sent)
        })
      }
      await expectConverged(storage, crowd, urls)
      await engine.kill()
      for (const client of crowd.clients) client.map.set('late', 1)
      for (const author of crowd.authors) author.send()
      await Promise.all(nodes.map(node => node.stop()))
    },
    120_000,
  )

  it.skipIf(!start)(
    'give no index twice when one of them stands still for longer than its lease',
    async () => {
      const { storage } = await openStorage()
      const nodes = [await startNode(storage), await startNode(storage)]
      const authors = [new Author('alice'), new Author('bob')]
      await Promise.all(nodes.map(({ url }, i) => whenSynced((authors[i] as Author).connect(url))))
      for (let round = 0; round < 4; round++) {
        // The one that sequences has much to do when it is stopped: its author writes first.
        const paused = round % 2
        const [own, other] = [authors[paused], authors[1 - paused]] as [Author, Author]
        own.burst(200)
        const { count } = own.outbox.state
        await until(() => expect(own.outbox.state.count).toBeGreaterThan(count))
        own.burst(200)
        nodes[paused]?.pause()
        other.burst(50)
        own.burst(50)
        await until(() => {
          const mine = other.outbox
            .outboxes()
            .filter(({ writer }) => writer === other.outbox.writer)
          expect(mine).toEqual([])
        })
        nodes[paused]?.goOn()
        own.burst(50)
        const sent = own.sent.length + other.sent.length
        await until(() => {
          for (const { outbox } of authors) {
            expect(outbox.state.count).toBe(sent)
            expect(outbox.outboxes()).toEqual([])
          }
        })
      }
      const sent = authors.reduce((sum, author) => sum + author.sent.length, 0)
      const logs = await Promise.all(nodes.map(({ url }) => fetchLog(url, sent)))
      for (const log of logs) expectWhole(log, authors)
      expect(logs[0]).toEqual(logs[1])
    },
    120_000,
  )

  it.skipIf(!start)(
    'end the presence of who was on one that was killed, or cannot be heard, as they do by default',
    async () => {
      const { storage, engine } = await openStorage()
      const proxy = await startTcpProxy(engine.port)
      onTestFinished(() => proxy.close())
      const [a, b, c] = [
        await startNode(storage, {}),
        await startNode(storage, {}),
        await startNode(storage, {}, proxy.port),
      ]
      const clients = [a, b, c].map(({ url }, i) => {
        const client = stockClient(url, 'presence')
        client.awareness.setLocalState({ name: `${i}` })
        return client
      })
      const seen = () => clients[0]?.awareness.getStates().size
      await until(() => expect(seen()).toBe(3))
      await b.kill()
      proxy.freeze()
      await vi.waitFor(() => expect(seen()).toBe(1), { timeout: 15_000, interval: 50 })
    },
    60_000,
  )
})
