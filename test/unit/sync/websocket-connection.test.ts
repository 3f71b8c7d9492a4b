import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { ConversationsError } from '../../../src/base/errors.ts'
import { type WebsocketOptions, websocket } from '../../../src/sync/websocket/index.ts'
import {
  awarenessMessage,
  fakeWebSocket,
  syncStep2,
  syncUpdate,
} from '../../support/fake-socket.ts'
import { openContext, type RecordedContext } from '../../support/transport-context.ts'

let contexts: RecordedContext[]
beforeEach(() => {
  contexts = []
  vi.useFakeTimers()
})
afterEach(() => {
  for (const context of contexts) context.destroy()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

function open(options: Partial<WebsocketOptions> = {}, name = 'room') {
  const context = openContext(name)
  contexts.push(context)
  const fake = fakeWebSocket()
  const transport = websocket({
    url: 'ws://host',
    WebSocket: fake.WebSocket,
    mux: false,
    ...options,
  })
  const handle = transport(context)
  return { context, handle, ...fake }
}

/** A window that the test sends events to. */
function stubBrowser() {
  const target = new EventTarget()
  const document = { visibilityState: 'visible' }
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target))
  vi.stubGlobal('document', document)
  return {
    document,
    dispatch: (type: string, more: object = {}) =>
      target.dispatchEvent(Object.assign(new Event(type), more)),
    listeners: () =>
      ['online', 'offline', 'visibilitychange', 'pageshow'].flatMap(type =>
        getEventListeners(target, type),
      ),
  }
}

/** Lets time pass until there are so many sockets, at most a minute. */
async function untilCount(sockets: unknown[], count: number): Promise<void> {
  for (let ms = 0; sockets.length < count && ms < 60_000; ms += 10) {
    await vi.advanceTimersByTimeAsync(10)
  }
  expect(sockets).toHaveLength(count)
}

const settle = () => vi.advanceTimersByTimeAsync(0)

/** A state of somebody else. */
function stateOfPeer(state: object | null = { name: 'peer' }) {
  const awareness = new Awareness(new Y.Doc())
  awareness.setLocalState({ name: 'peer' })
  awareness.setLocalState(state)
  const message = awarenessMessage(encodeAwarenessUpdate(awareness, [awareness.clientID]))
  awareness.destroy()
  return { id: awareness.clientID, message }
}

function updateOfPeer(): Uint8Array {
  const doc = new Y.Doc()
  doc.getMap('root').set('key', 'value')
  return Y.encodeStateAsUpdate(doc)
}

describe('options', () => {
  test.each([undefined, '', 'http://host', 'host', 'ws://', 'ws://host?a=b', 'wss://host/#a'])(
    'the url %s is refused at once',
    url => {
      expect(() => websocket({ url: url as string })).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }),
      )
    },
  )

  test('without a WebSocket the error says which package to pass', () => {
    vi.stubGlobal('WebSocket', undefined)
    const context = openContext()
    contexts.push(context)
    const attach = () => websocket({ url: 'ws://host' })(context)
    expect(attach).toThrow(ConversationsError)
    expect(attach).toThrow(/package ws/)
  })

  test('the WebSocket of the browser is the default', () => {
    const { WebSocket, sockets } = fakeWebSocket()
    vi.stubGlobal('WebSocket', WebSocket)
    const context = openContext()
    contexts.push(context)
    websocket({ url: 'ws://host' })(context).connect()
    expect(sockets).toHaveLength(1)
  })

  test('the name is appended to the url as y-websocket does it, and a question mark in it cuts nothing off', () => {
    const plain = open({ params: { a: '1' } }, 'CH1/m/0')
    plain.handle.connect()
    expect(plain.last().url).toBe('ws://host/CH1/m/0?extension=1&a=1')
    const odd = open({}, 'a?b#c d')
    odd.handle.connect()
    expect(odd.last().url).toBe('ws://host/a%3Fb%23c%20d?extension=1')
  })
})

