import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { createServer, memoryLog } from '../../../src/server/index.ts'
import { defaultTimings } from '../../../src/server/options.ts'
import {
  awarenessMessage,
  rawClient,
  silent,
  startServer,
  syncedClient,
  syncMessage,
  until,
  updateOf,
} from './support/clients.ts'
import { fakeClock } from './support/fake-clock.ts'
import { gatedLog, temporaryDirectory } from './support/storage.ts'

describe('a document that nobody has open', () => {
  it('is unloaded, and comes back equal', async () => {
    const storage = gatedLog()
    const server = await startServer({ storage: storage.log })
    const client = await syncedClient(server.url, 'room')
    client.doc.getText('text').insert(0, 'hello world')
    client.doc.getText('text').delete(3, 4)
    client.map.set('key', { deep: [1] })
    client.provider.disconnect()
    await until(() =>
      expect(server.health()).toEqual({ status: 'ok', storage: 'ok', rooms: 0, connections: 0 }),
    )

    const again = await syncedClient(server.url, 'room')
    expect(storage.reads).toBe(2)
    expect(Y.encodeStateAsUpdate(again.doc)).toEqual(Y.encodeStateAsUpdate(client.doc))
  })

  it('stays while its updates are on their way to the log', async () => {
    const storage = gatedLog()
    const server = await startServer({ storage: storage.log })
    const client = await syncedClient(server.url, 'room')
    storage.shut()
    client.map.set('key', 1)
    await until(() => expect(storage.appends).toHaveLength(1))
    client.destroy()
    await until(() => expect(server.health().connections).toBe(0))
    expect(server.health().rooms).toBe(1)
    storage.open()
    await until(() => expect(server.health().rooms).toBe(0))
    const again = await syncedClient(server.url, 'room')
    expect(again.map.get('key')).toBe(1)
  })
})

describe('a long log', () => {
  it('is folded while it grows, and loses nothing', async () => {
    const inner = memoryLog()
    const storage = gatedLog(inner)
    const server = await startServer({ storage: storage.log, limits: { maxLogLength: 50 } })
    const client = await syncedClient(server.url, 'room')
    for (let i = 0; i < 300; i++) client.map.set(`key ${i % 7}`, i)
    await until(async () => {
      const { updates } = await inner.read('room')
      const doc = new Y.Doc()
      for (const update of updates) Y.applyUpdate(doc, update)
      expect(doc.getMap('map').toJSON()).toEqual(client.map.toJSON())
      expect(updates.length).toBeLessThanOrEqual(51)
    })
    expect(storage.snapshots).toBeGreaterThan(0)
  })
})

describe('an update that arrives while the log is being folded', () => {
  it('is not folded away', async () => {
    const inner = memoryLog()
    const storage = gatedLog(inner)
    let fold = () => {}
    const snapshot = storage.log.snapshot.bind(storage.log)
    storage.log.snapshot = async (...args) => {
      await new Promise<void>(resolve => {
        fold = resolve
      })
      return snapshot(...args)
    }
    const server = await startServer({ storage: storage.log, limits: { maxLogLength: 2 } })
    const [writer, reader] = await Promise.all([
      syncedClient(server.url, 'room'),
      syncedClient(server.url, 'room'),
    ])
    for (let i = 0; i < 6; i++) {
      writer.map.set(`key ${i}`, i)
      await until(() => expect(reader.map.get(`key ${i}`)).toBe(i))
    }
    fold()
    await until(async () => expect((await inner.read('room')).updates).toHaveLength(4))
    for (const client of [writer, reader]) client.destroy()
    await until(() => expect(server.health().rooms).toBe(0))
    const late = await syncedClient(server.url, 'room')
    expect(late.map.size).toBe(6)
  })
})

describe('close()', () => {
  it('makes durable and sends what was received, then says goodbye with 1001', async () => {
    const inner = memoryLog()
    const storage = gatedLog(inner)
    let isClosed = false
    storage.log.close = async () => {
      isClosed = true
    }
    const server = await createServer({ port: 0, log: silent, storage: storage.log })
    const [writer, reader] = await Promise.all([
      rawClient(server.url, 'room'),
      rawClient(server.url, 'room'),
    ])
    storage.shut()
    const update = updateOf(doc => doc.getMap('map').set('key', 1))
    writer.send(syncMessage(2, update))
    await until(() => expect(storage.appends).toEqual([1]))
    const closed = server.close()
    expect(server.close()).toBe(closed)
    await expect(rawClient(server.url, 'room')).rejects.toThrow()
    storage.open()
    await closed
    expect(await reader.closed).toMatchObject({ code: 1001 })
    expect(await writer.closed).toMatchObject({ code: 1001 })
    expect(reader.updates()).toEqual([update])
    expect((await inner.read('room')).updates).toEqual([update])
    expect(isClosed).toBe(true)
  })

  it('does not wait for a client that does not answer', async () => {
    const server = await createServer({ port: 0, log: silent, timings: { closeWithinMs: 20 } })
    const client = await rawClient(server.url, 'room')
    await client.settle()
    client.socket.pause()
    await server.close()
    await expect(fetch(`http://127.0.0.1:${server.port}/health`)).rejects.toThrow()
  })

  it('releases the directory', async () => {
    const directory = await temporaryDirectory()
    const first = await createServer({ port: 0, log: silent, storage: directory })
    const client = await syncedClient(first.url, 'room')
    client.map.set('key', 1)
    await until(() => expect(client.provider.synced).toBe(true))
    const other = await syncedClient(first.url, 'room')
    await until(() => expect(other.map.get('key')).toBe(1))
    await first.close()
    const second = await startServer({ storage: directory })
    const late = await syncedClient(second.url, 'room')
    expect(late.map.get('key')).toBe(1)
  })
})

describe('a connection that is dead', () => {
  it('is pinged, cut off, and its states are taken away', async () => {
    const time = fakeClock()
    const server = await startServer({ clock: time.clock })
    const dead = await rawClient(server.url, 'room', { autoPong: false })
    const alive = await rawClient(server.url, 'room')
    let pings = 0
    dead.socket.on('ping', () => pings++)
    alive.socket.on('ping', () => pings++)
    dead.send(awarenessMessage([7, 1, { typing: 1 }]))
    await dead.settle()
    await alive.settle()
    time.advance(defaultTimings.pingAfterMs)
    await until(() => expect(pings).toBe(2))
    // The answer to the ping has been read when the answer to a later question is there.
    await alive.settle()
    time.advance(defaultTimings.pongWithinMs + defaultTimings.sweepMs)
    await dead.closed
    expect(server.health().connections).toBe(1)
    time.advance(defaultTimings.awarenessWindowMs)
    await until(() => expect(alive.awareness().at(-1)).toEqual([7, 1, null]))
    expect(alive.socket.readyState).toBe(WebSocket.OPEN)
  })
})
