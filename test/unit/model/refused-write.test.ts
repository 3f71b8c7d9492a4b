import { describe, expect, it, onTestFinished } from 'vitest'
import type * as Y from 'yjs'
import { conversationSid, userSid } from '../../../src/base/ids.ts'
import { Client } from '../../../src/client/client.ts'
import type { ClientOptions } from '../../../src/client/options.ts'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { ConversationOptions } from '../../../src/model/conversation-options.ts'
import type { RefusedConversationWrite } from '../../../src/model/refused-write.ts'
import { ROOTS } from '../../../src/schema/format.ts'
import { OUTBOX_ROOTS } from '../../../src/schema/messages/outbox-document.ts'
import type { ProviderContext } from '../../../src/sync/provider.ts'
import { type MemoryStore, memoryPersistence } from '../../../src/testing/index.ts'
import { EventView } from '../../support/event-view.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type Attempt, RefusingServer } from '../../support/refusing-server.ts'

const forbidden = { code: 'forbidden', reason: 'bob may not do that' } as const
const sid = conversationSid('room')

class Person {
  readonly client: Client
  readonly clock = new FakeClock()
  readonly errors: unknown[] = []
  readonly refused: unknown[] = []
  readonly contexts: ProviderContext[] = []
  readonly store: MemoryStore
  conversation!: Conversation

  constructor(
    server: RefusingServer,
    identity: string,
    options: Partial<ClientOptions> = {},
    store: MemoryStore = new Map(),
  ) {
    const transport = server.transport(identity)
    this.store = store
    this.client = new Client({
      identity,
      clock: this.clock,
      horizonIntervalMs: 0,
      persistence: memoryPersistence(store),
      transport: context => {
        this.contexts.push(context)
        return transport(context)
      },
      ...options,
    })
    onTestFinished(() => this.client.close())
    this.client.on('error', error => this.errors.push(error))
    this.client.on('writeRefused', refused => this.refused.push(refused))
  }

  async open(options?: ConversationOptions): Promise<this> {
    this.conversation = await this.client.openConversation('room', options)
    return this
  }

  doc(name = sid): Y.Doc {
    return this.contexts.find(context => context.name === name)?.doc as Y.Doc
  }

  async bodies(): Promise<(string | null)[]> {
    return (await this.conversation.getMessages(100)).items.map(({ body }) => body)
  }
}

/** Alice, who gives messages their indices, and Bob, both participants. */
async function meet() {
  const server = new RefusingServer()
  const alice = new Person(server, 'alice')
  await alice.open({ sequencer: true })
  await alice.conversation.join({ from: 'alice' })
  await alice.conversation.add('bob')
  await server.settle()
  const bob = await new Person(server, 'bob').open()
  await server.settle()
  const view = new EventView(bob.conversation, await bob.conversation.getParticipants(), bob.doc())
  const refused: RefusedConversationWrite[] = []
  bob.conversation.on('writeRefused', one => refused.push(one))
  const check = async () => {
    await server.settle()
    view.assert(await bob.conversation.getParticipants())
    expect(bob.errors).toEqual([])
  }
  return { server, alice, bob, refused, check }
}

/** Refuses what bob changes at a root of a document. */
function guard(server: RefusingServer, root: string, room = sid): void {
  server.judge = ({ room: name, identity, before, after }: Attempt) => {
    const [was, is] = [before, after].map(doc => JSON.stringify(doc.getMap(root).toJSON()))
    return name === room && identity === 'bob' && was !== is ? forbidden : undefined
  }
}