describe('status', () => {
  test('it is connected when the server has answered, and synced after step 2', () => {
    const { context, handle, last } = open()
    handle.connect()
    expect(context.statuses).toEqual(['connecting'])
    last().open()
    expect(context.statuses).toEqual(['connecting'])
    last().receive(stateOfPeer().message)
    expect(context.statuses).toEqual(['connecting', 'connected'])
    last().receive(syncUpdate(updateOfPeer()))
    expect(context.synced).toEqual([])
    last().receive(syncStep2())
    expect(context.synced).toEqual([true])
    last().closeByServer()
    expect(context.statuses).toEqual(['connecting', 'connected', 'disconnected'])
    expect(context.synced).toEqual([true, false])
  })

  test('it is told before the peers of the lost connection are removed', () => {
    const { context, handle, last } = open()
    handle.connect()
    last().sync()
    const peer = stateOfPeer()
    last().receive(peer.message)
    const wasThere: boolean[] = []
    context.onStatus = () => wasThere.push(context.awareness.states.has(peer.id))
    last().closeByServer()
    expect(wasThere).toEqual([true])
    expect(context.awareness.states.has(peer.id)).toBe(false)
  })

  test('only the peers that were heard over this connection are removed with it', () => {
    const { context, handle, last } = open()
    handle.connect()
    last().sync()
    const [here, elsewhere] = [stateOfPeer(), stateOfPeer()]
    last().receive(here.message)
    last().receive(elsewhere.message)
    // The other transport brings something newer.
    const awareness = new Awareness(new Y.Doc())
    awareness.clientID = elsewhere.id
    for (let clock = 0; clock < 4; clock++) awareness.setLocalState({ clock })
    applyAwarenessUpdate(context.awareness, encodeAwarenessUpdate(awareness, [elsewhere.id]), {})
    awareness.destroy()
    last().closeByServer()
    expect(context.awareness.states.has(here.id)).toBe(false)
    expect(context.awareness.states.has(elsewhere.id)).toBe(true)
  })

  test('after a reconnect a peer that has not changed is there again', () => {
    const { context, handle, last } = open()
    const peer = stateOfPeer()
    handle.connect()
    last().sync()
    last().receive(peer.message)
    last().closeByServer()
    expect(context.awareness.states.has(peer.id)).toBe(false)
    vi.advanceTimersByTime(500)
    last().sync()
    last().receive(peer.message)
    expect(context.awareness.states.has(peer.id)).toBe(true)
  })

  test('connecting, disconnecting and destroying twice is as once', () => {
    const { context, handle, sockets } = open()
    handle.disconnect()
    handle.connect()
    handle.connect()
    expect(sockets).toHaveLength(1)
    handle.disconnect()
    handle.disconnect()
    void handle.destroy()
    void handle.destroy()
    handle.connect()
    expect(sockets).toHaveLength(1)
    expect(context.statuses).toEqual(['connecting', 'disconnected'])
  })

  test.each(['connecting', 'connected', 'disconnected'] as const)(
    'a listener that disconnects at "%s" ends it',
    status => {
      const { context, handle, sockets, last } = open()
      context.onStatus = now => {
        if (now === status) handle.disconnect()
      }
      handle.connect()
      sockets.at(0)?.sync()
      sockets.at(0)?.closeByServer()
      vi.advanceTimersByTime(60_000)
      expect(sockets.length).toBe(status === 'connecting' ? 0 : 1)
      if (status === 'connected') expect(last().readyState).toBe(3)
    },
  )

  test('a listener that connects again at "disconnected" gets one new connection', () => {
    const { context, handle, sockets, last } = open()
    handle.connect()
    last().sync()
    context.onStatus = now => {
      if (now === 'disconnected') handle.connect()
    }
    handle.disconnect()
    expect(sockets).toHaveLength(2)
    last().sync()
    expect(context.synced).toEqual([true, false, true])
  })
})

