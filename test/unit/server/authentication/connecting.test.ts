import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import {
  type Authenticate,
  ConversationsError,
  createServer,
  jwt,
} from '../../../../src/server/index.ts'
import { httpMedia } from '../../../../src/sync/media/http-media.ts'
import { freshContent } from '../../../support/media.ts'
import { rawClient, silent, startServer, syncMessage, until, updateOf } from '../support/clients.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { inSeconds, SECRET, signToken } from '../support/tokens.ts'

const authenticate = jwt({ secret: SECRET })

/** A logger that keeps everything as it would be printed. */
function record() {
  const lines: string[] = []
  const write = (...line: unknown[]) =>
    void lines.push(line.map(part => inspect(part, { depth: 9, showHidden: true })).join(' '))
  return { lines, log: { info: write, warn: write, error: write } }
}

async function closeOf(url: string, path: string, options = {}) {
  return (await rawClient(url, path, options)).closed
}

describe('a socket', () => {
  it('is let in with a token in its URL or its header, and nowhere else', async () => {
    const { url } = await startServer({ authenticate })
    const token = await signToken()
    const write = syncMessage(
      2,
      updateOf(doc => doc.getMap('map').set('key', 1)),
    )
    for (const [path, headers] of [
      [`room?token=${token}`, {}],
      [`room?a=b&token=${token}&c`, {}],
      ['room', { authorization: `Bearer ${token}` }],
      ['room?token=x', { authorization: `bearer ${token}` }],
    ] as const) {
      const client = await rawClient(url, path, { headers })
      client.send(write)
      await client.settle()
      expect(client.updates().length).toBeGreaterThan(0)
    }
    for (const [path, headers] of [
      ['room', { cookie: `token=${token}` }],
      ['room', { authorization: `Basic ${token}` }],
      ['room', { authorization: token }],
      [`room/${token}`, {}],
      [`room?Token=${token}`, {}],
      ['room?token=', {}],
    ] as const) {
      const closed = await closeOf(url, path, { headers })
      expect(closed, path).toEqual({ code: 4401, reason: 'no token' })
    }
  })

  it('that is refused has a reason, after the handshake', async () => {
    const { url } = await startServer({ authenticate })
    const refused = async (token: string) => closeOf(url, `room?token=${token}`)
    expect(await refused(await signToken({ exp: inSeconds(-60) }))).toEqual({
      code: 4401,
      reason: 'token expired',
    })
    expect(await refused(await signToken({}, 'x'.repeat(40)))).toMatchObject({ code: 4401 })
    expect(await refused('x'.repeat(10_000))).toMatchObject({ code: 4401 })
    expect(await refused(await signToken({ sub: 'x'.repeat(600) }))).toEqual({
      code: 4401,
      reason: 'the token names no usable identity',
    })
    // Node itself refuses headers this long.
    await expect(refused('x'.repeat(20_000))).rejects.toThrow('431')
  })

  it('of an unmodified y-websocket client is let in, or told that it is final', async () => {
    const { url } = await startServer({ authenticate })
    const start = (token: string) => {
      const doc = new Y.Doc()
      const provider = new WebsocketProvider(url, 'room', doc, {
        params: { token },
        WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
        disableBc: true,
      })
      onTestFinished(() => {
        provider.destroy()
        doc.destroy()
      })
      return provider
    }
    const welcome = start(await signToken())
    await until(() => expect(welcome.synced).toBe(true))
    const refused = start('bad')
    const closed = await new Promise<CloseEvent>(resolve => {
      refused.on('connection-close', event => resolve(event as CloseEvent))
    })
    expect(closed).toMatchObject({ code: 4401, reason: 'malformed token' })
    expect(refused.shouldConnect).toBe(false)
  })

  it.each<[string, Authenticate, { code: number; reason: string }]>([
    [
      'is denied',
      () => Promise.reject(new ConversationsError('denied', 'alice is banned')),
      { code: 4403, reason: 'alice is banned' },
    ],
    [
      'cannot be judged now',
      () => Promise.reject(new ConversationsError('transport', 'the directory is away')),
      { code: 1013, reason: 'the directory is away' },
    ],
    [
      'made it throw',
      token => {
        throw new Error(`no such token: ${token}`)
      },
      { code: 4401, reason: 'the token is not accepted' },
    ],
    [
      'made it throw what is no error',
      () => Promise.reject(undefined),
      { code: 4401, reason: 'the token is not accepted' },
    ],
    [
      'stands for nobody',
      () => undefined as never,
      { code: 4401, reason: 'the token names no usable identity' },
    ],
    [
      'stands for what is no text',
      () => ({ identity: { toString: () => 'alice' } }) as never,
      { code: 4401, reason: 'the token names no usable identity' },
    ],
    [
      'stands for half a character',
      () => ({ identity: 'a\ud800' }),
      { code: 4401, reason: 'the token names no usable identity' },
    ],
    [
      'has expired already',
      () => ({ identity: 'alice', expiresAtMs: Date.now() - 1 }),
      { code: 4401, reason: 'token expired' },
    ],
    [
      'never knows when it expires',
      () => ({ identity: 'alice', expiresAtMs: Number.NaN }),
      { code: 4401, reason: 'token expired' },
    ],
  ])('whose token %s is told so', async (_what, judge, expected) => {
    const { url, health } = await startServer({ authenticate: judge })
    expect(await closeOf(url, 'room?token=secret')).toEqual(expected)
    expect(health()).toMatchObject({ rooms: 0, connections: 0 })
  })

  it('is told as much of a long reason as fits, in whole characters', async () => {
    const { url } = await startServer({
      authenticate: () => Promise.reject(new ConversationsError('denied', '€'.repeat(100))),
    })
    expect(await closeOf(url, 'room')).toEqual({ code: 4403, reason: '€'.repeat(40) })
  })

  it('is not read before it is known whose it is, and what it said is not lost', async () => {
    let answer = (_identity: string) => {}
    const { url, health } = await startServer({
      authenticate: () =>
        new Promise(resolve => {
          answer = identity => resolve({ identity })
        }),
    })
    const [early, other] = [
      await rawClient(url, 'room'),
      updateOf(doc => doc.getMap('m').set('k', 1)),
    ]
    early.send(syncMessage(2, other))
    const settled = early.settle()
    await fetch(`${url.replace('ws', 'http')}/health`)
    expect(early.received).toEqual([])
    expect(health()).toMatchObject({ rooms: 0 })
    answer('alice')
    await settled
    await until(async () => {
      await early.settle()
      expect(early.updates().at(-1)).toEqual(other)
    })
  })

  it('is closed when nobody says in time whose it is', async () => {
    const time = fakeClock()
    const { url } = await startServer({
      clock: time.clock,
      authenticate: () => new Promise(() => {}),
    })
    const client = await rawClient(url, 'room')
    time.advance(9_999)
    expect(client.socket.readyState).toBe(WebSocket.OPEN)
    time.advance(1)
    expect(await client.closed).toEqual({ code: 1013, reason: 'authentication takes too long' })
  })

  it('that goes while it is judged is forgotten', async () => {
    let answer = () => {}
    const { url, health, metrics } = await startServer({
      limits: { maxConnectionsPerIdentity: 1 },
      authenticate: token =>
        token
          ? { identity: 'alice' }
          : new Promise(resolve => {
              answer = () => resolve({ identity: 'alice' })
            }),
    })
    const gone = await rawClient(url, 'room')
    gone.socket.terminate()
    await gone.closed
    answer()
    await until(async () => {
      const next = await rawClient(url, 'room?token=1')
      await next.settle()
      next.socket.terminate()
    })
    await until(() => expect(health()).toMatchObject({ connections: 0 }))
    await until(() => expect(metrics()).toContain('sockets{kind="plain"} 0'))
  })

  it('does not keep a server from closing while it is judged, and is not let in afterwards', async () => {
    let answer = () => {}
    const server = await startServer({
      authenticate: () =>
        new Promise(resolve => {
          answer = () => resolve({ identity: 'alice' })
        }),
    })
    const client = await rawClient(server.url, 'room')
    await server.close()
    expect(await client.closed).toMatchObject({ code: 1001 })
    answer()
    await new Promise(resolve => setImmediate(resolve))
    expect(server.metrics()).toContain('y_conversations_connections_total 0')
  })
})

