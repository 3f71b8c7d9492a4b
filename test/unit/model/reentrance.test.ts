import { afterEach, expect, it } from 'vitest'
import * as Y from 'yjs'
import { Client } from '../../../src/client/client.ts'

const clients: Client[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map(client => client.close()))
})

async function open(doc = new Y.Doc()) {
  const client = new Client({ identity: 'alice', horizonIntervalMs: 0 })
  clients.push(client)
  return client.openConversation('room', { doc })
}

it('what a listener writes is visible to it at once', async () => {
  const conversation = await open()
  await conversation.join({ n: 0 })
  const me = await conversation.getParticipantByIdentity('alice')
  const seen: unknown[] = []
  conversation.once('participantJoined', () => {
    void me?.updateAttributes({ n: 1 })
    seen.push(me?.attributes)
    void me?.updateAttributes({ n: 0 })
    seen.push(me?.attributes)
  })
  await conversation.add('bob')
  expect(seen).toEqual([{ n: 1 }, { n: 0 }])
  expect(me?.attributes).toEqual({ n: 0 })
})

it('what a listener causes is told when everybody has heard of what caused it', async () => {
  const conversation = await open()
  const log: string[] = []
  conversation.on('participantJoined', () => void conversation.advanceLastReadMessageIndex(3))
  conversation.on('participantJoined', () => log.push('joined'))
  conversation.on('participantUpdated', ({ updateReasons }) => log.push(`${updateReasons}`))
  conversation.on('updated', ({ updateReasons }) => log.push(`conversation ${updateReasons}`))
  await conversation.join()
  expect(log).toEqual([
    'joined',
    'conversation status',
    'dateUpdated,lastReadMessageIndex,lastReadTimestamp',
    'conversation lastReadMessageIndex',
  ])
})

it('a listener of the document that throws is an error of the write, not of a timer', async () => {
  const doc = new Y.Doc()
  const conversation = await open(doc)
  await conversation.join()
  doc.on('update', () => {
    throw new Error('of the app')
  })
  await expect(conversation.advanceLastReadMessageIndex(2)).rejects.toThrow('of the app')
})
