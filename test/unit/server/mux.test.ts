import { describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import { encodeExtension } from '../../../src/base/wire/extension.ts'
import {
  rawClient,
  startServer,
  syncedClient,
  syncMessage,
  until,
  updateOf,
} from './support/clients.ts'
import { fakeClock } from './support/fake-clock.ts'
import { type MuxClient, muxClient } from './support/mux-client.ts'
import { gatedLog } from './support/storage.ts'

const MiB = 2 ** 20
const step1 = syncMessage(0, Y.encodeStateVector(new Y.Doc()))
const isStep2 = (data: Uint8Array) => data[0] === 0 && data[1] === 1
const isUpdate = (data: Uint8Array) => data[0] === 0 && data[1] === 2

/** An update with so many bytes of content. */
const bulk = (bytes: number, key = 'bulk') =>
  updateOf(doc => doc.getMap('map').set(key, new Uint8Array(bytes)))

/** Resolves when the server has answered what was sent to this channel before. */
async function settle(client: MuxClient, channel: number): Promise<void> {
  const count = client.received(channel).filter(isStep2).length
  client.writer.data(channel, step1)
  await until(() => expect(client.received(channel).filter(isStep2).length).toBeGreaterThan(count))
}

describe('one socket for many rooms', () => {
  it('is greeted before anything else', async () => {
    const { url } = await startServer()
    const client = await muxClient(url, '/mux?extension=1&token=x')
    client.writer.open(1, '/room')
    await until(() => expect(client.received(1)).not.toEqual([]))
    expect(client.frames()[0]).toEqual({
      op: 'data',
      channel: 0,
      data: encodeExtension({ type: 'hello', hello: {} }),
    })
  })

  it('carries each room apart, beside unmodified y-websocket clients', async () => {
    const server = await startServer()
    const stock = await syncedClient(server.url, 'one')
    const client = await muxClient(server.url)
    client.writer.open(1, '/one?a=b')
    client.writer.open(2, '/two')
    await settle(client, 1)
    await settle(client, 2)
    client.writer.data(
      1,
      syncMessage(
        2,
        updateOf(doc => doc.getMap('map').set('from', 'mux')),
      ),
    )
    await until(() => expect(stock.map.get('from')).toBe('mux'))
    stock.map.set('from', 'stock')
    await until(() => expect(client.received(1).filter(isUpdate)).toHaveLength(1))
    expect(client.received(2).filter(isUpdate)).toEqual([])
    expect(server.health()).toMatchObject({ rooms: 2, connections: 3 })
  })

  it('gets what a turn of the event loop sends to a thousand channels in one message', async () => {
    const { url } = await startServer()
    const client = await muxClient(url)
    for (let i = 1; i <= 1_000; i++) client.writer.open(i, '/room')
    await settle(client, 1_000)
    const writer = await rawClient(url, 'room')
    const count = client.messages.length
    writer.send(
      syncMessage(
        2,
        updateOf(doc => doc.getMap('map').set('a', 1)),
      ),
    )
    await until(() => expect(client.received(1_000).filter(isUpdate)).toHaveLength(1))
    const news = client.messages.slice(count)
    expect(news).toHaveLength(1)
    expect(news[0]?.map(({ channel }) => channel)).toEqual(
      Array.from({ length: 1_000 }, (_, i) => i + 1),
    )
  })

  it('gets in one message what happens in many rooms in one turn', async () => {
    const { url } = await startServer()
    const [writer, reader] = [await muxClient(url), await muxClient(url)]
    const ids = Array.from({ length: 100 }, (_, i) => i + 1)
    for (const { writer: frames } of [writer, reader]) {
      for (const id of ids) frames.open(id, `/room-${id}`)
    }
    await settle(writer, 100)
    await settle(reader, 100)
    const count = reader.messages.length
    const update = syncMessage(
      2,
      updateOf(doc => doc.getMap('map').set('a', 1)),
    )
    for (const id of ids) writer.writer.data(id, update)
    await until(() => {
      for (const id of ids) expect(reader.received(id).filter(isUpdate)).toHaveLength(1)
    })
    expect(reader.messages.length - count).toBeLessThan(5)
  })

  it('gets messages of about a megabyte at most, whatever the documents measure', async () => {
    const { url } = await startServer()
    const writer = await rawClient(url, 'large')
    writer.send(syncMessage(2, bulk(3.5 * MiB)))
    await writer.settle()
    const client = await muxClient(url)
    client.writer.open(1, '/large')
    client.writer.data(1, step1)
    await until(() => expect(client.received(1).filter(isStep2)).toHaveLength(1))
    expect(Math.max(...client.sizes)).toBeLessThan(1.1 * MiB)
    expect(client.received(1).find(isStep2)?.length).toBeGreaterThan(3.5 * MiB)
    // And the other way round.
    client.writer.data(1, syncMessage(2, bulk(2.5 * MiB, 'more')))
    await until(() => expect(writer.updates().at(-1)?.length).toBeGreaterThan(2.5 * MiB))
  })

  it('is answered when it asks whether the server is there', async () => {
    const { url } = await startServer()
    const client = await muxClient(url)
    client.writer.ping()
    await until(() => expect(client.frames().at(-1)).toEqual({ op: 'pong', channel: 0 }))
  })

  it('passes a token on to whoever looks at tokens, and is deaf to what it does not know', async () => {
    const { url } = await startServer()
    const client = await muxClient(url)
    client.writer.data(0, encodeExtension({ type: 'token', token: 'new' }))
    client.writer.data(0, new Uint8Array([100, 99, 1, 2, 3]))
    client.writer.open(1, '/room')
    await settle(client, 1)
  })
})

describe('ends', () => {
  it('a channel that the client closes, and everything when the socket is gone', async () => {
    const server = await startServer()
    const client = await muxClient(server.url)
    for (const id of [1, 2, 3]) client.writer.open(id, `/room-${id}`)
    await settle(client, 3)
    client.writer.close(2, 1000, '')
    await until(() => expect(server.health().connections).toBe(2))
    client.socket.terminate()
    await until(() => expect(server.health()).toMatchObject({ rooms: 0, connections: 0 }))
  })

  it('a number may be used again after it was closed', async () => {
    const server = await startServer()
    const client = await muxClient(server.url)
    client.writer.open(1, '/a')
    client.writer.close(1, 1000, '')
    client.writer.open(1, '/b')
    await settle(client, 1)
    expect(server.health().connections).toBe(1)
  })

  it.each([
    ['bytes that are no message', new Uint8Array([0, 2, 3, 255])],
    ['an unknown message', new Uint8Array([77])],
  ])('only the channel that says %s', async (_, data) => {
    const { url } = await startServer()
    const client = await muxClient(url)
    client.writer.open(1, '/good')
    client.writer.open(2, '/bad')
    client.writer.data(2, data)
    await until(() =>
      expect(client.closing(2)).toMatchObject({ code: 4400, reason: expect.any(String) }),
    )
    // What comes for it later is for nobody.
    client.writer.data(2, step1)
    await settle(client, 1)
  })

  it('only the channel whose room has no usable name, or whose message is too large', async () => {
    const { url } = await startServer({ limits: { maxPayload: 2 * MiB } })
    const client = await muxClient(url)
    client.writer.open(1, '/good')
    client.writer.open(2, '/')
    client.writer.open(3, '/large')
    client.writer.data(3, new Uint8Array(2 * MiB + 1))
    await until(() => expect(client.closing(2)).toMatchObject({ code: 4400 }))
    await until(() => expect(client.closing(3)).toMatchObject({ code: 1009 }))
    await settle(client, 1)
  })

  it.each([
    ['text', 'hello'],
    ['half a frame', new Uint8Array([1, 3, 9, 65])],
    ['an unknown operation', new Uint8Array([1, 99])],
    ['an operation of y-websocket', new Uint8Array([0, 0, 1, 0])],
    ['a channel that is open', new Uint8Array([7, 3, 2, 47, 97])],
    ['the channel of the socket to be opened', new Uint8Array([0, 3, 2, 47, 97])],
    ['a part that is too small', new Uint8Array([7, 5, 1, 0])],
    ['bytes on its own channel', new Uint8Array([0, 4, 1, 9])],
  ])('the whole socket for %s', async (_, message) => {
    const server = await startServer()
    const client = await muxClient(server.url)
    client.writer.open(7, '/room')
    await settle(client, 7)
    client.socket.send(message)
    expect(await client.closed).toMatchObject({ code: 4400 })
    await until(() => expect(server.health().connections).toBe(0))
  })

  it('a part that another frame follows is malformed', async () => {
    const { url } = await startServer()
    const client = await muxClient(url)
    client.writer.open(1, '/room')
    // The first of two parts only.
    client.writer.data(1, new Uint8Array(MiB + 1))
    client.writer.flush()
    const other = await muxClient(url)
    const part = new Uint8Array([1, 5, 128, 128, 64, ...new Uint8Array(MiB)])
    other.writer.open(1, '/room')
    other.writer.flush()
    other.socket.send(part)
    other.writer.close(1, 1000, '')
    expect(await other.closed).toMatchObject({ code: 4400 })
  })

  it('a room too many, and says which limit that is', async () => {
    const server = await startServer({ limits: { maxRoomsPerConnection: 2 } })
    const client = await muxClient(server.url)
    for (const id of [1, 2, 3]) client.writer.open(id, `/room-${id}`)
    await until(() =>
      expect(client.closing(3)).toMatchObject({
        code: 4413,
        reason: expect.stringContaining('maxRoomsPerConnection'),
      }),
    )
    await settle(client, 2)
    client.writer.close(1, 1000, '')
    client.writer.open(4, '/room-4')
    await settle(client, 4)
    expect(server.health().connections).toBe(2)
  })

  it('everything with 1001 when the server is closed, also without a room', async () => {
    // Time stands still: they confirm, and nobody waits until they are cut off.
    const server = await startServer({ clock: fakeClock().clock })
    const [busy, idle] = [await muxClient(server.url), await muxClient(server.url)]
    busy.writer.open(1, '/room')
    await settle(busy, 1)
    await server.close()
    expect(await busy.closed).toMatchObject({ code: 1001 })
    expect(await idle.closed).toMatchObject({ code: 1001 })
  })

  it('rooms that are opened while the server shuts down', async () => {
    const log = gatedLog()
    const server = await startServer({ storage: log.log })
    const client = await muxClient(server.url)
    client.writer.open(1, '/room')
    await settle(client, 1)
    log.shut()
    client.writer.data(1, syncMessage(2, bulk(1)))
    await until(() => expect(log.appends).toHaveLength(1))
    const closed = server.close()
    client.writer.open(2, '/late')
    await until(() => expect(client.closing(2)).toMatchObject({ code: 1001 }))
    log.open()
    await closed
    expect(log.reads).toBe(1)
  })
})

describe('backpressure', () => {
  it('who does not read what others write is cut off, with all channels', async () => {
    const warn = vi.fn()
    const server = await startServer({
      // The writer is not to wait for its rate.
      limits: { maxBacklog: 256 * 1024, bytesPerSecond: 2 ** 30 },
      log: { info() {}, warn, error() {} },
    })
    const client = await muxClient(server.url)
    for (const id of [1, 2]) client.writer.open(id, `/room-${id}`)
    await settle(client, 2)
    client.socket.pause()
    const writer = await rawClient(server.url, 'room-1?extension=1')
    const saved = () => writer.received.filter(([type, kind]) => type === 100 && kind === 1).length
    // The kernel takes some megabytes of it, here and there more than 30.
    for (let i = 1; i <= 20 && server.health().connections > 1; i++) {
      writer.send(syncMessage(2, bulk(4 * MiB)))
      await until(() => expect(saved()).toBe(i))
    }
    expect(server.health().connections).toBe(1)
    expect(warn.mock.calls.flat().join()).toContain('reads too slowly')
  })

  it('who reads slowly what it asks for gets it all, no faster than it reads', async () => {
    const server = await startServer({ limits: { maxBacklog: 64 * 1024 } })
    const writer = await rawClient(server.url, 'room-0')
    writer.send(syncMessage(2, bulk(16 * 1024)))
    await writer.settle()
    const client = await muxClient(server.url)
    const count = 80
    client.socket.pause()
    client.writer.open(1, '/room-0')
    client.writer.open(2, '/other')
    for (let i = 0; i < count; i++) client.writer.data(1, step1)
    const other = await rawClient(server.url, 'other')
    await other.settle()
    client.socket.resume()
    await until(() => expect(client.received(1).filter(isStep2)).toHaveLength(count))
    await settle(client, 2)
  })

  it('who opens more than it reads gets one room after the other, and is not cut off for that', async () => {
    const server = await startServer({ limits: { maxBacklog: 256 * 1024 } })
    // What a room says first grows with the number of those who have written in it.
    const crowd = new Y.Doc()
    for (let clientID = 1; clientID <= 100; clientID++) {
      Y.applyUpdate(
        crowd,
        updateOf(doc => doc.getMap('map').set(`${clientID}`, 1), clientID + 2 ** 31),
      )
    }
    const writer = await rawClient(server.url, 'crowd')
    writer.send(syncMessage(2, Y.encodeStateAsUpdate(crowd)))
    await writer.settle()
    const client = await muxClient(server.url)
    const count = 1_000
    client.socket.pause()
    for (let id = 1; id <= count; id++) client.writer.open(id, '/crowd')
    client.writer.flush()
    await writer.settle()
    client.socket.resume()
    await until(() => expect(client.received(count)).not.toEqual([]))
    await settle(client, count)
    expect(server.health().connections).toBe(count + 1)
  })

  it('only so many rooms are loaded at a time, and one that is closed before is not', async () => {
    const log = gatedLog()
    const server = await startServer({ storage: log.log })
    const client = await muxClient(server.url)
    client.writer.open(1, '/first')
    await settle(client, 1)
    log.shut()
    for (let id = 2; id <= 201; id++) client.writer.open(id, `/room-${id}`)
    for (let id = 100; id <= 201; id += 2) client.writer.close(id, 1000, '')
    await settle(client, 1)
    expect(log.reads).toBe(1 + 64)
    log.open()
    await settle(client, 201)
    await until(() => expect(server.health().connections).toBe(201 - 51))
    expect(log.reads).toBe(201 - 51)
  })

  it('a channel whose room waits for the log keeps its messages, and others go on', async () => {
    const log = gatedLog()
    const { url } = await startServer({ storage: log.log })
    const client = await muxClient(url)
    client.writer.open(1, '/fast')
    await settle(client, 1)
    log.shut()
    client.writer.open(2, '/slow')
    client.writer.data(2, step1)
    client.writer.data(2, syncMessage(2, bulk(10)))
    await settle(client, 1)
    expect(client.received(2)).toEqual([])
    log.open()
    await until(() => expect(client.received(2).filter(isStep2)).toHaveLength(1))
    const other = await rawClient(url, 'slow')
    await other.settle()
    await until(() => expect(log.appends).toEqual([1]))
  })

  it('with too much that waits nothing is read from the socket, until it is done', async () => {
    const log = gatedLog()
    const { url } = await startServer({ storage: log.log, limits: { maxUncommitted: 64 * 1024 } })
    const client = await muxClient(url)
    client.writer.open(1, '/fast')
    await settle(client, 1)
    const other = await rawClient(url, 'fast')
    await other.settle()
    log.shut()
    client.writer.open(2, '/slow')
    client.writer.data(2, syncMessage(2, bulk(100 * 1024)))
    // What has arrived already is read; the rest is not.
    for (let i = 0; i < 3; i++) await other.settle()
    client.writer.data(1, step1)
    await other.settle()
    expect(client.received(1).filter(isStep2)).toHaveLength(1)
    log.open()
    await until(() => expect(client.received(1).filter(isStep2)).toHaveLength(2))
  })
})

describe('pings', () => {
  it('a socket is pinged once for all its channels, and its pong counts for all', async () => {
    const time = fakeClock()
    const server = await startServer({ clock: time.clock })
    const client = await muxClient(server.url)
    const pings = vi.fn()
    client.socket.on('ping', pings)
    for (let id = 1; id <= 100; id++) client.writer.open(id, `/room-${id}`)
    await settle(client, 100)
    for (let round = 1; round <= 3; round++) {
      time.advance(20_000)
      await until(() => expect(pings).toHaveBeenCalledTimes(round))
      // The pong, and a sign that it has arrived.
      client.writer.data(0, encodeExtension({ type: 'token', token: '' }))
      client.writer.ping()
      const count = client.frames().length
      await until(() => expect(client.frames().length).toBeGreaterThan(count))
    }
    expect(server.health().connections).toBe(100)
  })

  it('a socket that does not answer is cut off, with all channels', async () => {
    const time = fakeClock()
    const server = await startServer({ clock: time.clock })
    const client = await muxClient(server.url)
    for (let id = 1; id <= 10; id++) client.writer.open(id, `/room-${id}`)
    await settle(client, 10)
    client.socket.pause()
    time.advance(30_000)
    await until(() => expect(server.health().connections).toBe(0))
  })
})