describe('attempts', () => {
  test('a lost connection is tried again after a random wait that grows until a sync', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { handle, sockets, last } = open()
    handle.connect()
    const waitsMs: number[] = []
    const lose = () => {
      const startedAtMs = Date.now()
      const count = sockets.length
      last().closeByServer()
      while (sockets.length === count) vi.advanceTimersByTime(1)
      waitsMs.push(Date.now() - startedAtMs)
    }
    for (let i = 0; i < 3; i++) lose()
    // An open socket is not a sync.
    last().open()
    lose()
    last().sync()
    lose()
    expect(waitsMs).toEqual([500, 999, 1_998, 3_996, 500].map(ms => expect.closeTo(ms, -1)))
  })

  test('y-websocket does not connect by itself, whatever its timers do', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { handle, sockets, last } = open()
    handle.connect()
    for (let i = 0; i < 6; i++) {
      last().closeByServer()
      vi.advanceTimersByTime(16_000)
    }
    expect(sockets.length).toBeLessThanOrEqual(7)
    handle.disconnect()
    const count = sockets.length
    vi.advanceTimersByTime(120_000)
    expect(sockets).toHaveLength(count)
  })

  test('the token is asked for before each attempt', async () => {
    let count = 0
    const { handle, sockets, last } = open({ getToken: async () => `token-${++count}` })
    handle.connect()
    for (let i = 1; i <= 3; i++) {
      await untilCount(sockets, i)
      last().closeByServer()
    }
    expect(sockets.map(({ token }) => token)).toEqual(['token-1', 'token-2', 'token-3'])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['gives no string', async () => undefined as unknown as string],
  ])('a getToken that %s is reported, and asked again', async (_title, fail) => {
    let isFailing = true
    const { context, handle, sockets } = open({ getToken: () => (isFailing ? fail() : 'token') })
    handle.connect()
    await settle()
    expect(sockets).toHaveLength(0)
    expect(context.statuses).toEqual(['connecting', 'disconnected'])
    expect(context.errors).toEqual([expect.objectContaining({ code: 'transport' })])
    isFailing = false
    await vi.advanceTimersByTimeAsync(500)
    expect(sockets).toHaveLength(1)
  })

  test('a token that comes after the attempt was given up is not used', async () => {
    const answers: Array<(token: string) => void> = []
    const { handle, sockets } = open({
      getToken: () => new Promise<string>(resolve => answers.push(resolve)),
    })
    handle.connect()
    handle.disconnect()
    handle.connect()
    answers[0]?.('old')
    await settle()
    expect(sockets).toHaveLength(0)
    answers[1]?.('new')
    await settle()
    expect(sockets.map(({ token }) => token)).toEqual(['new'])
  })

  test('an attempt that hangs is given up, later each time, as the network may be slow', async () => {
    const getToken = vi.fn(() => new Promise<string>(() => {}))
    const { handle } = open({ getToken, maxBackoffMs: 0 })
    handle.connect()
    const askedAtS: number[] = []
    for (let s = 0; s < 300; s++) {
      if (getToken.mock.calls.length > askedAtS.length) askedAtS.push(s)
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(askedAtS).toEqual([0, 30, 90, 210].map(s => expect.closeTo(s, -1)))
  })

  test('a server that never answers sync step 1 is given up', () => {
    const { context, handle, sockets, last } = open()
    handle.connect()
    last().open()
    last().receive(stateOfPeer().message)
    vi.advanceTimersByTime(29_000)
    expect(context.statuses).toEqual(['connecting', 'connected'])
    vi.advanceTimersByTime(2_000)
    expect(sockets.length).toBeGreaterThan(1)
  })

  test('a WebSocket that cannot be created is reported, and tried again', () => {
    let count = 0
    class Broken {
      constructor() {
        count++
        throw new Error('no')
      }
    }
    const { context, handle } = open({ WebSocket: Broken as never })
    handle.connect()
    vi.advanceTimersByTime(500)
    expect(count).toBeGreaterThan(1)
    expect(context.errors[0]).toMatchObject({ code: 'transport', cause: new Error('no') })
    void handle.destroy()
  })
})

