import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { Participant } from '../../../src/model/participant.ts'
import { Peers } from '../../../src/model/peers.ts'
import { announcePresence, decodePresence } from '../../../src/schema/presence.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../src/testing/index.ts'
import { Device, type DeviceOptions } from '../../support/device.ts'
import { FakeClock } from '../../support/fake-clock.ts'

let network: MemoryNetwork
let devices: Device[]

beforeEach(() => {
  network = createMemoryNetwork()
  devices = []
})

afterEach(async () => {
  for (const device of devices) expect(device.errors).toEqual([])
  await Promise.all(devices.map(device => device.close()))
})

async function join(options: DeviceOptions) {
  const device = new Device(network, options)
  devices.push(device)
  const conversation = await device.open()
  await conversation.join()
  await network.settle()
  const heard: string[] = []
  conversation.on('participantOnline', ({ identity }) => heard.push(`${identity} on`))
  conversation.on('participantOffline', ({ identity }) => heard.push(`${identity} off`))
  return { device, conversation, heard }
}

async function find(conversation: Conversation, identity: string): Promise<Participant> {
  return (await conversation.getParticipantByIdentity(identity)) as Participant
}

const isOnline = async (conversation: Conversation, identity: string) =>
  (await find(conversation, identity)).isOnline

describe('a participant', () => {
  it('is online while any of their devices is here, and told of once', async () => {
    const bob = await join({ identity: 'bob' })
    const phone = await join({ identity: 'alice', name: 'phone' })
    const laptop = await join({ identity: 'alice', name: 'laptop' })
    expect(await isOnline(bob.conversation, 'alice')).toBe(true)
    await phone.device.close()
    await network.settle()
    expect(await isOnline(bob.conversation, 'alice')).toBe(true)
    await laptop.device.close()
    await network.settle()
    expect(await isOnline(bob.conversation, 'alice')).toBe(false)
    expect(bob.heard).toEqual(['alice on', 'alice off'])
    await laptop.device.open()
    await network.settle()
    expect(bob.heard).toEqual(['alice on', 'alice off', 'alice on'])
  })

  it('who is here already when they join is told of as online, after they joined', async () => {
    const bob = await join({ identity: 'bob' })
    const alice = await join({ identity: 'alice' })
    const heard: string[] = []
    for (const { conversation } of [alice, bob]) {
      for (const event of ['participantJoined', 'participantOnline', 'typingStarted'] as const)
        conversation.on(event, ({ identity }) => heard.push(`${event} ${identity}`))
    }
    await alice.conversation.leave()
    await alice.conversation.join()
    await network.settle()
    const story = ['participantJoined alice', 'participantOnline alice']
    expect(heard).toEqual([...story, ...story])
    heard.length = 0
    await bob.conversation.add('carol')
    await network.settle()
    expect(heard).toEqual(['participantJoined carol', 'participantJoined carol'])
  })

  it('that crashed is offline when awareness gives them up', async () => {
    const bob = await join({ identity: 'bob' })
    const alice = await join({ identity: 'alice' })
    const { clientID } = alice.device.awareness('room')
    alice.device.crash()
    await network.settle()
    expect(await isOnline(bob.conversation, 'alice')).toBe(true)
    // As y-protocols does after 30 s of silence.
    removeAwarenessStates(bob.device.awareness('room'), [clientID], 'timeout')
    expect(await isOnline(bob.conversation, 'alice')).toBe(false)
    expect(bob.heard).toEqual(['alice on', 'alice off'])
  })

  it('is not offline for a moment when only our own connection was', async () => {
    const bob = await join({ identity: 'bob' })
    await join({ identity: 'alice' })
    bob.heard.length = 0
    bob.device.client.disconnect()
    bob.device.clock.advance(9000)
    expect(await isOnline(bob.conversation, 'alice')).toBe(true)
    bob.device.client.connect()
    await network.settle()
    bob.device.clock.advance(60_000)
    expect(await isOnline(bob.conversation, 'alice')).toBe(true)
    expect(bob.heard).toEqual(['bob off', 'bob on'])
  })

  it('is offline when our own connection does not come back in time', async () => {
    const bob = await join({ identity: 'bob' })
    await join({ identity: 'alice' })
    bob.heard.length = 0
    bob.device.client.disconnect()
    bob.device.clock.advance(10_000)
    expect(await isOnline(bob.conversation, 'alice')).toBe(false)
    bob.device.client.connect()
    await network.settle()
    expect(bob.heard).toEqual(['bob off', 'alice off', 'bob on', 'alice on'])
  })

  it('that is oneself is online while connected, here or by another device, and told of', async () => {
    const phone = await join({ identity: 'alice', name: 'phone' })
    const laptop = await join({ identity: 'alice', name: 'laptop' })
    expect(await isOnline(phone.conversation, 'alice')).toBe(true)
    phone.heard.length = 0
    await laptop.device.close()
    await network.settle()
    expect(phone.heard).toEqual([])
    phone.device.client.disconnect()
    expect(await isOnline(phone.conversation, 'alice')).toBe(false)
    phone.device.client.connect()
    await network.settle()
    expect(phone.heard).toEqual(['alice off', 'alice on'])
  })

  it('who is not on chat is never online', async () => {
    const { conversation } = await join({ identity: 'alice' })
    await conversation.addNonChatParticipant('+1', 'alice')
    const sms = (await conversation.getParticipants()).find(({ type }) => type === 'sms')
    expect(sms?.isOnline).toBe(false)
    expect(sms?.isTyping).toBe(false)
  })
})

