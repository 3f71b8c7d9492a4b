import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeExtension } from '../../../src/base/wire/extension.ts'
import { type WebsocketOptions, websocket } from '../../../src/sync/websocket/index.ts'
import { muxServer } from '../../support/fake-mux.ts'
import { type FakeSocket, fakeWebSocket, syncStep2 } from '../../support/fake-socket.ts'
import { openContext, type RecordedContext } from '../../support/transport-context.ts'

let contexts: RecordedContext[]
beforeEach(() => {
  contexts = []
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.999)
})
afterEach(() => {
  for (const context of contexts) context.destroy()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function open(count: number, options: Partial<WebsocketOptions> = {}) {
  const fake = fakeWebSocket()
  const transport = websocket({ url: 'ws://host/base/', WebSocket: fake.WebSocket, ...options })
  const join = (name: string) => {
    const context = openContext(name)
    contexts.push(context)
    const handle = transport(context)
    handle.connect()
    return Object.assign(context, { handle })
  }
  const docs = Array.from({ length: count }, (_, i) => join(`room-${i}`))
  const pathsOf = (sockets: readonly FakeSocket[]) =>
    sockets.map(({ url }) => new URL(url).pathname.replace('/base', ''))
  return {
    ...fake,
    docs,
    join,
    first: docs[0] as (typeof docs)[number],
    server: () => muxServer(fake.last()),
    paths: () => pathsOf(fake.sockets),
    statuses: () => docs.map(({ statuses }) => statuses.at(-1)),
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0)
const waitForAttempt = () => vi.advanceTimersByTimeAsync(500)

/** Connected and synced over one socket. */
async function openMux(count: number, options?: Partial<WebsocketOptions>) {
  const opened = open(count, options)
  await settle()
  const server = opened.server()
  const sync = async () => {
    const current = opened.server()
    current.greet()
    await settle()
    for (const { name } of opened.docs) current.send(`/${name}`, syncStep2())
  }
  await sync()
  expect(opened.statuses()).toEqual(opened.docs.map(() => 'connected'))
  return { ...opened, muxed: server, sync }
}

function stubBrowser() {
  const target = new EventTarget()
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target))
  vi.stubGlobal('document', { visibilityState: 'visible' })
  return { dispatch: (type: string) => target.dispatchEvent(new Event(type)) }
}

describe('over one socket', () => {
  test('all documents open a channel each, in one message, under the URL of the server', async () => {
    const { sockets, docs, muxed } = await openMux(3, { params: { a: 'b c' } })
    expect(sockets.map(({ url }) => url)).toEqual(['ws://host/base/mux?extension=1&a=b+c'])
    expect(muxed.paths()).toEqual(['/room-0', '/room-1', '/room-2'])
    expect(sockets[0]?.sent).toHaveLength(1)
    expect(docs.map(({ synced }) => synced)).toEqual([[true], [true], [true]])
    expect(docs.map(({ statuses }) => statuses)).toEqual(
      docs.map(() => ['connecting', 'connected']),
    )
  })

  test('a document that comes later opens its channel at once', async () => {
    const { sockets, join, muxed } = await openMux(1)
    join('late')
    await settle()
    expect(sockets).toHaveLength(1)
    expect(muxed.paths()).toEqual(['/room-0', '/late'])
  })

  test('the token is asked for once for all, and no channel carries it', async () => {
    const getToken = vi.fn(async () => 'secret')
    const { sockets, muxed } = await openMux(10, { getToken })
    expect(getToken).toHaveBeenCalledTimes(1)
    expect(sockets.map(({ token }) => token)).toEqual(['secret'])
    expect(JSON.stringify(muxed.paths())).not.toContain('secret')
  })

  test('the server asks for another token in time', async () => {
    let count = 0
    const { muxed } = await openMux(3, { getToken: () => `token-${++count}` })
    muxed.tell({ type: 'token-wanted' })
    await settle()
    expect(muxed.frames().at(-1)).toEqual({
      op: 'data',
      channel: 0,
      data: encodeExtension({ type: 'token', token: 'token-2' }),
    })
  })

  test('each document hears what the server says of itself, before anything else', async () => {
    const opened = open(0)
    const heard: unknown[] = []
    const context = Object.assign(openContext('room'), {
      onHello: (hello: unknown) => heard.push(hello),
      onSynced: () => heard.push('synced'),
    })
    contexts.push(context)
    const { WebSocket, last } = opened
    websocket({ url: 'ws://host', WebSocket })(context).connect()
    const server = muxServer(last())
    server.greet({ identity: 'alice' })
    await settle()
    server.send('/room', syncStep2())
    expect(heard).toEqual([{ identity: 'alice' }, 'synced'])
  })

  test('it is closed soon after the last document, and not between two', async () => {
    const { docs, join, last, sockets } = await openMux(2)
    for (const { handle } of docs) void handle.destroy()
    await vi.advanceTimersByTimeAsync(900)
    expect(last().readyState).toBe(1)
    const next = join('next')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(sockets).toHaveLength(1)
    expect(last().readyState).toBe(1)
    void next.handle.destroy()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(last().readyState).toBe(3)
    expect(vi.getTimerCount()).toBe(3)
  })
})

describe('what ends', () => {
  test('a channel ends alone, with its code', async () => {
    const { docs, muxed, sockets, first, statuses } = await openMux(3)
    muxed.close('/room-0', 4403, 'not invited')
    muxed.close('/room-1', 1011, 'internal error')
    expect(statuses()).toEqual(['denied', 'disconnected', 'connected'])
    expect(first.errors.map(({ message }) => message)).toEqual([
      'The server denies access to "room-0": 4403 not invited',
    ])
    await waitForAttempt()
    expect(sockets).toHaveLength(1)
    expect(muxed.paths()).toEqual(['/room-0', '/room-1', '/room-2', '/room-1'])
    muxed.send('/room-1', syncStep2())
    expect(docs[1]?.synced).toEqual([true, false, true])
    expect(docs[2]?.synced).toEqual([true])
  })

  test('bytes that a channel cannot read cost that channel only', async () => {
    const { docs, muxed, statuses } = await openMux(2)
    muxed.send('/room-0', new Uint8Array([0, 2, 3, 255]))
    expect(statuses()).toEqual(['disconnected', 'connected'])
    await waitForAttempt()
    muxed.send('/room-0', syncStep2())
    expect(statuses()).toEqual(['connected', 'connected'])
    expect(docs.map(({ errors }) => errors.length)).toEqual([1, 0])
  })

  test('when the socket is lost all come back by one attempt at a time, with one wait', async () => {
    const { sockets, last, docs, statuses, sync } = await openMux(20)
    last().closeByServer(1006)
    expect(statuses()).toEqual(docs.map(() => 'disconnected'))
    for (let attempt = 2; attempt <= 4; attempt++) {
      const waitMs = 500 * 2 ** (attempt - 2)
      await vi.advanceTimersByTimeAsync(waitMs - 10)
      expect(sockets).toHaveLength(attempt - 1)
      await vi.advanceTimersByTimeAsync(10)
      expect(sockets).toHaveLength(attempt)
      if (attempt < 4) last().closeByServer(1006)
    }
    await sync()
    expect(statuses()).toEqual(docs.map(() => 'connected'))
    expect(docs[7]?.statuses.slice(2)).toEqual([
      'disconnected',
      ...['connecting', 'disconnected', 'connecting', 'disconnected'],
      ...['connecting', 'connected'],
    ])
    expect(docs.flatMap(({ errors }) => errors)).toEqual([])
  })

  test('a message of the socket that is malformed is reported once, and tried again', async () => {
    const { docs, last, sockets } = await openMux(3)
    last().receive(new Uint8Array([99, 99, 99]))
    expect(docs.flatMap(({ errors }) => errors.map(({ code }) => code))).toEqual(['transport'])
    await waitForAttempt()
    expect(sockets).toHaveLength(2)
  })

  test('4403 of the socket denies all; connect() tries again', async () => {
    const { docs, last, sockets, statuses, sync } = await openMux(3)
    last().closeByServer(4403, 'banned')
    expect(statuses()).toEqual(docs.map(() => 'denied'))
    expect(docs.map(({ errors }) => errors.length)).toEqual([1, 1, 1])
    await vi.advanceTimersByTimeAsync(600_000)
    expect(sockets).toHaveLength(1)
    for (const { handle } of docs) handle.connect()
    await settle()
    expect(sockets).toHaveLength(2)
    await sync()
    expect(statuses()).toEqual(docs.map(() => 'connected'))
  })

  test('4401 of the socket asks for another token, and the same three times is final', async () => {
    let token = 'a'
    const { docs, last, sockets, statuses } = await openMux(3, { getToken: () => token })
    last().closeByServer(4401, 'expired')
    token = 'b'
    for (let i = 2; i <= 4; i++) {
      await vi.advanceTimersByTimeAsync(30_000)
      expect(sockets).toHaveLength(i)
      expect(last().token).toBe('b')
      expect(statuses()).toEqual(docs.map(() => 'connecting'))
      last().closeByServer(4401)
    }
    expect(statuses()).toEqual(docs.map(() => 'denied'))
  })

  test('one that is silent is asked once for all, and given up for all', async () => {
    const { docs, last, muxed, sockets, statuses, server } = await openMux(10)
    await vi.advanceTimersByTimeAsync(5_000)
    const pings = () => muxed.frames().filter(({ op }) => op === 'ping').length
    expect(pings()).toBe(1)
    muxed.pong()
    await vi.advanceTimersByTimeAsync(4_900)
    // A message of one channel is one of the socket.
    muxed.send('/room-3', syncStep2())
    await vi.advanceTimersByTimeAsync(4_900)
    expect(pings()).toBe(1)
    expect(last().sent).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(4_200)
    expect(statuses()).toEqual(docs.map(() => 'disconnected'))
    expect(last().readyState).toBe(3)
    await waitForAttempt()
    expect(sockets).toHaveLength(2)
    expect(server().frames()).toEqual([])
  })

  test('a getToken that fails is reported by each, and asked again once for all', async () => {
    let isFailing = true
    const getToken = vi.fn(() => (isFailing ? Promise.reject(new Error('no')) : 'token'))
    const { docs, sockets } = open(3, { getToken })
    await settle()
    expect(docs.map(({ errors }) => errors.length)).toEqual([1, 1, 1])
    expect(sockets).toHaveLength(0)
    isFailing = false
    await waitForAttempt()
    expect(sockets).toHaveLength(1)
    expect(getToken).toHaveBeenCalledTimes(2)
  })
})

describe('the browser', () => {
  test('"online" drops the socket and makes one new one at once', async () => {
    const browser = stubBrowser()
    const { sockets, sync, statuses, docs } = await openMux(10)
    browser.dispatch('online')
    expect(sockets).toHaveLength(2)
    expect(sockets[0]?.readyState).toBe(3)
    await sync()
    expect(sockets).toHaveLength(2)
    expect(statuses()).toEqual(docs.map(() => 'connected'))
  })

  test('"offline" is told at once, and one attempt follows', async () => {
    const browser = stubBrowser()
    const { sockets, statuses, docs, sync } = await openMux(10)
    browser.dispatch('offline')
    expect(statuses()).toEqual(docs.map(() => 'disconnected'))
    expect(sockets[0]?.readyState).toBe(3)
    await waitForAttempt()
    expect(sockets).toHaveLength(2)
    await sync()
    expect(statuses()).toEqual(docs.map(() => 'connected'))
  })

  test('a tab that is looked at asks once, or makes its attempt now', async () => {
    const browser = stubBrowser()
    const { sockets, muxed, last } = await openMux(10)
    browser.dispatch('visibilitychange')
    await settle()
    expect(muxed.frames().filter(({ op }) => op === 'ping')).toHaveLength(1)
    last().closeByServer(1006)
    browser.dispatch('visibilitychange')
    expect(sockets).toHaveLength(2)
  })
})

describe('other servers', () => {
  test('one that takes "mux" for a document gets a socket for each of ours, from then on', async () => {
    const { docs, paths, sockets, last, join, statuses } = open(3)
    await settle()
    expect(paths()).toEqual(['/mux'])
    last().open()
    // Sync step 1.
    last().receive(new Uint8Array([0, 0, 1, 0]))
    expect(sockets[0]?.readyState).toBe(3)
    expect(sockets[0]?.sent).toEqual([])
    expect(paths()).toEqual(['/mux', '/room-0', '/room-1', '/room-2'])
    for (const socket of sockets.slice(1)) socket.sync()
    expect(docs.map(({ statuses }) => statuses)).toEqual(
      docs.map(() => ['connecting', 'connected']),
    )
    join('late')
    expect(paths().at(-1)).toBe('/late')
    last().closeByServer()
    await waitForAttempt()
    expect(paths().slice(4)).toEqual(['/late', '/late'])
    expect(statuses()).toEqual(docs.map(() => 'connected'))
  })

  test('it is asked again after ten minutes', async () => {
    const { paths, last, join } = open(1)
    last().open()
    last().receive(new Uint8Array([0, 0, 1, 0]))
    await vi.advanceTimersByTimeAsync(599_000)
    join('a')
    expect(paths().at(-1)).toBe('/a')
    await vi.advanceTimersByTimeAsync(1_000)
    join('b')
    expect(paths().at(-1)).toBe('/mux')
  })

  test('it is asked again when the network is another', async () => {
    const browser = stubBrowser()
    const { paths, last } = open(2)
    last().open()
    last().receive(new Uint8Array([0, 0, 1, 0]))
    browser.dispatch('online')
    expect(paths()).toEqual(['/mux', '/room-0', '/room-1', '/mux'])
  })

  test('one that opens and says nothing is given two seconds', async () => {
    const { paths, last } = open(2)
    last().open()
    await vi.advanceTimersByTimeAsync(1_999)
    expect(paths()).toEqual(['/mux'])
    await vi.advanceTimersByTimeAsync(1)
    expect(paths()).toEqual(['/mux', '/room-0', '/room-1'])
  })

  test('one that is down is asked by turns, by one socket each time', async () => {
    const { paths, last, statuses } = open(5)
    for (let attempt = 1; attempt <= 6; attempt++) {
      last().closeByServer(1006)
      await settle()
      expect(statuses()).toEqual(Array(5).fill('disconnected'))
      await vi.advanceTimersByTimeAsync(30_000)
    }
    expect(paths().map(path => path === '/mux')).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
      true,
    ])
  })

  test('one that refuses the path is found out by one plain socket', async () => {
    const { paths, sockets, last, statuses } = open(3)
    last().closeByServer(1006)
    await waitForAttempt()
    expect(paths()).toEqual(['/mux', '/room-0'])
    expect(statuses()).toEqual(Array(3).fill('connecting'))
    last().open()
    last().receive(new Uint8Array([0, 0, 1, 0]))
    expect(paths()).toEqual(['/mux', '/room-0', '/room-1', '/room-2'])
    for (const socket of sockets.slice(1)) socket.receive(syncStep2())
    expect(statuses()[0]).toBe('connected')
  })

  test('ours that is back when a plain socket is tried is used over one socket', async () => {
    const { docs, paths, sockets, last, server, statuses } = open(3)
    last().closeByServer(1006)
    await waitForAttempt()
    last().open()
    last().receive(encodeExtension({ type: 'hello', hello: {} }))
    expect(paths()).toEqual(['/mux', '/room-0', '/mux'])
    expect(sockets[1]?.readyState).toBe(3)
    server().greet()
    await settle()
    for (const { name } of docs) server().send(`/${name}`, syncStep2())
    expect(statuses()).toEqual(Array(3).fill('connected'))
    expect(sockets).toHaveLength(3)
  })

  test('ours behind a path that it takes for a part of the name is used with plain sockets', async () => {
    const { paths, last, sockets, statuses } = open(2)
    last().open()
    last().receive(encodeExtension({ type: 'hello', hello: {} }))
    expect(paths()).toEqual(['/mux', '/room-0', '/room-1'])
    for (const socket of sockets.slice(1)) socket.sync()
    expect(statuses()).toEqual(['connected', 'connected'])
  })

  test('a document that leaves while it tries the way for all does not keep the others', async () => {
    const { docs, first, paths, last, statuses } = open(3)
    last().closeByServer(1006)
    await waitForAttempt()
    void first.handle.destroy()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(paths()).toEqual(['/mux', '/room-0', '/mux'])
    expect(statuses().slice(1)).toEqual(['connecting', 'connecting'])
    expect(docs).toHaveLength(3)
  })

  test('with `mux: false` it is never asked', async () => {
    const { paths } = open(2, { mux: false })
    expect(paths()).toEqual(['/room-0', '/room-1'])
  })
})

test('nothing remains after destroy(), whatever was going on', async () => {
  const stages = [
    (_last: FakeSocket) => {},
    (last: FakeSocket) => last.open(),
    (last: FakeSocket) => muxServer(last).greet(),
    (last: FakeSocket) => last.closeByServer(1006),
  ]
  for (const stage of stages) {
    const { docs, last, sockets } = open(3)
    stage(last())
    await settle()
    for (const context of docs) {
      void context.handle.destroy()
      context.destroy()
    }
    await vi.advanceTimersByTimeAsync(1_000)
    expect(vi.getTimerCount()).toBe(0)
    expect(sockets.map(({ readyState }) => readyState)).toEqual(sockets.map(() => 3))
  }
})