describe('a token', () => {
  it('is never in a log, a reason, an answer or the metrics', async () => {
    const { lines, log } = record()
    const token = `${await signToken({}, 'another secret of more than thirty-two bytes')}+/`
    const good = await signToken()
    const server = await startServer({
      log,
      authenticate: async (asked, request) => {
        if (asked === good) return { identity: 'alice' }
        if (request.url?.startsWith('/denied'))
          throw new ConversationsError('denied', `no: ${asked}`)
        throw Object.assign(new Error(`who is ${asked}?`), { token: asked, request })
      },
      serve: () => Promise.reject(new Error('broken')),
    })
    const reasons: string[] = []
    for (const path of ['room', 'denied', 'mux']) {
      const parameter = `token=${encodeURIComponent(token)}`
      reasons.push((await closeOf(server.url, `${path}?${parameter}`)).reason)
      const response = await fetch(
        `http://127.0.0.1:${server.port}/media/${freshContent().hash}?${parameter}`,
      )
      reasons.push(await response.text())
      await fetch(`http://127.0.0.1:${server.port}/other?${parameter}`)
    }
    // Malformed, with a good one.
    const client = await rawClient(server.url, `room?token=${good}`)
    client.send(new Uint8Array([77]))
    reasons.push((await client.closed).reason)
    const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
    const all = [...lines, ...reasons, metrics].join('\n')
    expect(lines.length).toBeGreaterThan(8)
    for (const secret of [token, encodeURIComponent(token), token.split('.')[2] ?? '', good]) {
      expect(all).not.toContain(secret)
    }
    expect(reasons).toContain('no: …')
  })
})