describe('a write that the server refuses', () => {
  it('is told of once, to client and conversation, and is not an error', async () => {
    const { server, bob, refused, check } = await meet()
    guard(server, ROOTS.roles)
    const [alice] = await bob.conversation.getParticipants()
    await alice?.updateRole('admin')
    expect(alice?.roleSid).toBe('admin')
    await check()
    const expected = { ...forbidden, conversation: bob.conversation, documentName: sid }
    expect(refused).toEqual([{ ...expected, update: expect.any(Uint8Array) }])
    expect(bob.refused).toEqual(refused)
    expect(Object.isFrozen(refused[0])).toBe(true)
    expect(alice?.roleSid).toBe('')
    expect(server.refusals).toBe(1)
    expect(bob.conversation.connectionStatus).toBe('connected')
    expect(bob.client.connectionStatus).toBe('connected')
  })

  it('is undone by usual events, and the conversation goes on', async () => {
    const { server, alice, bob, check } = await meet()
    guard(server, ROOTS.participants)
    const log: string[] = []
    bob.conversation.on('participantLeft', ({ identity }) => log.push(`${identity} left`))
    bob.conversation.on('participantJoined', ({ identity }) => log.push(`${identity} joined`))
    bob.conversation.on('participantUpdated', ({ participant }) =>
      log.push(`${participant.identity} updated`),
    )
    const [first] = await bob.conversation.getParticipants()
    await bob.conversation.removeParticipant('alice')
    await bob.conversation.add('carol')
    await check()
    expect(log).toEqual(['alice left', 'carol joined', 'carol left', 'alice joined'])
    const participants = await bob.conversation.getParticipants()
    expect(participants.map(({ identity }) => identity)).toEqual(['alice', 'bob'])
    expect(participants[0]).toBe(first)
    expect(first?.attributes).toEqual({ from: 'alice' })

    await bob.conversation.updateFriendlyName('Friday')
    await participants[1]?.updateAttributes({ mood: 'relieved' })
    await check()
    expect(alice.conversation.friendlyName).toBe('Friday')
    const seen = await alice.conversation.getParticipantByIdentity('bob')
    expect(seen?.attributes).toEqual({ mood: 'relieved' })
    expect(server.refusals).toBe(1)
  })

  it('takes the own horizon, roles and attributes of that time with it', async () => {
    const { server, alice, bob, check } = await meet()
    await alice.conversation.sendMessage('one')
    await alice.conversation.sendMessage('two')
    await check()
    await bob.conversation.advanceLastReadMessageIndex(0)
    await check()
    expect(bob.conversation.unreadCount).toBe(1)
    const counts: number[] = []
    bob.conversation.on('unreadCountChanged', count => counts.push(count))
    guard(server, ROOTS.fields)
    await Promise.all([
      bob.conversation.updateFriendlyName('mine'),
      bob.conversation.updateAttributes({ also: 'mine' }),
      bob.conversation.setAllMessagesRead(),
    ])
    expect(bob.conversation.lastReadMessageIndex).toBe(1)
    await check()
    expect(bob.conversation.friendlyName).toBeNull()
    expect(bob.conversation.attributes).toEqual({})
    expect(bob.conversation.lastReadMessageIndex).toBe(0)
    expect(counts).toEqual([0, 1])
    await bob.conversation.setAllMessagesRead()
    await check()
    const seen = await alice.conversation.getParticipantByIdentity('bob')
    expect(seen?.lastReadMessageIndex).toBe(1)
  })

  it('shows nothing else until the server’s state is here, and holds back what is written', async () => {
    const { server, alice, bob, check } = await meet()
    guard(server, ROOTS.roles)
    const [first] = await bob.conversation.getParticipants()
    let write: Promise<unknown> | undefined
    let shown: unknown
    bob.conversation.on('writeRefused', () => {
      write = bob.conversation.removeParticipant('alice')
      shown = bob.conversation.status
    })
    const log: string[] = []
    bob.conversation.on('participantJoined', ({ identity }) => log.push(`${identity} joined`))
    bob.conversation.on('participantLeft', ({ identity }) => log.push(`${identity} left`))
    await first?.updateRole('admin')
    await check()
    await write
    await check()
    expect(shown).toBe('joined')
    expect(log).toEqual(['alice left'])
    expect(alice.conversation.status).toBe('notParticipating')
  })

  it('may be that it was created, which is not tried again before the server is heard', async () => {
    const server = new RefusingServer()
    guard(server, ROOTS.fields)
    const bob = new Person(server, 'bob')
    await bob.open()
    bob.conversation.on('connectionStatusChanged', status => {
      if (status === 'connecting') bob.client.disconnect()
    })
    await server.settle()
    expect(bob.refused).toHaveLength(1)
    expect(bob.conversation.connectionStatus).toBe('disconnected')
    bob.clock.advance(20_000)
    bob.conversation.removeAllListeners('connectionStatusChanged')
    expect(bob.doc().getMap(ROOTS.fields).size).toBe(0)
    server.judge = () => undefined
    server.doc(sid).getMap(ROOTS.fields).set('created|1', ['alice', 5])
    bob.client.connect()
    await server.settle()
    expect(bob.conversation.createdBy).toBe('alice')
    expect(server.doc(sid).getMap(ROOTS.fields).size).toBe(1)
  })

  it('does not come back after a restart', async () => {
    const { server, alice, bob, check } = await meet()
    guard(server, ROOTS.roles)
    const [first] = await bob.conversation.getParticipants()
    await first?.updateRole('admin')
    await check()
    await bob.client.close()
    const again = await new Person(server, 'bob', {}, bob.store).open()
    expect((await again.conversation.getParticipants()).map(one => one.roleSid)).toEqual(['', ''])
    await server.settle()
    await again.conversation.sendMessage('here again')
    await server.settle()
    expect(await alice.bodies()).toEqual(['here again'])
    expect(server.refusals).toBe(1)
  })

  it('of a user is told to the client, and undone', async () => {
    const server = new RefusingServer()
    const bob = new Person(server, 'bob')
    await bob.client.user.updateFriendlyName('Bob')
    await server.settle()
    guard(server, ROOTS.fields, userSid('bob'))
    const log: unknown[] = []
    bob.client.on('userUpdated', ({ user, updateReasons }) => {
      if (updateReasons[0] !== 'reachabilityOnline') log.push([user.friendlyName, updateReasons])
    })
    await bob.client.user.updateFriendlyName('King')
    await server.settle()
    expect(bob.refused).toMatchObject([
      { ...forbidden, user: bob.client.user, documentName: userSid('bob') },
    ])
    expect(log).toEqual([
      ['King', ['friendlyName']],
      ['Bob', ['friendlyName']],
    ])
    server.judge = () => undefined
    await bob.client.user.updateAttributes({ a: 1 })
    await server.settle()
    const seen = await new Person(server, 'alice').client.getUser('bob')
    await server.settle()
    expect([seen.friendlyName, seen.attributes]).toEqual(['Bob', { a: 1 }])
  })
})

