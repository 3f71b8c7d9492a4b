import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createServer } from '../../../src/server/index.ts'
import { type WebsocketOptions, websocket } from '../../../src/sync/websocket/index.ts'
import { startRelay } from '../../support/relay.ts'
import { openContext } from '../../support/transport-context.ts'
import { silent, startServer, syncedClient, until } from './support/clients.ts'
import { gatedLog } from './support/storage.ts'

/** A `websocket()` whose sockets are counted. */
function device(url: string, options: Partial<WebsocketOptions> = {}) {
  const sockets: WebSocket[] = []
  const traffic = { sent: 0 }
  class Counted extends WebSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
      const send = this.send.bind(this)
      this.send = (data: Uint8Array) => {
        traffic.sent += 1
        send(data)
      }
    }
  }
  const transport = websocket({ url, WebSocket: Counted as never, maxBackoffMs: 20, ...options })
  const join = (name: string) => {
    const saved: boolean[] = []
    const context = Object.assign(openContext(name), {
      onSaved: (isSaved: boolean) => saved.push(isSaved),
    })
    const handle = transport(context)
    handle.connect()
    onTestFinished(() => {
      void handle.destroy()
      context.destroy()
    })
    return { ...context, handle, saved, map: context.doc.getMap<unknown>('map') }
  }
  const pathsOf = () => sockets.map(({ url }) => new URL(url).pathname)
  return { join, sockets, traffic, paths: pathsOf }
}

const rooms = (count: number) => Array.from({ length: count }, (_, i) => `room-${i}`)

describe('one client', () => {
  it('has a thousand rooms over one socket, all synced, in a few messages', async () => {
    const server = await startServer()
    const author = device(server.url)
    const alice = device(server.url)
    const written = rooms(1_000).map(author.join)
    for (const { map, name } of written) map.set('name', name)
    const docs = rooms(1_000).map(alice.join)
    await Promise.all(docs.map(doc => doc.whenSynced()))
    await until(() => {
      for (const { map, name } of docs) expect(map.get('name')).toBe(name)
    })
    expect(alice.paths()).toEqual(['/mux'])
    expect(author.paths()).toEqual(['/mux'])
    expect(server.health()).toMatchObject({ rooms: 1_000, connections: 2_000 })
    expect(alice.traffic.sent).toBeLessThan(50)
    expect(docs.flatMap(({ errors }) => errors)).toEqual([])
  })

  it('shares a room with unmodified y-websocket clients, awareness and all', async () => {
    const { url } = await startServer()
    const alice = device(url).join('room')
    const stock = await syncedClient(url, 'room')
    alice.map.set('from', 'alice')
    alice.awareness.setLocalState({ name: 'alice' })
    stock.awareness.setLocalState({ name: 'stock' })
    await until(() => {
      expect(stock.map.get('from')).toBe('alice')
      const names = [...stock.awareness.getStates().values()].map(({ name }) => name)
      expect(names.sort()).toEqual(['alice', 'stock'])
      expect(alice.awareness.getStates().size).toBe(2)
    })
    stock.map.set('from', 'stock')
    await until(() => expect(alice.map.get('from')).toBe('stock'))
  })

  it('carries documents of several megabytes both ways, and others beside them', async () => {
    const { url } = await startServer()
    const [author, reader] = [device(url), device(url)]
    const large = author.join('large')
    large.map.set('bulk', new Uint8Array(5 * 2 ** 20).fill(7))
    author.join('small').map.set('a', 1)
    const copies = [reader.join('large'), reader.join('small')]
    await until(() => expect(copies[1]?.map.get('a')).toBe(1))
    await until(() => expect(copies[0]?.map.get('bulk')).toHaveLength(5 * 2 ** 20))
    expect([...large.errors, ...(copies[0]?.errors ?? [])]).toEqual([])
  })

  it('loses one document that the server refuses, and no other', async () => {
    const { url } = await startServer()
    const { join, paths } = device(url)
    const good = join('good')
    const bad = join('x'.repeat(600))
    await bad.whenStatus('denied')
    await good.whenSynced()
    good.map.set('a', 1)
    const stock = await syncedClient(url, 'good')
    await until(() => expect(stock.map.get('a')).toBe(1))
    expect(good.synced).toEqual([true])
    expect(paths()).toEqual(['/mux'])
  })

  it('asks for one token, whatever the number of its documents', async () => {
    const { url } = await startServer()
    const getToken = vi.fn(async () => 'token')
    const { join } = device(url, { getToken })
    const docs = rooms(50).map(join)
    await Promise.all(docs.map(doc => doc.whenSynced()))
    expect(getToken).toHaveBeenCalledTimes(1)
  })

  it('comes back with all its rooms by one socket when the server has restarted', async () => {
    const first = await createServer({ port: 0, log: silent })
    const { join, sockets } = device(first.url)
    const docs = rooms(100).map(join)
    await Promise.all(docs.map(doc => doc.whenSynced()))
    const open = () => sockets.filter(({ readyState }) => readyState <= 1).length
    await first.close()
    await until(() => expect(open()).toBeLessThanOrEqual(1))
    for (const { map, name } of docs) map.set('name', name)
    const server = await startServer({ port: first.port })
    await until(() => expect(docs.map(({ synced }) => synced.at(-1))).not.toContain(false))
    expect(open()).toBe(1)
    expect(server.health().connections).toBe(100)
    const stock = await syncedClient(server.url, 'room-99')
    await until(() => expect(stock.map.get('name')).toBe('room-99'))
    expect(docs.flatMap(({ errors }) => errors)).toEqual([])
  })
})