describe('refusal', () => {
  test.each([4400, 4403, 4499])(
    '%i denies: nothing is tried again, and the error says why',
    code => {
      const { context, handle, sockets, last } = open({ getToken: () => 'token' })
      return settle().then(async () => {
        handle.connect()
        await settle()
        last().open()
        last().closeByServer(code, 'not invited')
        await vi.advanceTimersByTimeAsync(600_000)
        expect(sockets).toHaveLength(1)
        expect(context.statuses).toEqual(['connecting', 'denied'])
        expect(context.errors).toEqual([expect.objectContaining({ code: 'denied' })])
        expect(context.errors[0]?.message).toContain(`${code} not invited`)
      })
    },
  )

  test.each([1000, 1006, 1012, 4000, 4399, 4500])('%i is tried again', code => {
    const { context, handle, sockets, last } = open()
    handle.connect()
    last().closeByServer(code)
    vi.advanceTimersByTime(500)
    expect(sockets).toHaveLength(2)
    expect(context.errors).toEqual([])
  })

  test('connect() tries again after a denial', () => {
    const { context, handle, sockets, last } = open()
    handle.connect()
    last().closeByServer(4403)
    handle.connect()
    expect(sockets).toHaveLength(2)
    last().sync()
    expect(context.statuses).toEqual(['connecting', 'denied', 'connecting', 'connected'])
  })

  test('a message of type auth denies as well', () => {
    const { context, handle, last } = open()
    handle.connect()
    last().open()
    last().receive(new Uint8Array([2, 0, 2, 110, 111]))
    expect(context.statuses.at(-1)).toBe('denied')
    expect(context.errors[0]?.message).toMatch(/: no$/)
    expect(last().readyState).toBe(3)
  })

  test('4401 asks for another token and goes on for as long as it is another one', async () => {
    let count = 0
    const { context, handle, sockets, last } = open({ getToken: () => `token-${++count}` })
    handle.connect()
    for (let i = 1; i <= 8; i++) {
      await untilCount(sockets, i)
      last().open()
      if (i < 8) last().closeByServer(4401, 'expired')
    }
    last().receive(syncStep2())
    expect(new Set(sockets.map(({ token }) => token)).size).toBe(8)
    expect(context.statuses.at(-1)).toBe('connected')
    expect(context.errors).toEqual([])
  })

  test('4401 for the third time in a row for the same token denies', async () => {
    const { context, handle, sockets, last } = open({ getToken: () => 'stale' })
    handle.connect()
    for (let i = 1; i <= 3; i++) {
      await untilCount(sockets, i)
      expect(context.statuses.at(-1)).toBe('connecting')
      last().closeByServer(4401)
    }
    await vi.advanceTimersByTimeAsync(600_000)
    expect(sockets).toHaveLength(3)
    expect(context.statuses.at(-1)).toBe('denied')
    expect(context.errors).toEqual([expect.objectContaining({ code: 'denied' })])
  })

  test('4401 with no getToken denies at once', () => {
    const { context, handle, last } = open()
    handle.connect()
    last().closeByServer(4401)
    expect(context.statuses.at(-1)).toBe('denied')
  })
})

describe('the browser', () => {
  test('"online" drops the old socket and connects at once, however long the wait was', async () => {
    const browser = stubBrowser()
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { handle, sockets, last } = open({ getToken: () => 'token' })
    handle.connect()
    await settle()
    for (let i = 0; i < 8; i++) {
      last().closeByServer()
      await vi.advanceTimersByTimeAsync(30_000)
    }
    last().closeByServer()
    const count = sockets.length
    browser.dispatch('online')
    await settle()
    expect(sockets).toHaveLength(count + 1)
    // If that was too early, the waits begin anew.
    last().closeByServer()
    await vi.advanceTimersByTimeAsync(500)
    expect(sockets).toHaveLength(count + 2)
    last().sync()
    const old = last()
    browser.dispatch('online')
    await settle()
    expect(old.readyState).toBe(3)
    expect(sockets).toHaveLength(count + 3)
  })

  test('"offline" is told at once, and attempts go on, as the server may be on this machine', () => {
    const browser = stubBrowser()
    const { context, handle, sockets, last } = open()
    handle.connect()
    last().sync()
    browser.dispatch('offline')
    expect(context.statuses.at(-1)).toBe('disconnected')
    expect(context.synced.at(-1)).toBe(false)
    expect(last().readyState).toBe(3)
    vi.advanceTimersByTime(500)
    expect(sockets).toHaveLength(2)
  })

  test('a tab that is looked at does not wait for the next attempt', () => {
    const browser = stubBrowser()
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { handle, sockets, last } = open()
    handle.connect()
    last().closeByServer()
    browser.document.visibilityState = 'hidden'
    browser.dispatch('visibilitychange')
    expect(sockets).toHaveLength(1)
    browser.document.visibilityState = 'visible'
    browser.dispatch('visibilitychange')
    expect(sockets).toHaveLength(2)
    browser.dispatch('visibilitychange')
    expect(sockets).toHaveLength(2)
  })

  test('a tab that is looked at asks for a sign of life at once', () => {
    const browser = stubBrowser()
    const { handle, last } = open()
    handle.connect()
    last().sync()
    const count = last().sent.length
    browser.dispatch('visibilitychange')
    browser.dispatch('visibilitychange')
    expect(last().sent.slice(count)).toEqual([new Uint8Array([3])])
  })

  test('a page that returns from the back/forward cache connects anew', () => {
    const browser = stubBrowser()
    const { handle, sockets, last } = open()
    handle.connect()
    last().sync()
    browser.dispatch('pageshow', { persisted: false })
    expect(sockets).toHaveLength(1)
    browser.dispatch('pageshow', { persisted: true })
    expect(sockets).toHaveLength(2)
  })

  test('nothing remains after destroy(): no timer, no listener, no attempt', async () => {
    const browser = stubBrowser()
    const exitListeners = process.listenerCount('exit')
    const { context, handle, sockets, last } = open({ getToken: () => 'token' })
    const updateListeners = () =>
      [context.doc, context.awareness].map(({ _observers }) => _observers.get('update')?.size ?? 0)
    expect(updateListeners()).toEqual([1, 1])
    handle.connect()
    await settle()
    last().sync()
    expect(browser.listeners().length).toBeGreaterThan(0)
    void handle.destroy()
    expect(updateListeners()).toEqual([0, 0])
    context.awareness.destroy()
    // y-websocket leaves one that has nothing to do.
    await vi.advanceTimersByTimeAsync(1)
    expect(vi.getTimerCount()).toBe(0)
    expect(browser.listeners()).toEqual([])
    expect(process.listenerCount('exit')).toBe(exitListeners)
    browser.dispatch('online')
    await settle()
    expect(sockets).toHaveLength(1)
    const sent = last().sent.length
    context.doc.getMap('root').set('key', 'value')
    expect(last().sent).toHaveLength(sent)
  })

  test('a denial and disconnect() listen no more', () => {
    const browser = stubBrowser()
    const { handle, last, sockets } = open()
    handle.connect()
    last().closeByServer(4403)
    expect(browser.listeners()).toEqual([])
    handle.connect()
    handle.disconnect()
    expect(browser.listeners()).toEqual([])
    browser.dispatch('online')
    expect(sockets).toHaveLength(2)
  })
})

