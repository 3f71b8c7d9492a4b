import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { levelLog } from '../../../src/server/index.ts'
import { bundleServer, startChild } from './support/child-server.ts'
import { type RawClient, rawClient, syncMessage, until } from './support/clients.ts'
import { temporaryDirectory } from './support/storage.ts'

const ROUNDS = 12

let program: string
beforeAll(async () => {
  program = await bundleServer()
})
afterAll(() => rm(program))

/** Writes a new key at each turn of the event loop until its socket is gone. */
function writeForever({ socket, send }: RawClient, prefix: string): void {
  const doc = new Y.Doc()
  doc.on('update', update => send(syncMessage(2, update)))
  let count = 0
  const write = () => {
    if (socket.readyState !== socket.OPEN) return
    doc.getMap('map').set(`${prefix}-${count++}`, count)
    setImmediate(write)
  }
  write()
}

function stateOf(client: RawClient): Y.Doc {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const update of client.updates()) Y.applyUpdate(doc, update)
  })
  return doc
}

const keysOf = (doc: Y.Doc) => [...doc.getMap('map').keys()]

describe('a server that is killed while it is written to', () => {
  it('has, when it is started again, everything that any client had received from it', async () => {
    const directory = await temporaryDirectory()
    const received = new Set<string>()
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startChild(program, directory)
      const reader = await rawClient(server.url, 'room')
      await reader.settle()
      const before = stateOf(reader)
      expect(before.store.pendingStructs, 'a gap').toBeNull()
      const stored = new Set(keysOf(before))
      expect([...received].filter(key => !stored.has(key))).toEqual([])

      const writers = await Promise.all([1, 2].map(() => rawClient(server.url, 'room')))
      for (const [i, writer] of writers.entries()) writeForever(writer, `${round}-${i}`)
      const count = reader.received.length
      await until(() => expect(reader.received.length).toBeGreaterThan(count))
      // At any moment of the server's work, which no event tells.
      await new Promise(resolve => setTimeout(resolve, Math.random() * 40))
      await server.kill()
      await reader.closed
      const sizeBefore = received.size
      for (const key of keysOf(stateOf(reader))) received.add(key)
      expect(received.size, 'it was written to').toBeGreaterThan(sizeBefore)
    }
    const log = await levelLog(directory)
    const { updates } = await log.read('room')
    await log.close()
    const doc = new Y.Doc()
    for (const update of updates) Y.applyUpdate(doc, update)
    const stored = new Set(keysOf(doc))
    expect([...received].filter(key => !stored.has(key))).toEqual([])
  }, 60_000)

  it('holds its directory against other processes as long as it lives', async () => {
    const directory = await temporaryDirectory()
    const server = await startChild(program, directory)
    await expect(levelLog(directory)).rejects.toMatchObject({ code: 'storage', reason: 'blocked' })
    await server.kill()
    await (await levelLog(directory)).close()
  })
})