describe.each([true, false])('whether everything is kept (mux: %s)', mux => {
  it('is told only after it is durable', async () => {
    const log = gatedLog()
    const { url } = await startServer({ storage: log.log })
    const alice = device(url, { mux }).join('room')
    await alice.whenSynced()
    await until(() => expect(alice.saved.at(-1)).toBe(true))
    log.shut()
    alice.map.set('a', 1)
    expect(alice.saved.at(-1)).toBe(false)
    await until(() => expect(log.appends).toHaveLength(1))
    // The server goes on answering, and says nothing of that.
    const stock = await syncedClient(url, 'room')
    expect(stock.map.has('a')).toBe(false)
    expect(alice.saved.at(-1)).toBe(false)
    log.open()
    await until(() => expect(alice.saved.at(-1)).toBe(true))
  })

  it('is told by the next connection, if the last one was lost before', async () => {
    const log = gatedLog()
    const { url } = await startServer({ storage: log.log })
    const { join, sockets } = device(url, { mux })
    const alice = join('room')
    await until(() => expect(alice.saved.at(-1)).toBe(true))
    log.shut()
    alice.map.set('a', 1)
    await until(() => expect(log.appends).toHaveLength(1))
    sockets.at(-1)?.terminate()
    await until(() => expect(alice.synced).toEqual([true, false, true]))
    expect(alice.saved.at(-1)).toBe(false)
    log.open()
    await until(() => expect(alice.saved.at(-1)).toBe(true))
    const stock = await syncedClient(url, 'room')
    expect(stock.map.get('a')).toBe(1)
  })
})

describe('which server it is', () => {
  it('another one is found out by one attempt, and not asked again', async () => {
    const relay = await startRelay()
    onTestFinished(() => relay.close())
    const { join, paths } = device(relay.url)
    const docs = rooms(3).map(join)
    await Promise.all(docs.map(doc => doc.whenSynced()))
    const late = join('late')
    await late.whenSynced()
    expect(paths()).toEqual(['/mux', '/room-0', '/room-1', '/room-2', '/late'])
    expect(docs.flatMap(({ errors, saved }) => [...errors, ...saved])).toEqual([])
  })

  it('one that refuses the path is found out as well', async () => {
    const http = createHttpServer()
    const sockets = new WebSocketServer({ server: http, path: '/room' })
    sockets.on('connection', socket => socket.send(new Uint8Array([0, 1, 2, 0, 0])))
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    onTestFinished(() => {
      for (const socket of sockets.clients) socket.terminate()
      http.close()
    })
    const { port } = http.address() as { port: number }
    const { join, paths } = device(`ws://127.0.0.1:${port}`)
    const { whenSynced } = join('room')
    await whenSynced()
    expect(paths()).toEqual(['/mux', '/room'])
  })

  it.each(['ours', 'another'])('one that is down is found when it is back as %s', async kind => {
    const gone = await createServer({ port: 0, log: silent })
    const { port, url } = gone
    await gone.close()
    const { join, paths, sockets } = device(url)
    const docs = rooms(5).map(join)
    await until(() => expect(sockets.length).toBeGreaterThan(3))
    // One at a time.
    expect(sockets.filter(({ readyState }) => readyState <= 1).length).toBeLessThanOrEqual(1)
    if (kind === 'ours') await startServer({ port })
    else {
      const relay = await startRelay({ port })
      onTestFinished(() => relay.close())
    }
    await Promise.all(docs.map(doc => doc.whenSynced()))
    const open = paths().filter((_, i) => sockets[i]?.readyState === 1)
    expect(open.sort()).toEqual(kind === 'ours' ? ['/mux'] : rooms(5).map(name => `/${name}`))
  })
})