describe('a message that the server refuses', () => {
  it('is removed here, its sending is rejected, and the next one gets through', async () => {
    const { server, alice, bob, refused, check } = await meet()
    await bob.conversation.sendMessage('before')
    guard(server, OUTBOX_ROOTS.outbox, `${sid}/o`)
    const log: string[] = []
    bob.conversation.on('messageAdded', ({ body }) => log.push(`added ${body}`))
    bob.conversation.on('messageRemoved', ({ sid: removed }) => log.push(`removed ${removed}`))
    let added: string | undefined
    bob.conversation.once('messageAdded', message => {
      added = message.sid
    })
    const sending = bob.conversation.sendMessage('bad')
    const rejected = expect(sending).rejects.toMatchObject({ code: 'forbidden' })
    await check()
    await rejected
    expect(refused).toMatchObject([{ documentName: `${sid}/o`, conversation: bob.conversation }])
    expect(log).toEqual(['added bad', `removed ${added}`])
    expect(await bob.bodies()).toEqual(['before'])

    server.judge = () => undefined
    expect(await bob.conversation.sendMessage('after')).toBe(1)
    await check()
    expect(await bob.bodies()).toEqual(['before', 'after'])
    expect(await alice.bodies()).toEqual(['before', 'after'])
    expect(alice.conversation.unreadCount).toBe(2)
  })

  it('does not take those with it that the server has', async () => {
    const { server, alice, bob, check } = await meet()
    // Nobody gives indices any more.
    alice.client.disconnect()
    await server.settle()
    const first = bob.conversation.sendMessage('first')
    await check()
    bob.clock.advance(5000)
    await first
    guard(server, OUTBOX_ROOTS.outbox, `${sid}/o`)
    const log: string[] = []
    bob.conversation.on('messageAdded', ({ body }) => log.push(`added ${body}`))
    bob.conversation.on('messageRemoved', () => log.push('removed'))
    bob.conversation.on('messageUpdated', ({ updateReasons }) => log.push(String(updateReasons)))
    const sending = bob.conversation.sendMessage('bad').catch(() => {})
    await check()
    await sending
    expect(await bob.bodies()).toEqual(['first'])
    expect(log).toEqual(['added bad', 'removed'])
    server.judge = () => undefined
    alice.client.connect()
    await check()
    expect(await alice.bodies()).toEqual(['first'])
  })

  it('may be a change of one, which is undone', async () => {
    const { server, alice, bob, check } = await meet()
    await alice.conversation.sendMessage('hers')
    await check()
    guard(server, OUTBOX_ROOTS.outbox, `${sid}/o`)
    const [message] = (await bob.conversation.getMessages()).items
    const log: unknown[] = []
    bob.conversation.on('messageUpdated', ({ message: { body }, updateReasons }) => {
      log.push([body, updateReasons])
    })
    await message?.updateBody('his')
    expect(message?.body).toBe('his')
    await check()
    expect(message?.body).toBe('hers')
    const reasons = ['body', 'lastUpdatedBy', 'dateUpdated']
    expect(log).toEqual([
      ['his', reasons],
      ['hers', reasons],
    ])
  })

  it('does not hold up what is sent meanwhile', async () => {
    const { server, alice, bob, check } = await meet()
    guard(server, OUTBOX_ROOTS.outbox, `${sid}/o`)
    let sending: Promise<number> | undefined
    bob.conversation.on('writeRefused', () => {
      server.judge = () => undefined
      sending ??= bob.conversation.sendMessage('meanwhile')
    })
    const refused = bob.conversation.sendMessage('bad').catch(() => {})
    await check()
    await refused
    expect(await sending).toBe(0)
    expect(await alice.bodies()).toEqual(['meanwhile'])
  })
})

describe('whether a conversation is saved', () => {
  it('is as its documents are', async () => {
    const server = new RefusingServer()
    const bob = await new Person(server, 'bob').open({ sequencer: true })
    const told: unknown[] = []
    bob.conversation.on('savedChanged', isSaved => told.push(isSaved))
    await bob.conversation.join()
    expect(bob.conversation.isSaved).toBeUndefined()
    await server.settle()
    expect(told).toEqual([])
    server.saysSaved = true
    bob.client.disconnect()
    bob.client.connect()
    await server.settle()
    expect(bob.conversation.isSaved).toBe(true)
    bob.client.disconnect()
    expect(bob.conversation.isSaved).toBe(true)
    told.length = 0
    await bob.conversation.sendMessage('offline')
    expect(bob.conversation.isSaved).toBe(false)
    bob.client.connect()
    await server.settle()
    expect(bob.conversation.isSaved).toBe(true)
    expect(told).toEqual([false, true])
  })
})
