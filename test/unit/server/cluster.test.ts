import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { messageKey, pageName } from '../../../src/schema/messages/ids.ts'
import { PageDocument } from '../../../src/schema/messages/page-document.ts'
import { LeaseLostError } from '../../../src/server/log/document-log.ts'
import { Author, expectWhole, fetchLog, SID, storedLog } from './support/chat.ts'
import { startServer, stockClient, syncedClient, until, whenSynced } from './support/clients.ts'
import { SharedEngine, type SharedLog } from './support/shared-log.ts'

const timings = {
  retryMs: 20,
  leaseMs: 300,
  heartbeatMs: 30,
  nodeLostMs: 150,
  sequencerIdleMs: 50,
  sweepMs: 10,
}

/** Servers that share one engine. */
async function startCluster(count = 2) {
  const engine = new SharedEngine()
  const logs = Array.from({ length: count }, () => engine.open())
  const servers = await Promise.all(logs.map(storage => startServer({ storage, timings })))
  return { engine, logs, servers, urls: servers.map(({ url }) => url) as [string, string] }
}

async function connected(author: Author, url: string) {
  const client = author.connect(url)
  await whenSynced(client)
  return client
}

function sameClient(clientID: number): Y.Doc {
  const doc = new Y.Doc()
  doc.clientID = clientID
  return doc
}

const whenAllIn = (authors: Author[], count: number) =>
  until(() => {
    for (const { outbox } of authors) {
      expect(outbox.state.count).toBe(count)
      expect(outbox.outboxes()).toEqual([])
    }
  })

describe('servers that share a storage', () => {
  it('pass on what each has stored', async () => {
    const { urls } = await startCluster()
    const [a, b] = await Promise.all(urls.map(url => syncedClient(url, 'room')))
    a?.map.set('a', 1)
    b?.map.set('b', 2)
    const both = { a: 1, b: 2 }
    await until(() => expect([a, b].map(one => one?.map.toJSON())).toEqual([both, both]))
  })

  it('give the state of all to who comes later', async () => {
    const { urls } = await startCluster()
    const a = await syncedClient(urls[0], 'room')
    a.map.set('a', 1)
    const b = await syncedClient(urls[1], 'room')
    await until(() => expect(b.map.get('a')).toBe(1))
  })

  it('catch up when the engine was away from one of them', async () => {
    const { logs, urls } = await startCluster()
    const [a, b] = await Promise.all(urls.map(url => syncedClient(url, 'room')))
    logs[1]?.cut()
    a?.map.set('a', 1)
    b?.map.set('b', 2)
    await until(() => expect(b?.provider.wsconnected).toBe(false))
    logs[1]?.heal()
    const both = { a: 1, b: 2 }
    await until(() => expect([a, b].map(one => one?.map.toJSON())).toEqual([both, both]))
  })

  it('tell a writer what others did with its update before it was known to be stored', async () => {
    const { logs, urls } = await startCluster()
    const [a, b] = await Promise.all(urls.map(url => syncedClient(url, 'room')))
    const [log] = logs as [SharedLog]
    const append = log.append.bind(log)
    let answer = () => {}
    const gate = new Promise<void>(resolve => {
      answer = resolve
    })
    log.append = async (...args) => {
      const seq = await append(...args)
      await gate
      return seq
    }
    const read = log.read.bind(log)
    log.read = async (...args) => {
      await gate
      return read(...args)
    }
    a?.map.set('a', 1)
    await until(() => expect(b?.map.get('a')).toBe(1))
    b?.map.delete('a')
    b?.map.set('b', 1)
    const late = stockClient(urls[0], 'room')
    await until(() => expect(late.map.has('b')).toBe(true))
    answer()
    await until(() => expect(a?.map.toJSON()).toEqual({ b: 1 }))
  })

  it('fold a log that both write to, and nothing is lost', async () => {
    const engine = new SharedEngine()
    const servers = await Promise.all(
      [0, 1].map(() =>
        startServer({ storage: engine.open(), timings, limits: { maxLogLength: 5 } }),
      ),
    )
    const clients = await Promise.all(servers.map(({ url }) => syncedClient(url, 'room')))
    for (let i = 0; i < 100; i++) {
      for (const [place, { map }] of clients.entries()) map.set(`${place}/${i}`, i)
      if (i % 10 === 0) await until(() => expect(clients[0]?.map.size).toBe(2 * (i + 1)))
    }
    await until(() => expect(clients.map(({ map }) => map.size)).toEqual([200, 200]))
    const later = await startServer({ storage: engine.open(), timings })
    expect((await syncedClient(later.url, 'room')).map.size).toBe(200)
    expect(engine.document('room').rows.length).toBeLessThan(100)
  })
})

