import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { memoryLog } from '../../../src/server/index.ts'
import {
  rawClient,
  silent,
  startServer,
  stockClient,
  syncedClient,
  syncMessage,
  until,
  updateOf,
  whenSynced,
} from './support/clients.ts'
import { gatedLog } from './support/storage.ts'

const keysIn = (update: Uint8Array | undefined) => {
  const doc = new Y.Doc()
  if (update) Y.applyUpdate(doc, update)
  return [...doc.getMap('map').keys()].sort()
}

describe('an update that is not durable yet', () => {
  it('is seen by nobody: not sent on, not in a sync step 2, not in a state vector', async () => {
    const storage = gatedLog()
    const { url } = await startServer({ storage: storage.log })
    const [writer, reader] = await Promise.all([rawClient(url, 'room'), rawClient(url, 'room')])
    await Promise.all([writer.settle(), reader.settle()])
    storage.shut()
    writer.send(
      syncMessage(
        2,
        updateOf(doc => doc.getMap('map').set('key', 1)),
      ),
    )
    await until(() => expect(storage.appends).toEqual([1]))

    const late = await rawClient(url, 'room')
    for (const client of [writer, reader, late]) {
      await client.settle()
      expect(client.updates().flatMap(keysIn)).toEqual([])
    }
    const [stateVector] = late.received.filter(data => data[0] === 0 && data[1] === 0)
    expect(stateVector?.slice(2)).toEqual(new Uint8Array([1, 0]))

    storage.open()
    await until(() => expect(reader.updates().flatMap(keysIn)).toEqual(['key']))
    await until(() => expect(late.updates().flatMap(keysIn)).toEqual(['key']))
  })
})

describe('a document that is still being loaded', () => {
  it('is not said to be synced, and what clients say meanwhile is not lost', async () => {
    const inner = memoryLog()
    await inner.append('room', [updateOf(doc => doc.getMap('map').set('stored', 1))])
    const storage = gatedLog(inner)
    storage.shut()
    const { url } = await startServer({ storage: storage.log })
    const client = stockClient(url, 'room')
    client.awareness.setLocalState({ name: 'early' })
    const raw = await rawClient(url, 'room')
    raw.send(syncMessage(0, new Uint8Array([0])))
    client.map.set('written', 2)
    await until(() => expect(client.provider.wsconnected).toBe(true))
    await until(() => expect(storage.reads).toBe(1))
    expect(raw.received).toEqual([])
    expect(client.provider.synced).toBe(false)

    const sizes: number[] = []
    client.provider.on('sync', () => sizes.push(client.map.size))
    storage.open()
    await whenSynced(client)
    expect(sizes).toEqual([2])
    await until(() => expect(keysIn(raw.updates()[0])).toEqual(['stored']))
    await until(() => expect(raw.awareness().flat()).toContainEqual({ name: 'early' }))
    const late = await syncedClient(url, 'room')
    await until(() => expect(late.map.toJSON()).toEqual({ stored: 1, written: 2 }))
  })

  it('is closed with 1011 if it cannot be, and loaded at the next attempt', async () => {
    const storage = gatedLog()
    const errors: string[] = []
    const server = await startServer({
      storage: storage.log,
      log: { ...silent, error: line => errors.push(line) },
    })
    storage.isUnreadable = true
    const refused = await rawClient(server.url, 'room')
    expect(await refused.closed).toMatchObject({ code: 1011 })
    expect(errors).toEqual(['room: cannot load'])
    expect(server.health()).toMatchObject({ rooms: 0, connections: 0 })
    storage.isUnreadable = false
    await syncedClient(server.url, 'room')
  })
})

describe('when the disk is full', () => {
  it('closes the writer with 1011 and a reason, shows nobody the update, and lives on', async () => {
    const storage = gatedLog()
    const errors: unknown[] = []
    const { url } = await startServer({
      storage: storage.log,
      log: { ...silent, error: (...line) => errors.push(line) },
    })
    const [writer, reader, other] = await Promise.all([
      rawClient(url, 'room'),
      rawClient(url, 'room'),
      rawClient(url, 'other'),
    ])
    storage.isFull = true
    writer.send(
      syncMessage(
        2,
        updateOf(doc => doc.getMap('map').set('key', 1)),
      ),
    )
    expect(await writer.closed).toEqual({ code: 1011, reason: 'cannot store the update' })
    expect(errors).toEqual([[expect.stringContaining('room'), expect.any(Error)]])
    await Promise.all([reader.settle(), other.settle()])
    expect(reader.updates().flatMap(keysIn)).toEqual([])

    storage.isFull = false
    reader.send(
      syncMessage(
        2,
        updateOf(doc => doc.getMap('map').set('later', 1)),
      ),
    )
    const late = await syncedClient(url, 'room')
    await until(() => expect(late.map.toJSON()).toEqual({ later: 1 }))
  })

  it('keeps nothing of what its writer sent after it, which builds on it', async () => {
    const inner = memoryLog()
    const storage = gatedLog(inner)
    const { url } = await startServer({ storage: storage.log })
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', update => updates.push(update))
    doc.getMap('map').set('first', 1)
    doc.getMap('map').set('second', 2)
    const writer = await rawClient(url, 'room')
    const other = await rawClient(url, 'room')
    await other.settle()
    storage.shut()
    storage.isFull = true
    writer.send(syncMessage(2, updates[0] as Uint8Array))
    await until(() => expect(storage.appends).toEqual([1]))
    writer.send(syncMessage(2, updates[1] as Uint8Array))
    await writer.settle()
    other.send(
      syncMessage(
        2,
        updateOf(doc => doc.getMap('map').set('other', 3)),
      ),
    )
    await other.settle()
    storage.open()
    await writer.closed
    expect(storage.appends).toEqual([1, 1])
  })

  it('has everything again after the client came back by itself', async () => {
    const storage = gatedLog()
    const { url } = await startServer({ storage: storage.log })
    const client = await syncedClient(url, 'room')
    storage.isFull = true
    const closed = new Promise<number | undefined>(resolve => {
      client.provider.once('connection-close', event => resolve(event?.code))
    })
    client.map.set('key', 1)
    expect(await closed).toBe(1011)
    storage.isFull = false
    const late = await syncedClient(url, 'room')
    await until(() => expect(late.map.get('key')).toBe(1))
  })

  it('goes on without folding the log', async () => {
    const inner = memoryLog()
    const storage = gatedLog(inner)
    storage.log.snapshot = async () => {
      storage.snapshots += 1
      throw new Error('no space left on device')
    }
    const { url } = await startServer({ storage: storage.log, limits: { maxLogLength: 5 } })
    const client = await syncedClient(url, 'room')
    const late = await syncedClient(url, 'room')
    for (let i = 0; i < 20; i++) client.map.set(`key ${i}`, i)
    await until(() => expect(late.map.size).toBe(20))
    expect(storage.snapshots).toBeGreaterThan(0)
  })
})
