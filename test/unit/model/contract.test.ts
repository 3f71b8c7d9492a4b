import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Client } from '../../../src/client/client.ts'
import { Conversation } from '../../../src/model/conversation.ts'
import { Participant } from '../../../src/model/participant.ts'
import { User } from '../../../src/model/user.ts'
import { ROOTS } from '../../../src/schema/format.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../src/testing/index.ts'
import { Device } from '../../support/device.ts'

let network: MemoryNetwork
let device: Device
let client: Client
let conversation: Conversation

beforeEach(async () => {
  network = createMemoryNetwork()
  device = new Device(network, { identity: 'alice', horizonIntervalMs: 0 })
  client = device.client
  conversation = await device.open()
})

afterEach(async () => {
  expect(device.errors).toEqual([])
  await device.close()
})

async function me(): Promise<Participant> {
  return (await conversation.getParticipantByIdentity('alice')) as Participant
}

describe('a participant', () => {
  it('has every property of the SDK, with its types', async () => {
    await conversation.join({ nick: 'Al' })
    const alice = await me()
    expect(alice).toBeInstanceOf(Participant)
    expect(alice.conversation).toBe(conversation)
    expect(alice.sid).toMatch(/^MB[0-9a-f]{32}$/)
    expect(alice.attributes).toEqual({ nick: 'Al' })
    expect(alice.dateCreated).toEqual(new Date(device.clock.now()))
    expect(alice.dateUpdated).toEqual(new Date(device.clock.now()))
    expect(alice).toMatchObject({
      identity: 'alice',
      isTyping: false,
      lastReadMessageIndex: null,
      lastReadTimestamp: null,
      roleSid: '',
      type: 'chat',
      bindings: {},
    })
    device.clock.advance(1000)
    await conversation.advanceLastReadMessageIndex(3)
    expect(alice.lastReadTimestamp).toEqual(new Date(device.clock.now()))
    expect(alice.lastReadMessageIndex).toBe(3)
  })

  it('has the names of its events as constants', () => {
    for (const name of ['typingStarted', 'typingEnded', 'updated'] as const)
      expect(Participant[name]).toBe(name)
    expect(User.updated).toBe('updated')
  })

  it('resolves its methods to what the SDK does', async () => {
    await conversation.join()
    const alice = await me()
    expect(await alice.updateAttributes({ a: 1 })).toBe(alice)
    expect(await alice.getUser()).toBe(client.user)
    expect(await alice.remove()).toBe(undefined)
    expect(await conversation.getParticipants()).toEqual([])
  })

  it('is told of with the reasons in their order: once per change, on itself, the client, the conversation', async () => {
    await conversation.join()
    const alice = await me()
    const heard: unknown[] = []
    alice.on('updated', update => heard.push('participant', update))
    client.on('participantUpdated', update => heard.push('client', update))
    conversation.on('participantUpdated', update => heard.push('conversation', update))
    device.clock.advance(1000)
    const told = async (write: () => Promise<unknown>) => {
      heard.length = 0
      await write()
      const [, payload] = heard as [unknown, { participant: Participant; updateReasons: string[] }]
      expect(heard).toEqual(['participant', payload, 'client', payload, 'conversation', payload])
      expect(heard[3]).toBe(payload)
      expect(heard[5]).toBe(payload)
      expect(payload.participant).toBe(alice)
      return payload.updateReasons
    }
    expect(await told(() => alice.updateAttributes({ a: 1 }))).toEqual([
      'attributes',
      'dateUpdated',
    ])
    expect(await told(() => alice.updateRole('RL1'))).toEqual(['dateUpdated', 'roleSid'])
    expect(await told(() => conversation.advanceLastReadMessageIndex(5))).toEqual([
      'dateUpdated',
      'lastReadMessageIndex',
      'lastReadTimestamp',
    ])
    const all = () =>
      device.doc(conversation.sid).transact(() => {
        void alice.updateAttributes({ a: 2 })
        void alice.updateRole('RL2')
        void conversation.updateLastReadMessageIndex(1)
      })
    expect(await told(async () => all())).toEqual([
      'attributes',
      'dateUpdated',
      'roleSid',
      'lastReadMessageIndex',
      'lastReadTimestamp',
    ])
  })

  it('replays its last event to who comes later', async () => {
    await conversation.join()
    const alice = await me()
    await alice.updateAttributes({ a: 1 })
    const heard: string[][] = []
    alice.onWithReplay('updated', ({ updateReasons }) => heard.push(updateReasons))
    expect(heard).toEqual([['attributes', 'dateUpdated']])
  })

  it('who is not on chat has an address, and a type by it', async () => {
    const cases: [address: string, type: string, key: string][] = [
      ['+4911111', 'sms', 'sms'],
      ['whatsapp:+4911111', 'whatsapp', 'whatsapp'],
      ['bob@example.com', 'email', 'email'],
      ['sip:bob', 'sms', 'sms'],
    ]
    for (const [address, type, key] of cases) {
      const response = await conversation.addNonChatParticipant('proxy', address, { a: 1 })
      const added = (await conversation.getParticipantBySid(response.sid)) as Participant
      expect(added).toMatchObject({ type, identity: null, attributes: { a: 1 } })
      expect(added.bindings[key]).toMatchObject({ address, proxyAddress: 'proxy' })
      expect(response.messaging_binding).toEqual({ type, address, proxy_address: 'proxy' })
      expect(response.identity).toBe('')
    }
    expect(await conversation.getParticipantsCount()).toBe(4)
  })

  it('who is on e-mail may have a name and a level', async () => {
    await conversation.addNonChatParticipant(
      'p@x',
      'a@x',
      {},
      { email: { name: 'A', level: 'cc' } },
    )
    await conversation.addNonChatParticipant('p@x', 'b@x')
    const [a, b] = await conversation.getParticipants()
    expect(a?.bindings.email).toEqual({
      address: 'a@x',
      proxyAddress: 'p@x',
      name: 'A',
      level: 'cc',
    })
    expect(b?.bindings.email).toEqual({ address: 'b@x', proxyAddress: 'p@x', level: 'to' })
    expect(Object.isFrozen(a?.bindings) && Object.isFrozen(a?.bindings.email)).toBe(true)
  })
})