describe('where it listens', () => {
  it('is anywhere with authentication, or if that is meant', async () => {
    await expect(createServer({ host: '0.0.0.0', port: 0, log: silent })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('insecure'),
    })
    const http = createHttpServer().listen(0, '127.0.0.1')
    onTestFinished(() => void http.close())
    await once(http, 'listening')
    // As if it listened everywhere, which no test may.
    const address = {
      address: '0.0.0.0',
      family: 'IPv4',
      port: (http.address() as AddressInfo).port,
    }
    http.address = () => address
    await expect(createServer({ server: http, log: silent })).rejects.toMatchObject({
      code: 'unsupported',
    })
    await startServer({ server: http, authenticate })
    const { lines, log } = record()
    await startServer({ server: http, insecure: true, log })
    expect(lines.join()).toContain('whoever reaches it may do everything')
  })

  it('pages of any origin may connect with a token, or those of a list', async () => {
    const open = await startServer({ authenticate })
    const token = await signToken()
    const origin = 'https://chat.example.com'
    await (await rawClient(open.url, `room?token=${token}`, { origin })).settle()
    const listed = await startServer({ authenticate, origins: [origin] })
    await (await rawClient(listed.url, `room?token=${token}`, { origin })).settle()
    await (await rawClient(listed.url, `room?token=${token}`)).settle()
    for (const other of ['https://example.com', 'null', 'https://chat.example.com.evil.com']) {
      const refused = rawClient(listed.url, `room?token=${token}`, { origin: other })
      await expect(refused).rejects.toThrow('403')
    }
    const local = await startServer({ origins: [origin] })
    await (await rawClient(local.url, 'room', { origin })).settle()
    await (await rawClient(local.url, 'room', { origin: 'http://localhost:1' })).settle()
    await expect(rawClient(local.url, 'room', { origin: 'https://a.b' })).rejects.toThrow('403')
  })

  it('a client behind a proxy on this machine is no client of this machine', async () => {
    const { url } = await startServer({ behindProxy: true })
    const headers = { 'x-forwarded-for': '127.0.0.1, 203.0.113.5' }
    await expect(rawClient(url, 'room', { headers })).rejects.toThrow('403')
    await rawClient(url, 'room', { headers: { 'x-forwarded-for': '203.0.113.5, 127.0.0.1' } })
  })
})

describe('attachments', () => {
  it('are for those who have a token', async () => {
    const { port } = await startServer({
      authenticate: (token, request) => {
        if (token === 'banned') throw new ConversationsError('denied', 'banned')
        if (token === 'late') throw new ConversationsError('transport', 'away')
        return authenticate(token, request)
      },
    })
    const { hash, blob } = freshContent()
    const token = await signToken()
    const ask = (query = '', headers = {}, method = 'GET', body: Blob | null = null) =>
      fetch(`http://127.0.0.1:${port}/media/${hash}${query}`, { method, headers, body })
    const origin = 'https://chat.example.com'
    const put = await ask('', { authorization: `Bearer ${token}`, origin }, 'PUT', blob)
    expect(put.status).toBe(201)
    expect((await ask(`?token=${token}`)).status).toBe(200)
    for (const method of ['GET', 'HEAD', 'PUT']) {
      const refused = await ask('', { origin }, method, method === 'PUT' ? blob : null)
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe('Bearer')
      // A page can read why.
      expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
    }
    expect((await ask('?token=bad')).status).toBe(401)
    expect((await ask('?token=banned')).status).toBe(403)
    expect((await ask('?token=late')).status).toBe(503)
    const preflight = await ask('', { origin, 'access-control-request-method': 'PUT' }, 'OPTIONS')
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
  })

  it('are put and got by the client with its token', async () => {
    const { url } = await startServer({ authenticate })
    const { hash, blob } = freshContent(1_000)
    const token = await signToken()
    const store = httpMedia({ url, getToken: () => token })
    await store.put(hash, blob)
    expect((await store.get(hash))?.size).toBe(1_000)
    for (const getToken of [undefined, () => 'bad']) {
      const refused = httpMedia({ url, getToken }).get(hash)
      await expect(refused).rejects.toMatchObject({ code: 'denied' })
    }
  })

  it('are not for pages of other origins than those of a list', async () => {
    const { port } = await startServer({ authenticate, origins: ['https://chat.example.com'] })
    const headers = { authorization: `Bearer ${await signToken()}` }
    const ask = (origin: string) =>
      fetch(`http://127.0.0.1:${port}/media/${freshContent().hash}`, {
        headers: { ...headers, origin },
      })
    expect((await ask('https://chat.example.com')).status).toBe(404)
    const refused = await ask('https://example.com')
    expect(refused.status).toBe(403)
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('that are put without a token are not received', async () => {
    const { port, metrics } = await startServer({ authenticate })
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write(
      `PUT /media/${freshContent().hash} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx`,
    )
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain('401')
    expect(metrics()).toContain('media_bytes_total 0')
  })
})