describe('what arrives', () => {
  test('an update of a peer is applied in one transaction and is not sent back', () => {
    const { context, handle, last } = open()
    handle.connect()
    last().sync()
    const count = last().sent.length
    const transactions = vi.fn()
    context.doc.on('afterTransaction', transactions)
    last().receive(syncUpdate(updateOfPeer()))
    expect(context.doc.getMap('root').get('key')).toBe('value')
    expect(transactions).toHaveBeenCalledOnce()
    expect(last().sent).toHaveLength(count)
  })

  test.each([
    ['nothing', new Uint8Array()],
    ['text', '12'],
    ['half a number', new Uint8Array([0x80])],
    ['sync without a step', new Uint8Array([0])],
    ['a step 1 that is cut off', new Uint8Array([0, 0, 9, 1])],
    ['a step 1 whose state vector is none', new Uint8Array([0, 0, 1, 0x85])],
    ['an update that is cut off', syncUpdate(new Uint8Array([1, 9, 9]))],
    ['a step 2 that is cut off', syncStep2(new Uint8Array([3, 1]))],
    ['awareness that is cut off', new Uint8Array([1, 5, 2])],
    ['awareness that is not JSON', awarenessMessage(new Uint8Array([1, 5, 2, 1, 0x7b]))],
    ['auth that is cut off', new Uint8Array([2, 0, 9])],
  ])('%s: reported, dropped, and tried again', (_title, message) => {
    const { context, handle, sockets, last } = open()
    handle.connect()
    last().sync()
    expect(() => last().receive(message)).not.toThrow()
    expect(context.errors).toEqual([
      expect.objectContaining({ code: 'transport', cause: expect.any(Error) }),
    ])
    expect(context.statuses.at(-1)).toBe('disconnected')
    vi.advanceTimersByTime(500)
    expect(sockets).toHaveLength(2)
  })

  test('a type of message that is not known is ignored without a word', () => {
    const error = vi.spyOn(console, 'error')
    const { context, handle, last } = open()
    handle.connect()
    last().sync()
    const count = last().sent.length
    for (const type of [4, 7, 100]) last().receive(new Uint8Array([type, 1, 2, 3]))
    expect(context.errors).toEqual([])
    expect(context.statuses.at(-1)).toBe('connected')
    expect(last().sent).toHaveLength(count)
    expect(error).not.toHaveBeenCalled()
  })

  test('a listener of the app that throws is reported and costs no connection', () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { context, handle, last } = open()
    const thrown = new Error('listener')
    const fail = () => {
      throw thrown
    }
    context.doc.getMap('root').observe(fail)
    handle.connect()
    last().sync()
    last().receive(stateOfPeer().message)
    context.awareness.on('change', fail)
    last().receive(syncUpdate(updateOfPeer()))
    last().receive(stateOfPeer().message)
    expect(context.statuses.at(-1)).toBe('connected')
    expect(context.errors).toEqual([])
    expect(error.mock.calls).toEqual([[thrown], [thrown]])
    last().closeByServer()
    expect(error).toHaveBeenCalledTimes(3)
    context.awareness.off('change', fail)
  })
})

