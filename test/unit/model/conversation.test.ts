import { afterEach, describe, expect, it } from 'vitest'
import { Client } from '../../../src/client/client.ts'
import type { Conversation } from '../../../src/model/conversation.ts'
import { createMemoryNetwork, memoryPersistence } from '../../../src/testing/index.ts'

const clients: Client[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map(client => client.close()))
})

function pair() {
  const network = createMemoryNetwork()
  const create = (identity: string, device = identity, store = new Map()) => {
    const client = new Client({
      identity,
      transport: network.transport(device),
      persistence: memoryPersistence(store),
      horizonIntervalMs: 0,
    })
    clients.push(client)
    return client
  }
  return { network, create }
}

function record(conversation: Conversation): string[] {
  const log: string[] = []
  conversation.on('participantJoined', p => log.push(`joined ${p.identity}`))
  conversation.on('participantLeft', p => log.push(`left ${p.identity}`))
  conversation.on('participantUpdated', ({ participant, updateReasons }) =>
    log.push(`updated ${participant.identity} ${updateReasons}`),
  )
  conversation.on('updated', ({ updateReasons }) => log.push(`conversation ${updateReasons}`))
  conversation.on('typingStarted', p => log.push(`typing ${p.identity}`))
  conversation.on('typingEnded', p => log.push(`typed ${p.identity}`))
  conversation.on('removed', () => log.push('removed'))
  return log
}

describe('a conversation', () => {
  it('shows participants, attributes, horizons and typing to the other side', async () => {
    const { network, create } = pair()
    const alice = await create('alice').openConversation('room')
    const bob = await create('bob').openConversation('room')
    await network.settle()
    const log = record(bob)
    await alice.join({ nick: 'Al' })
    await network.settle()
    const [participant] = await bob.getParticipants()
    expect(participant?.attributes).toEqual({ nick: 'Al' })
    expect(bob.createdBy).toBe('alice')

    await (await alice.getParticipantByIdentity('alice'))?.updateAttributes({ nick: 'Ali' })
    await alice.advanceLastReadMessageIndex(5)
    await alice.typing()
    await network.settle()
    expect(participant?.isTyping).toBe(true)
    expect((await alice.getParticipantByIdentity('alice'))?.isTyping).toBe(false)
    expect(participant?.lastReadMessageIndex).toBe(5)
    await alice.updateLastReadMessageIndex(2)
    await network.settle()
    expect(participant?.lastReadMessageIndex).toBe(2)
    await alice.leave()
    await network.settle()
    expect(participant?.attributes).toEqual({ nick: 'Ali' })
    expect(log).toEqual([
      'joined alice',
      'updated alice attributes,dateUpdated',
      'updated alice dateUpdated,lastReadMessageIndex,lastReadTimestamp',
      'typing alice',
      'updated alice dateUpdated,lastReadMessageIndex,lastReadTimestamp',
      'typed alice',
      'left alice',
    ])
  })
})