describe('a user', () => {
  it('is online while in any conversation that is open here', async () => {
    const bob = await join({ identity: 'bob' })
    const alice = await join({ identity: 'alice' })
    const second = await alice.device.open('second')
    const here = await bob.device.open('second')
    await network.settle()
    const user = await bob.device.client.getUser('alice')
    const told: (boolean | null)[] = []
    user.on('updated', ({ updateReasons }) => {
      if (updateReasons.includes('reachabilityOnline')) told.push(user.isOnline)
    })
    expect(user.isOnline).toBe(true)
    await second.close()
    await network.settle()
    expect(user.isOnline).toBe(true)
    await alice.conversation.close()
    await network.settle()
    expect(user.isOnline).toBe(false)
    expect(told).toEqual([false])
    await here.close()
  })

  it('is not online for ever because we closed the conversation they were in', async () => {
    const bob = await join({ identity: 'bob' })
    await join({ identity: 'alice' })
    const user = await bob.device.client.getUser('alice')
    expect(user.isOnline).toBe(true)
    await bob.conversation.close()
    expect(user.isOnline).toBe(false)
  })
})

describe("an app's own awareness", () => {
  it('keeps what the app says in it, also when the conversation is closed', async () => {
    const device = new Device(network, { identity: 'alice' })
    devices.push(device)
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    awareness.setLocalState({ cursor: 5 })
    const conversation = await device.client.openConversation('room', { doc, awareness })
    await conversation.join()
    await conversation.typing()
    expect(awareness.getLocalState()).toEqual({ cursor: 5, identity: 'alice', typing: 1 })
    await conversation.close()
    expect(awareness.getLocalState()).toEqual({ cursor: 5 })
    doc.destroy()
  })
})

describe('what devices say of themselves', () => {
  it('is read from any state', () => {
    for (const state of [undefined, null, 5, 'x', [], {}, { identity: 5 }, { identity: '' }]) {
      expect(decodePresence(state)).toBe(undefined)
    }
    expect(decodePresence({ identity: 'a', typing: 'x', more: 1 })).toEqual({ identity: 'a' })
    expect(decodePresence({ identity: 'a', typing: 3 })).toEqual({ identity: 'a', typing: 3 })
  })

  it('is said and taken back', () => {
    const awareness = new Awareness(new Y.Doc())
    awareness.setLocalState(null)
    announcePresence(awareness, null)
    expect(awareness.getLocalState()).toBe(null)
    announcePresence(awareness, { identity: 'a', typing: 1 })
    announcePresence(awareness, { identity: 'a' })
    expect(awareness.getLocalState()).toEqual({ identity: 'a' })
    announcePresence(awareness, null)
    expect(awareness.getLocalState()).toBe(null)
    awareness.destroy()
  })
})

describe('the devices of everybody', () => {
  function gather() {
    const clock = new FakeClock()
    const heard: string[] = []
    const peers = new Peers({
      clock,
      typingTimeoutMs: 6000,
      graceMs: 10_000,
      onPresence: (identity, isHere) => heard.push(`${identity} ${isHere ? 'on' : 'off'}`),
      onTyping: (identity, isTyping) => heard.push(`${identity} ${isTyping ? 'types' : 'ended'}`),
    })
    return { clock, heard, peers }
  }

  it('may change their user: the one goes, the other comes, and no timer of the first hits the second', () => {
    const { clock, heard, peers } = gather()
    peers.update(1, { identity: 'a', typing: 1 })
    peers.lose(1, true)
    peers.update(1, { identity: 'b' })
    expect(heard).toEqual(['a on', 'a types', 'a ended', 'a off', 'b on'])
    clock.advance(60_000)
    expect(peers.isOnline('b')).toBe(true)
    expect(heard).toHaveLength(5)
  })

  it('are lost once, for whatever reason and how often it is said', () => {
    const { clock, heard, peers } = gather()
    peers.lose(1, false)
    peers.lose(1, true)
    peers.update(1, { identity: 'a' })
    peers.lose(1, true)
    peers.lose(1, true)
    peers.lose(1, false)
    peers.lose(1, false)
    clock.advance(60_000)
    expect(heard).toEqual(['a on', 'a off'])
  })

  it('end typing before they go, and type until the timeout while nobody knows', () => {
    const { clock, heard, peers } = gather()
    peers.update(1, { identity: 'a', typing: 1 })
    peers.lose(1, true)
    clock.advance(6000)
    expect(heard).toEqual(['a on', 'a types', 'a ended'])
    clock.advance(4000)
    expect(heard.at(-1)).toBe('a off')
    peers.update(1, { identity: 'a', typing: 2 })
    peers.lose(1, false)
    expect(heard.slice(-4)).toEqual(['a on', 'a types', 'a ended', 'a off'])
  })

  it('are lost also if our own connection goes while somebody is told that they are here', () => {
    const clock = new FakeClock()
    const peers: Peers = new Peers({
      clock,
      typingTimeoutMs: 6000,
      graceMs: 10_000,
      onPresence: (_, isHere) => isHere && peers.lose(1, true),
      onTyping: () => {},
    })
    peers.update(1, { identity: 'a' })
    clock.advance(10_000)
    expect(peers.isOnline('a')).toBe(false)
  })

  it('leave no timers behind', () => {
    const { clock, peers } = gather()
    peers.update(1, { identity: 'a', typing: 1 })
    peers.update(2, { identity: 'b', typing: 1 })
    peers.lose(2, true)
    peers.close()
    expect(clock.timerCount).toBe(0)
    expect(peers.isOnline('a') || peers.isTyping('b')).toBe(false)
  })
})