describe('the awareness of a room on several servers', () => {
  it('shows everybody, also who was there before, and ends with the connection', async () => {
    const { urls } = await startCluster()
    const [a, b] = [stockClient(urls[0], 'room'), stockClient(urls[1], 'room')]
    a.awareness.setLocalState({ name: 'a' })
    await until(() => expect(b.awareness.getStates().get(a.doc.clientID)).toEqual({ name: 'a' }))
    b.awareness.setLocalState({ name: 'b' })
    await until(() => expect(a.awareness.getStates().get(b.doc.clientID)).toEqual({ name: 'b' }))
    const late = stockClient(urls[1], 'room')
    await until(() => expect(late.awareness.getStates().get(a.doc.clientID)).toEqual({ name: 'a' }))
    a.destroy()
    await until(() => {
      for (const one of [b, late]) expect(one.awareness.getStates().has(a.doc.clientID)).toBe(false)
    })
  })

  it('ends when the server that somebody is connected to is not heard any more', async () => {
    const { logs, urls } = await startCluster()
    const [a, b] = [stockClient(urls[0], 'room'), stockClient(urls[1], 'room')]
    a.awareness.setLocalState({ name: 'a' })
    await until(() => expect(b.awareness.getStates().has(a.doc.clientID)).toBe(true))
    logs[0]?.cut()
    await until(() => expect(b.awareness.getStates().has(a.doc.clientID)).toBe(false))
    logs[0]?.heal()
    await until(() => expect(b.awareness.getStates().has(a.doc.clientID)).toBe(true))
  })

  it('follows somebody who moves to another server', async () => {
    const { urls } = await startCluster()
    const a = stockClient(urls[0], 'room')
    a.awareness.setLocalState({ name: 'a' })
    const b = stockClient(urls[1], 'room')
    await until(() => expect(b.awareness.getStates().has(a.doc.clientID)).toBe(true))
    const { clientID } = a.doc
    a.destroy()
    await until(() => expect(b.awareness.getStates().has(clientID)).toBe(false))
    const moved = stockClient(urls[1], 'room', sameClient(clientID))
    moved.awareness.setLocalState({ name: 'moved' })
    await until(() => expect(b.awareness.getStates().get(clientID)).toEqual({ name: 'moved' }))
  })
})

describe('messages on several servers', () => {
  it('get one order, though both servers have authors who write at once', async () => {
    const { engine, urls } = await startCluster()
    const authors = [new Author('alice'), new Author('bob')]
    await Promise.all(authors.map((author, i) => connected(author, urls[i] as string)))
    for (const author of authors) author.burst(300)
    await whenAllIn(authors, 600)
    const log = await fetchLog(urls[0], 600)
    expectWhole(log, authors)
    expect(await fetchLog(urls[1], 600)).toEqual(log)
    expect(await storedLog(engine.open())).toEqual(log)
  })

  it('go on when the server that gave indices cannot reach the engine any more', async () => {
    const { logs, urls } = await startCluster()
    const [alice, bob] = [new Author('alice'), new Author('bob')]
    await connected(alice, urls[0])
    alice.send()
    await whenAllIn([alice], 1)
    await connected(bob, urls[1])
    logs[0]?.cut()
    bob.send()
    await whenAllIn([bob], 2)
    alice.send()
    logs[0]?.heal()
    await whenAllIn([alice, bob], 3)
    expectWhole(await fetchLog(urls[1], 3), [alice, bob])
  })

  it('are refused by the engine when a server stood still while another took its lease', async () => {
    const { engine, logs, urls } = await startCluster()
    const [alice, bob] = [new Author('alice'), new Author('bob')]
    await connected(alice, urls[0])
    alice.burst(10)
    await whenAllIn([alice], 10)
    await connected(bob, urls[1])

    const [log] = logs as [SharedLog]
    const append = log.append.bind(log)
    let goOn = () => {}
    const gate = new Promise<void>(resolve => {
      goOn = resolve
    })
    const late: Promise<unknown>[] = []
    log.append = async (name, updates, lease) => {
      if (name !== pageName(SID, 0)) return append(name, updates, lease)
      // It was about to be sent.
      const sent = gate.then(() => append(name, updates, lease))
      late.push(sent.catch(error => error))
      return sent
    }
    log.cluster.lease = async () => undefined
    alice.burst(10)
    await until(() => expect(late).toHaveLength(1))
    engine.leases.clear()
    bob.burst(10)
    await whenAllIn([alice, bob], 30)
    goOn()
    expect(await late[0]).toBeInstanceOf(LeaseLostError)
    alice.send()
    await whenAllIn([alice, bob], 31)
    for (const url of urls) expectWhole(await fetchLog(url, 31), [alice, bob])
  })

  it('are sequenced by one server at a time, through many changes of it', async () => {
    const { logs, urls } = await startCluster()
    const authors = [new Author('alice'), new Author('bob')]
    await Promise.all(authors.map((author, i) => connected(author, urls[i] as string)))
    let count = 0
    for (let round = 0; round < 6; round++) {
      for (const author of authors) author.burst(20)
      count += 40
      const log = logs[round % 2]
      log?.cut()
      await new Promise(resolve => setTimeout(resolve, 50))
      log?.heal()
      await whenAllIn(authors, count)
    }
    const page = stockClient(urls[0], pageName(SID, 0))
    await whenSynced(page)
    const entries = new PageDocument(page.doc).entries()
    expect(new Set(entries.map(messageKey)).size).toBe(count)
    expect(entries.map(({ index }) => index)).toEqual(entries.map((_, index) => index))
  })
})
