import { createDecoder, readVarUint, readVarUint8Array } from 'lib0/decoding'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { encodeExtension, type Hello, type RefusedWrite } from '../../../src/base/wire/extension.ts'
import { type WebsocketOptions, websocket } from '../../../src/sync/websocket/index.ts'
import { type FakeSocket, fakeWebSocket, syncStep2, syncUpdate } from '../../support/fake-socket.ts'
import { openContext, type RecordedContext } from '../../support/transport-context.ts'

let contexts: RecordedContext[]
beforeEach(() => {
  contexts = []
  vi.useFakeTimers()
})
afterEach(() => {
  for (const context of contexts) context.destroy()
  vi.useRealTimers()
})

const hello = encodeExtension({ type: 'hello', hello: { identity: 'alice' } })
const saved = (count: number) => encodeExtension({ type: 'saved', count })
const refusal = (refused: RefusedWrite) => encodeExtension({ type: 'refused', refused })
const step1 = new Uint8Array([0, 0, 1, 0])

function open(options: Partial<WebsocketOptions> = {}, isInterested = true) {
  const fake = fakeWebSocket()
  const heard = {
    hellos: [] as Hello[],
    saved: [] as boolean[],
    refused: [] as RefusedWrite[],
  }
  const context = openContext()
  contexts.push(context)
  if (isInterested) {
    context.onHello = one => heard.hellos.push(one)
    context.onSaved = one => heard.saved.push(one)
    context.onRefused = one => heard.refused.push(one)
  }
  const handle = websocket({
    url: 'ws://host',
    WebSocket: fake.WebSocket,
    mux: false,
    maxBackoffMs: 0,
    ...options,
  })(context)
  const write = (key: string) => context.doc.getMap('root').set(key, key)
  /** The handshake succeeds, and the server says what ours does. */
  const greet = (socket: FakeSocket) => {
    socket.open()
    for (const message of [hello, step1, syncStep2()]) socket.receive(message)
  }
  return { ...fake, ...heard, context, handle, write, greet }
}

/** The updates and sync steps 2 that were sent, decoded. */
const updatesIn = ({ sent }: FakeSocket) =>
  sent.flatMap(message => {
    const decoder = createDecoder(message)
    if (readVarUint(decoder) !== 0 || readVarUint(decoder) === 0) return []
    return [Y.decodeUpdate(readVarUint8Array(decoder))]
  })

describe('what the server says of itself', () => {
  test('it is told each time, and is not yet a connection', () => {
    const { context, handle, hellos, last } = open()
    handle.connect()
    last().open()
    last().receive(hello)
    expect(hellos).toEqual([{ identity: 'alice' }])
    expect(context.statuses).toEqual(['connecting'])
    last().closeByServer(4403)
    expect(context.statuses).toEqual(['connecting', 'denied'])
  })

  test('a server that means something else by the same type is left alone', () => {
    const { context, handle, last, ...heard } = open()
    handle.connect()
    last().open()
    const messages = [
      new Uint8Array([100]),
      new Uint8Array([100, 0, 255, 255]),
      saved(9),
      refusal({ code: 'forbidden', reason: 'no' }),
    ]
    for (const message of messages) last().receive(message)
    last().receive(step1)
    last().receive(syncStep2())
    expect(context.statuses).toEqual(['connecting', 'connected'])
    expect([heard.hellos, heard.saved, heard.refused]).toEqual([[], [], []])
    expect(context.errors).toEqual([])
  })

  test('after its hello what is malformed is reported', () => {
    const { context, handle, last, greet } = open()
    handle.connect()
    greet(last())
    last().receive(new Uint8Array([100, 2, 3, 65, 66, 67]))
    expect(context.errors).toEqual([expect.objectContaining({ code: 'transport' })])
  })
})

describe('whether everything is kept', () => {
  test('it is not before the server has acknowledged all that was sent, in any order of both', () => {
    const { handle, last, greet, write, saved: told } = open()
    write('before')
    handle.connect()
    greet(last())
    expect(told).toEqual([false])
    last().receive(saved(1))
    expect(told).toEqual([false, true])
    write('a')
    write('b')
    expect(told).toEqual([false, true, false])
    last().receive(saved(2))
    expect(told).toEqual([false, true, false])
    last().receive(saved(3))
    expect(told).toEqual([false, true, false, true])
  })

  test('what comes from the server is kept already', () => {
    const { handle, last, greet, saved: told } = open()
    handle.connect()
    greet(last())
    last().receive(saved(1))
    const other = new Y.Doc()
    other.getMap('root').set('key', 1)
    last().receive(syncUpdate(Y.encodeStateAsUpdate(other)))
    expect(told).toEqual([false, true])
  })

  test('what is written with no connection counts when the next one has taken it', () => {
    const { handle, last, sockets, greet, write, saved: told } = open()
    handle.connect()
    greet(last())
    last().receive(saved(1))
    last().closeByServer()
    expect(told).toEqual([false, true])
    write('away')
    expect(told).toEqual([false, true, false])
    vi.advanceTimersByTime(1)
    expect(sockets).toHaveLength(2)
    last().open()
    last().receive(hello)
    // This one is taken, but not what it builds on, which goes with sync step 2.
    write('early')
    last().receive(saved(1))
    expect(told).toEqual([false, true, false])
    last().receive(step1)
    last().receive(saved(2))
    expect(told).toEqual([false, true, false, true])
  })

  test('a reconnect after which nothing is new changes nothing', () => {
    const { handle, last, greet, saved: told } = open()
    handle.connect()
    greet(last())
    last().receive(saved(1))
    last().closeByServer()
    vi.advanceTimersByTime(1)
    greet(last())
    last().receive(saved(1))
    expect(told).toEqual([false, true])
  })

  test('acknowledgements that were on their way when the connection was lost do not count for the next', () => {
    const { handle, last, greet, write, saved: told } = open()
    handle.connect()
    greet(last())
    for (const key of ['a', 'b', 'c']) write(key)
    last().closeByServer()
    vi.advanceTimersByTime(1)
    greet(last())
    write('d')
    last().receive(saved(1))
    expect(told).toEqual([false])
    last().receive(saved(2))
    expect(told).toEqual([false, true])
  })

  test('with another server it is not told', () => {
    const { handle, last, write, saved: told } = open()
    handle.connect()
    last().sync()
    last().receive(step1)
    write('a')
    last().receive(saved(9))
    expect(told).toEqual([])
  })
})