describe('a conversation', () => {
  it('has every property of the SDK, with its types', async () => {
    expect(conversation).toBeInstanceOf(Conversation)
    expect(conversation.sid).toMatch(/^CH[0-9a-f]{32}$/)
    expect(conversation).toMatchObject({
      uniqueName: 'room',
      friendlyName: null,
      attributes: {},
      createdBy: 'alice',
      status: 'notParticipating',
      lastReadMessageIndex: null,
    })
    expect(conversation.dateCreated).toEqual(new Date(device.clock.now()))
    expect(conversation.dateUpdated).toEqual(new Date(device.clock.now()))
    expect(await conversation.getAttributes()).toBe(conversation.attributes)
  })

  it('has the names of its events as constants', () => {
    for (const name of [
      'participantJoined',
      'participantLeft',
      'participantUpdated',
      'typingStarted',
      'typingEnded',
      'updated',
      'removed',
    ] as const) {
      expect(Conversation[name]).toBe(name)
    }
  })

  it('resolves its methods to what the SDK does', async () => {
    expect(await conversation.join()).toBe(conversation)
    expect(await conversation.updateAttributes({ a: 1 })).toBe(conversation)
    expect(await conversation.updateFriendlyName('x')).toBe(conversation)
    expect(await conversation.updateUniqueName('y')).toBe(conversation)
    expect([conversation.friendlyName, conversation.uniqueName]).toEqual(['x', 'y'])
    await conversation.updateUniqueName(null)
    await conversation.updateFriendlyName('')
    expect([conversation.friendlyName, conversation.uniqueName]).toEqual([null, null])
    expect(await conversation.typing()).toBe(undefined)
    expect(await conversation.advanceLastReadMessageIndex(3)).toBe(0)
    expect(await conversation.updateLastReadMessageIndex(1)).toBe(0)
    expect(await conversation.setAllMessagesRead()).toBe(0)
    expect(await conversation.setAllMessagesUnread()).toBe(null)
    expect(await conversation.removeParticipant('alice')).toBe(undefined)
    expect(await conversation.leave()).toBe(conversation)
  })

  it('adds with the answer of the SDK, whose attributes are a text', async () => {
    const response = await conversation.add('bob', { a: 1 })
    const bob = (await conversation.getParticipantByIdentity('bob')) as Participant
    expect(response).toMatchObject({
      sid: bob.sid,
      conversation_sid: conversation.sid,
      identity: 'bob',
      attributes: '{"a":1}',
      role_sid: '',
      messaging_binding: null,
      date_created: bob.dateCreated?.toISOString(),
      date_updated: bob.dateUpdated?.toISOString(),
    })
    expect(await conversation.add('bob', { b: 1 })).toEqual(response)
  })

  it('tells of its own changes with reasons in their order', async () => {
    const heard: string[][] = []
    conversation.on('updated', ({ conversation: told, updateReasons }) => {
      expect(told).toBe(conversation)
      heard.push(updateReasons)
    })
    device.clock.advance(1000)
    await conversation.updateAttributes({ a: 1 })
    await conversation.updateFriendlyName('x')
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(1)
    await conversation.leave()
    expect(heard).toEqual([
      ['attributes', 'dateUpdated'],
      ['dateUpdated', 'friendlyName'],
      ['status'],
      ['lastReadMessageIndex'],
      ['lastReadMessageIndex', 'status'],
    ])
  })

  it('tells in the order of the SDK that this user left', async () => {
    await conversation.join()
    const heard: string[] = []
    conversation.on('participantLeft', async ({ identity }) => {
      heard.push(`left ${identity} ${conversation.status}`)
    })
    conversation.on('removed', () => heard.push('removed'))
    await conversation.leave()
    expect(heard).toEqual(['left alice notParticipating', 'removed'])
  })

  it('lists participants by the time they came', async () => {
    for (const identity of ['c', 'a', 'b']) {
      await conversation.add(identity)
      device.clock.advance(10)
    }
    const list = async () => (await conversation.getParticipants()).map(({ identity }) => identity)
    expect(await list()).toEqual(['c', 'a', 'b'])
    const copy = await conversation.getParticipants()
    copy.length = 0
    expect(await list()).toEqual(['c', 'a', 'b'])
  })

  it('finds a participant by identity before it takes the text for a sid', async () => {
    await conversation.add('bob')
    const { sid } = (await conversation.getParticipantByIdentity('bob')) as Participant
    await conversation.add(sid)
    await conversation.removeParticipant(sid)
    expect((await conversation.getParticipants()).map(({ identity }) => identity)).toEqual(['bob'])
    await conversation.removeParticipant(sid)
    expect(await conversation.getParticipants()).toEqual([])
  })

  it('was created by the first who did, also when others did not know of it', async () => {
    await conversation.join()
    const bob = new Device(network, { identity: 'bob', skewMs: 5000 })
    network.partition([['alice'], ['bob']])
    const there = await bob.open()
    await there.join()
    expect(there.createdBy).toBe('bob')
    network.heal()
    await network.settle()
    for (const one of [conversation, there]) {
      expect(one.createdBy).toBe('alice')
      expect(one.dateCreated).toEqual(conversation.dateCreated)
    }
    await bob.close()
  })
})

