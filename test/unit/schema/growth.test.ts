import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { Client } from '../../../src/client/client.ts'
import { ConversationDocument } from '../../../src/schema/conversation-document.ts'

const DEVICES = 20

/** Devices of as many participants that share one document, each with a replica of its own. */
function crowd() {
  const documents = Array.from({ length: DEVICES }, (_, i) => {
    const doc = new Y.Doc()
    doc.clientID = 4_000_000_000 + i
    const document = new ConversationDocument(doc, () => {})
    document.start()
    document.transact(() => document.addParticipant(`person-${i}`, { n: i }, undefined, 1e12, i))
    return { doc, document, entry: document.entry(`person-${i}`) }
  })
  const merged = new Y.Doc()
  for (const { doc } of documents) {
    Y.applyUpdate(merged, Y.encodeStateAsUpdate(doc))
    doc.on('update', (update: Uint8Array) => Y.applyUpdate(merged, update))
  }
  const advance = (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      for (const { document, entry } of documents) {
        document.advanceHorizon(entry, { index }, Date.now())
        document.transact(() => document.writeHorizon(entry))
      }
    }
  }
  return { merged, advance, first: documents[0] as (typeof documents)[0] }
}

function structsOf(doc: Y.Doc): number {
  return [...doc.store.clients.values()].reduce((sum, structs) => sum + structs.length, 0)
}

describe('the document', () => {
  it('grows with participants, and not with what they read', () => {
    const { merged, advance } = crowd()
    advance(0, 100)
    const bytes = Y.encodeStateAsUpdate(merged).length
    expect(structsOf(merged)).toBeLessThanOrEqual(3 * DEVICES)
    advance(100, 1_000)
    expect(structsOf(merged)).toBeLessThanOrEqual(3 * DEVICES)
    // Only the varints of clocks and indices become longer.
    expect(Y.encodeStateAsUpdate(merged).length).toBeLessThan(1.05 * bytes)
  })

  it('takes at most 38 bytes for an advance on the wire, and one more when the clock takes a byte more', () => {
    const { first } = crowd()
    const sizes: number[] = []
    first.doc.on('update', (update: Uint8Array) => sizes.push(update.length))
    for (let index = 0; index < 20_000; index++) {
      first.document.advanceHorizon(first.entry, { index }, Date.now())
      first.document.transact(() => first.document.writeHorizon(first.entry))
    }
    // The first one names its key.
    expect(sizes).toHaveLength(20_000)
    expect(Math.max(...sizes.slice(1, 16_380))).toBeLessThanOrEqual(38)
    expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(39)
  })
})

it('a hundred advances within a second are at most two updates', async () => {
  const timers: { callback: () => void; at: number }[] = []
  let now = 1e12
  const clock = {
    now: () => now,
    setTimeout: (callback: () => void, delayMs: number) => {
      const timer = { callback, at: now + delayMs }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer), 1)
    },
  }
  const doc = new Y.Doc()
  const client = new Client({ identity: 'alice', clock })
  const conversation = await client.openConversation('room', { doc })
  await conversation.join()
  let updates = 0
  doc.on('update', () => updates++)
  const written = Array.from({ length: 100 }, (_, i) => {
    now += 5
    return conversation.advanceLastReadMessageIndex(i)
  })
  expect(conversation.lastReadMessageIndex).toBe(99)
  expect(updates).toBe(1)
  for (const { callback } of timers.splice(0)) callback()
  await Promise.all(written)
  expect(updates).toBe(2)
  await client.close()
})