describe('a refused write', () => {
  const forbidden: RefusedWrite = { code: 'forbidden', reason: 'not your key' }

  test('it is told once, and nothing is tried again', () => {
    const { context, handle, last, greet, refused, sockets } = open()
    handle.connect()
    greet(last())
    const socket = last()
    socket.receive(refusal(forbidden))
    socket.closeByServer(4403, 'not your key')
    vi.advanceTimersByTime(600_000)
    expect(refused).toEqual([forbidden])
    expect(context.statuses.at(-1)).toBe('denied')
    expect(context.errors).toEqual([])
    expect(sockets).toHaveLength(1)
  })

  test('who does not listen gets an error', () => {
    const { context, handle, last, greet } = open({}, false)
    handle.connect()
    greet(last())
    last().receive(refusal(forbidden))
    expect(context.errors.map(({ message }) => message)).toEqual([
      'The server denies access to "room": not your key',
    ])
  })

  test('one under the own client id is refused like any other', () => {
    const { context, handle, last, greet, refused } = open()
    handle.connect()
    greet(last())
    const writers = [1, context.doc.clientID]
    last().receive(refusal({ code: 'foreign-writer', reason: 'no', writers }))
    expect(refused).toHaveLength(1)
    expect(context.statuses.at(-1)).toBe('denied')
  })

  test('what another user of this device wrote is left out from then on, with what it replaced', () => {
    const { context, handle, last, greet, refused, sockets, write } = open()
    const { doc } = context
    const root = doc.getMap<unknown>('root')
    root.set('mine', 1)
    root.set('deleted', 1)
    const server = new Y.Doc()
    Y.applyUpdate(server, Y.encodeStateAsUpdate(doc))
    root.delete('deleted')
    const other = new Y.Doc()
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    other.getMap('root').set('mine', 'overwritten')
    other.getMap('root').set('theirs', 1)
    other.getMap('root').set('gone', 1)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
    root.delete('gone')

    handle.connect()
    greet(last())
    const writers = [other.clientID]
    last().receive(refusal({ code: 'foreign-writer', reason: 'not yours', writers }))
    expect(sockets).toHaveLength(2)
    expect([refused, context.errors]).toEqual([[], []])
    greet(last())
    const [state] = updatesIn(last())
    expect(state?.structs.map(({ id }) => id.client)).not.toContain(other.clientID)
    expect(state?.structs.length).toBeGreaterThan(0)
    // Only the one that this user deleted.
    expect([...(state?.ds.clients ?? [])].map(([id, ranges]) => [id, ranges.length])).toEqual([
      [doc.clientID, 1],
    ])
    const count = last().sent.length
    write('later')
    expect(last().sent).toHaveLength(count + 1)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
    other.getMap('root').set('more', 1)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
    expect(last().sent).toHaveLength(count + 1)
    for (const message of last().sent) {
      const decoder = createDecoder(message)
      if (readVarUint(decoder) !== 0 || readVarUint(decoder) === 0) continue
      Y.applyUpdate(server, readVarUint8Array(decoder))
    }
    expect(server.getMap('root').toJSON()).toEqual({ mine: 1, later: 'later' })
    // And nothing is lost here.
    expect(root.toJSON()).toMatchObject({ mine: 'overwritten', theirs: 1, later: 'later' })
  })

  test('the same refusal again is final', () => {
    const { context, handle, last, greet, refused, sockets } = open()
    handle.connect()
    const again = refusal({ code: 'foreign-writer', reason: 'no', writers: [7] })
    greet(last())
    last().receive(again)
    greet(last())
    last().receive(again)
    expect(refused).toHaveLength(1)
    expect(sockets).toHaveLength(2)
    expect(context.statuses.at(-1)).toBe('denied')
  })
})

describe('another token', () => {
  const wanted = encodeExtension({ type: 'token-wanted' })

  test('it is asked for and sent', async () => {
    let count = 0
    const { handle, last, greet } = open({ getToken: () => `token-${++count}` })
    handle.connect()
    await vi.advanceTimersByTimeAsync(0)
    greet(last())
    last().receive(wanted)
    await vi.advanceTimersByTimeAsync(0)
    expect(last().sent.at(-1)).toEqual(encodeExtension({ type: 'token', token: 'token-2' }))
  })

  test.each([
    ['there is none', undefined],
    ['it cannot be had', vi.fn().mockReturnValueOnce('token').mockRejectedValue(new Error('no'))],
  ])('where %s, the server closes', async (_, getToken) => {
    const { context, handle, last, greet, sockets } = open(getToken ? { getToken } : {})
    handle.connect()
    await vi.advanceTimersByTimeAsync(0)
    greet(last())
    const count = last().sent.length
    last().receive(wanted)
    await vi.advanceTimersByTimeAsync(0)
    expect(last().sent).toHaveLength(count)
    expect(context.errors).toEqual([])
    expect(sockets).toHaveLength(1)
  })
})