describe('what is sent', () => {
  const types = (messages: Uint8Array[]) => messages.map(message => [...message.slice(0, 2)])

  test('a document with nothing new sends the protocol and nothing else', () => {
    const { context, handle, last } = open()
    context.awareness.setLocalState(null)
    handle.connect()
    last().sync()
    last().receive(new Uint8Array([0, 0, 1, 0]))
    // Step 1, and the empty answer to the server's step 1.
    expect(last().sent).toEqual([new Uint8Array([0, 0, 1, 0]), new Uint8Array([0, 1, 2, 0, 0])])
  })

  test('of awareness only the own state is sent, on connect and when it changes', () => {
    const { context, handle, last } = open()
    context.awareness.setLocalState({ name: 'me' })
    handle.connect()
    last().sync()
    expect(types(last().sent).map(([type]) => type)).toEqual([0, 1])
    const count = last().sent.length
    last().receive(stateOfPeer().message)
    applyAwarenessUpdate(context.awareness, stateOfPeer().message.slice(2), 'another transport')
    expect(context.awareness.states.size).toBe(3)
    expect(last().sent).toHaveLength(count)
    context.awareness.setLocalState(null)
    expect(last().sent).toHaveLength(count + 1)
  })

  test('the own state that is told on connect is newer than what peers were told before', () => {
    const { context, handle, last } = open()
    const peer = new Awareness(new Y.Doc())
    const id = context.awareness.clientID
    const hear = () => {
      const message = last().sent.find(([type]) => type === 1)
      if (message) applyAwarenessUpdate(peer, message.slice(2), 'test')
    }
    handle.connect()
    last().sync()
    hear()
    expect(peer.states.has(id)).toBe(true)
    // The server tells the peer of the end of the connection under the clock it knows.
    peer.states.delete(id)
    last().closeByServer()
    vi.advanceTimersByTime(500)
    last().sync()
    hear()
    expect(peer.states.has(id)).toBe(true)
    peer.destroy()
  })

  test('when the connection is lost, other tabs learn a newer clock than the server knows', () => {
    const { context, handle, last } = open()
    handle.connect()
    last().sync()
    const clock = () => context.awareness.meta.get(context.awareness.clientID)?.clock ?? -1
    const known = clock()
    last().closeByServer()
    expect(clock()).toBeGreaterThan(known)
  })

  test('a server that wrongly declares this client gone is told otherwise', () => {
    const { context, handle, last } = open()
    context.awareness.setLocalState({ name: 'me' })
    handle.connect()
    last().sync()
    const count = last().sent.length
    const { awareness } = context
    const removal = encodeAwarenessUpdate(awareness, [awareness.clientID], new Map())
    last().receive(awarenessMessage(removal))
    expect(awareness.getLocalState()).toEqual({ name: 'me' })
    expect(types(last().sent.slice(count)).map(([type]) => type)).toEqual([1])
  })

  test('a state of somebody with the same client id does not end the own one', () => {
    const { context, handle, last } = open()
    handle.connect()
    last().sync()
    const twin = new Awareness(new Y.Doc())
    twin.clientID = context.awareness.clientID
    for (let clock = 0; clock < 9; clock++) twin.setLocalState({ clock })
    last().receive(awarenessMessage(encodeAwarenessUpdate(twin, [twin.clientID])))
    twin.destroy()
    last().closeByServer()
    expect(context.awareness.getLocalState()).not.toBeNull()
  })

  test('the client id of the awareness may be another than that of the document', () => {
    const { context, handle, last, sockets } = open()
    context.awareness.setLocalState({ name: 'me' })
    context.doc.clientID = 4_711
    handle.connect()
    last().sync()
    const ids = last()
      .sent.filter(([type]) => type === 1)
      .map(message => {
        const peer = new Awareness(new Y.Doc())
        applyAwarenessUpdate(peer, message.slice(2), 'test')
        peer.destroy()
        return peer.meta.has(context.awareness.clientID)
      })
    expect(ids).toEqual([true])
    last().closeByServer()
    expect(context.awareness.getLocalState()).toEqual({ name: 'me' })
    vi.advanceTimersByTime(500)
    expect(sockets).toHaveLength(2)
    last().sync()
    handle.disconnect()
    void handle.destroy()
    expect(context.errors).toEqual([])
    expect(context.awareness.getLocalState()).toEqual({ name: 'me' })
  })
})