describe('a client', () => {
  it('gives the same conversation for the same name and for its sid', async () => {
    expect(await client.openConversation('room')).toBe(conversation)
    expect(await client.openConversation(conversation.sid)).toBe(conversation)
    const [a, b] = await Promise.all([client.openConversation('x'), client.openConversation('x')])
    expect(a).toBe(b)
  })

  it('gives it with the options it was opened with, and refuses others', async () => {
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    const participantAttributes = {
      '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
    } as const
    const options = { awareness, participantAttributes }
    const open = (given: object) => client.openConversation('own', given)
    const [own, same] = await Promise.all([open(options), open(options)])
    for (const fine of [{}, { doc: undefined }, { doc }, { awareness }, { ...options, doc }]) {
      expect(await open(fine)).toBe(own)
    }
    expect(same).toBe(own)
    const otherDoc = new Y.Doc()
    for (const [key, other] of [
      ['doc', { doc: otherDoc }],
      ['doc', { ...options, doc: undefined, awareness: new Awareness(otherDoc) }],
      ['awareness', { awareness: new Awareness(doc) }],
      ['participantAttributes', { participantAttributes: { ...participantAttributes } }],
    ] as const) {
      await expect(open(other)).rejects.toMatchObject({
        code: 'invalid-argument',
        message: `The conversation is open with another ${key}; close it first`,
      })
    }
    await expect(client.openConversation('room', { doc })).rejects.toThrow('another doc')
    await own.close()
    expect(await open({ doc: otherDoc })).not.toBe(own)
    doc.destroy()
    otherDoc.destroy()
  })

  it('tells of all its conversations', async () => {
    const second = await client.openConversation('second')
    const heard: unknown[] = []
    client.on('participantJoined', participant => heard.push(participant.conversation))
    await conversation.join()
    await second.join()
    expect(heard).toEqual([conversation, second])
  })

  it('is as connected as the worst of its documents, and not moved by those that come, load and go', async () => {
    const heard: string[] = []
    await network.settle()
    expect(client.connectionStatus).toBe('connected')
    const user = await client.getUser('alice')
    await network.settle()
    user.on('updated', ({ updateReasons }) => heard.push(...updateReasons))
    client.on('connectionStatusChanged', status => heard.push(status))
    const second = await client.openConversation('second')
    await network.settle()
    await second.close()
    expect(heard.filter(entry => entry !== 'connecting' && entry !== 'connected')).toEqual([])
    expect(client.connectionStatus).toBe('connected')
    heard.length = 0
    client.disconnect()
    expect(heard).toEqual(['disconnected', 'reachabilityOnline'])
    expect(user.isOnline).toBe(false)
  })

  it('knows its status before anybody is told of it', async () => {
    await network.settle()
    const seen: string[] = []
    conversation.on('connectionStatusChanged', status =>
      seen.push(`${status} ${client.connectionStatus}`),
    )
    client.on('connectionStatusChanged', status =>
      seen.push(`${status} ${conversation.connectionStatus}`),
    )
    client.disconnect()
    client.connect()
    await network.settle()
    const statuses = ['disconnected', 'connecting', 'connected'].map(one => `${one} ${one}`)
    expect(seen).toEqual(statuses.flatMap(one => [one, one]))
  })

  it('keeps nothing of a conversation that could not be opened, and can open it again', async () => {
    await network.settle()
    const doc = new Y.Doc()
    doc.getArray(ROOTS.participants)
    await expect(client.openConversation('bad', { doc })).rejects.toMatchObject({
      code: 'invalid-argument',
    })
    const room = await client.openConversation('bad')
    await network.settle()
    expect(client.connectionStatus).toBe('connected')
    await room.join()
    expect(room.status).toBe('joined')
  })

  it("leaves nothing behind on an app's own document", async () => {
    const doc = new Y.Doc()
    const listeners = () => {
      const roots = [...doc.share.values()].flatMap(type => [...type._eH.l, ...type._dEH.l])
      return [...doc._observers.values()].flatMap(set => [...set]).concat(roots)
    }
    const before = listeners()
    const own = await client.openConversation('own', { doc })
    await own.join()
    expect(listeners()).not.toEqual(before)
    await own.close()
    expect(listeners()).toEqual(before)
  })

  it('resolves a write when it is durable, though it is visible at once', async () => {
    const waiting: (() => void)[] = []
    const isFlushed = () => {
      for (const resolve of waiting.splice(0)) resolve()
    }
    const slow = new Device(network, {
      identity: 'bob',
      horizonIntervalMs: 0,
      persistence: () => ({
        whenLoaded: Promise.resolve(),
        flush: () => new Promise(resolve => void waiting.push(resolve)),
        destroy: async () => {},
      }),
    })
    const room = await slow.open()
    const writes: (() => Promise<unknown>)[] = [
      () => room.join(),
      () => room.join(),
      () => room.add('bob'),
      () => room.advanceLastReadMessageIndex(3),
      () => room.updateLastReadMessageIndex(1),
      () => room.updateFriendlyName('x'),
      () => room.updateFriendlyName('x'),
      () => room.leave(),
      () => room.leave(),
    ]
    for (const write of writes) {
      let isDone = false
      const writing = write().then(() => {
        isDone = true
      })
      await new Promise(resolve => setImmediate(resolve))
      expect(isDone).toBe(false)
      isFlushed()
      await writing
    }
    const closing = slow.close()
    await new Promise(resolve => setImmediate(resolve))
    isFlushed()
    await closing
  })

  it('hands out updates that no listener can change for the others', async () => {
    await conversation.join()
    const updates: { updateReasons: string[] }[] = []
    const hear = (update: { updateReasons: string[] }) => void updates.push(update)
    ;(await me()).on('updated', hear)
    conversation.on('updated', hear)
    client.user.on('updated', hear)
    await (await me()).updateAttributes({ a: 1 })
    await conversation.updateFriendlyName('x')
    await client.user.updateFriendlyName('x')
    expect(updates).toHaveLength(3)
    for (const update of updates) {
      expect(() => update.updateReasons.pop()).toThrow(TypeError)
      expect(() => Object.assign(update, { updateReasons: [] })).toThrow(TypeError)
    }
  })

  it('has limits of its own for what it writes', async () => {
    const small = new Device(network, {
      identity: 'bob',
      limits: { attributesBytes: 10, textLength: 4 },
    })
    const room = await small.open('room')
    await expect(room.join({ longer: 1 })).rejects.toMatchObject({ code: 'too-large' })
    await expect(room.updateFriendlyName('12345')).rejects.toMatchObject({ code: 'too-large' })
    await room.join({ a: 1 })
    await room.updateFriendlyName('1234')
    await small.close()
  })
})
