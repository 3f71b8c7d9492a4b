import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Link } from '../../../src/sync/websocket/link.ts'
import { FakeSocket, fakeWebSocket, syncStep2 } from '../../support/fake-socket.ts'

/* What `Link` relies on in y-websocket. A version that changes one of these needs `Link` to be read again. */

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function openLink() {
  const doc = new Y.Doc()
  const fake = fakeWebSocket()
  const closed: Array<[number, string]> = []
  const messages: Uint8Array[] = []
  const updates: Uint8Array[] = []
  let opened = 0
  const link = new Link('ws://host/path/', 'room', doc, {
    onOpen: () => opened++,
    onMessage: message => messages.push(message),
    onUpdate: update => updates.push(update),
    onClosed: (code, reason) => closed.push([code, reason]),
  })
  const connect = () => link.open(fake.WebSocket)
  return { doc, link, connect, closed, messages, updates, opened: () => opened, ...fake }
}

describe('y-websocket', () => {
  test('has the fields that are switched off, under these names', () => {
    const listeners = process.listeners('exit')
    const provider = new WebsocketProvider('ws://host', 'room', new Y.Doc(), {
      connect: false,
      WebSocketPolyfill: FakeSocket as never,
    })
    expect(vi.getTimerCount()).toBeGreaterThan(0)
    expect(provider._checkInterval).toBeDefined()
    expect(process.listeners('exit').filter(listener => !listeners.includes(listener))).toEqual([
      provider._exitHandler,
    ])
    provider.destroy()
    provider.awareness.destroy()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('creates nothing that lasts in a link that is not connected', () => {
    const exitListeners = process.listenerCount('exit')
    const { link, sockets } = openLink()
    expect(vi.getTimerCount()).toBe(0)
    expect(process.listenerCount('exit')).toBe(exitListeners)
    vi.advanceTimersByTime(600_000)
    expect(sockets).toEqual([])
    link.destroy()
  })

  test('creates the socket inside connect(), from the parameters of that moment', () => {
    const { link, connect, sockets, last } = openLink()
    link.params = { token: 'a b' }
    connect()
    expect(sockets).toHaveLength(1)
    expect(link.ws).toBe(last())
    expect(last().url).toBe('ws://host/path/room?token=a%20b')
    expect(last().binaryType).toBe('arraybuffer')
    expect(link.wsconnected).toBe(false)
    link.destroy()
  })

  test('sends sync step 1 when the socket opens, before we do anything', () => {
    const { doc, link, connect, last } = openLink()
    doc.clientID = 5
    doc.getMap('root').set('key', 'value')
    connect()
    last().open()
    expect(last().sent).toEqual([new Uint8Array([0, 0, 3, 1, 5, 1])])
    expect(link.wsconnected).toBe(true)
    link.destroy()
  })

  test('leaves the updates of the document to us, except those that came from it', () => {
    const { doc, link, connect, last, updates } = openLink()
    connect()
    last().open()
    doc.transact(() => doc.getMap('root').set('from', 'server'), link)
    expect(last().sent).toHaveLength(1)
    expect(updates).toEqual([])
    doc.getMap('root').set('from', 'here')
    expect(updates).toHaveLength(1)
    expect(last().sent).toHaveLength(1)
    link.destroy()
  })

  test('leaves all messages to us', () => {
    const { doc, link, connect, last, messages } = openLink()
    connect()
    last().open()
    const other = new Y.Doc()
    other.getMap('root').set('key', 'value')
    last().receive(syncStep2(Y.encodeStateAsUpdate(other)))
    last().receive('text')
    expect(messages.map(message => message.length > 0)).toEqual([true, false])
    expect(doc.getMap('root').size).toBe(0)
    link.destroy()
  })

  test('tells of a close by the other side last, so that one may connect at once, and does not by itself', () => {
    const { link, connect, sockets, closed, last } = openLink()
    connect()
    for (const code of [1006, 4403, 1000]) {
      last().open()
      last().closeByServer(code, 'why')
      expect(link.ws).toBeNull()
      expect(link.shouldConnect).toBe(false)
      vi.advanceTimersByTime(600_000)
      const count = sockets.length
      connect()
      expect(sockets).toHaveLength(count + 1)
    }
    expect(closed).toEqual([
      [1006, 'why'],
      [4403, 'why'],
      [1000, 'why'],
    ])
    expect(sockets).toHaveLength(4)
    link.destroy()
  })

  test('disconnect() closes silently, and nothing of the old socket is heard again', () => {
    const { link, connect, closed, messages, opened, last } = openLink()
    connect()
    const socket = last()
    link.disconnect()
    expect(socket.readyState).toBe(3)
    expect(socket.sent).toEqual([])
    socket.open()
    socket.receive(syncStep2())
    socket.closeByServer()
    expect([closed, messages, opened()]).toEqual([[], [], 0])
    // The timer of its own retry is gone at once.
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1)
    expect(vi.getTimerCount()).toBe(0)
    link.destroy()
  })

  test('opens no BroadcastChannel', () => {
    const Channel = vi.fn()
    vi.stubGlobal('BroadcastChannel', Channel)
    const { link, connect, last } = openLink()
    connect()
    last().open()
    link.connectBc()
    link.disconnect()
    link.destroy()
    expect(Channel).not.toHaveBeenCalled()
    expect(link.bcconnected).toBe(false)
    vi.unstubAllGlobals()
  })
})
