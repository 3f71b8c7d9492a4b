import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { Participant } from '../../../src/model/participant.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../src/testing/index.ts'
import { Device, type DeviceOptions } from '../../support/device.ts'
import { snapshot } from '../../support/snapshot.ts'

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

async function open(options: DeviceOptions): Promise<Conversation> {
  const device = new Device(network, { horizonIntervalMs: 0, ...options })
  devices.push(device)
  return device.open()
}

/** Two devices that know of each other's state, and are apart from now on. */
async function apart(...prepare: ((first: Conversation) => Promise<unknown>)[]) {
  const one = await open({ identity: 'alice', name: 'one' })
  const two = await open({ identity: 'alice', name: 'two' })
  for (const step of prepare) await step(one)
  await network.settle()
  network.partition([['one'], ['two']])
  const meet = async () => {
    network.heal()
    await network.settle()
    expect(await snapshot(two)).toEqual(await snapshot(one))
  }
  return { one, two, meet }
}

async function find(conversation: Conversation, identity: string): Promise<Participant> {
  return (await conversation.getParticipantByIdentity(identity)) as Participant
}

const identities = async (conversation: Conversation) =>
  (await conversation.getParticipants()).map(({ identity }) => identity)

describe('the same participant, added on both sides', () => {
  it('is one, with the attributes of both', async () => {
    const { one, two, meet } = await apart()
    await one.add('bob', { a: 1, tags: ['x'] })
    await two.add('bob', { b: 2, tags: ['y'] })
    await meet()
    expect(await identities(one)).toEqual(['bob'])
    const { attributes } = await find(one, 'bob')
    expect(attributes).toEqual({ a: 1, b: 2, tags: expect.arrayContaining(['x', 'y']) })
  })

  it('keeps what each side changed afterwards', async () => {
    const { one, two, meet } = await apart()
    await one.add('bob', { a: 1 })
    await (await find(one, 'bob')).updateAttributes({ a: 1, c: 3 })
    await two.add('bob')
    await (await find(two, 'bob')).updateAttributes({ d: 4 })
    await meet()
    expect((await find(one, 'bob')).attributes).toEqual({ a: 1, c: 3, d: 4 })
  })

  it('keeps what one side added, whatever the other did with its own', async () => {
    for (const isFirst of [true, false]) {
      const [a, b] = isFirst ? ['one', 'two'] : ['two', 'one']
      const { one, two, meet } = await apart()
      const side = (name: string) => (name === 'one' ? one : two)
      await side(a as string).add('bob', { color: 'red', a: 1 })
      await (await find(side(a as string), 'bob')).updateAttributes({ a: 2 })
      await side(b as string).add('bob', { color: 'blue', b: 1 })
      await meet()
      expect((await find(one, 'bob')).attributes).toEqual({ color: 'blue', a: 2, b: 1 })
      for (const device of devices.splice(0)) await device.close()
    }
  })

  it('has the date of the first, by their clocks, and is told of as changed to those who had them', async () => {
    const one = await open({ identity: 'alice', name: 'one', skewMs: 1000 })
    const two = await open({ identity: 'bob', name: 'two' })
    network.partition([['one'], ['two']])
    await one.add('carol', { a: 1 })
    await two.add('carol', { b: 2 })
    const reasons: string[][] = []
    one.on('participantUpdated', ({ updateReasons }) => reasons.push(updateReasons))
    one.on('participantJoined', () => reasons.push(['joined']))
    network.heal()
    await network.settle()
    expect(reasons).toEqual([['attributes', 'dateCreated']])
    expect((await find(one, 'carol')).dateCreated).toEqual((await find(two, 'carol')).dateCreated)
  })

  it('keeps the same object and sid on each side', async () => {
    const { one, two, meet } = await apart()
    await one.add('bob')
    await two.add('bob')
    const before = await find(one, 'bob')
    await meet()
    expect(await find(one, 'bob')).toBe(before)
    expect((await find(two, 'bob')).sid).toBe(before.sid)
  })

  it('can be added with any JSON at the root, which merges where it can', async () => {
    const roots = [null, 0, '', false, [], [1, 2], [[1], [2]], { a: [1] }, 'x']
    for (const [i, root] of roots.entries()) {
      const conversation = await open({ identity: 'alice', name: `d${i}` })
      await conversation.add(`user${i}`, root)
      expect((await find(conversation, `user${i}`)).attributes).toEqual(root)
      devices.at(-1)?.crash()
      const again = (await devices.at(-1)?.open()) as Conversation
      expect((await find(again, `user${i}`)).attributes).toEqual(root)
    }
  })
})

describe('removing', () => {
  it('wins over a write that had not seen it', async () => {
    const { one, two, meet } = await apart(first => first.add('bob', { a: 1 }))
    await (await find(one, 'bob')).remove()
    const bob = await find(two, 'bob')
    await bob.updateAttributes({ a: 2 })
    await bob.updateRole('admin')
    await meet()
    expect(await identities(one)).toEqual([])
    // And nothing of it comes back with them.
    await one.add('bob', { fresh: true })
    await network.settle()
    expect(bob).toMatchObject({ attributes: { fresh: true }, roleSid: '' })
  })

  it('loses to adding again, and takes the attributes from before with it', async () => {
    const { one, two, meet } = await apart(first => first.add('bob', { old: 1 }))
    await (await find(one, 'bob')).remove()
    await one.add('bob', { fresh: 1 })
    await (await find(two, 'bob')).updateAttributes({ old: 2, late: 1 })
    await meet()
    expect((await find(two, 'bob')).attributes).toEqual({ fresh: 1 })
  })

  it('of a role stands, whatever role was given meanwhile to who was there before', async () => {
    const { one, two, meet } = await apart(first => first.add('bob'))
    await (await find(one, 'bob')).remove()
    await one.add('bob')
    await (await find(two, 'bob')).updateRole('admin')
    await meet()
    expect((await find(one, 'bob')).roleSid).toBe('')
  })

  it('does not touch somebody who was added at the same time', async () => {
    const { one, two, meet } = await apart(
      first => first.add('bob', { old: 1 }),
      async first => (await find(first, 'bob')).remove(),
    )
    await one.add('bob', { a: 1 })
    await (await find(one, 'bob')).remove()
    await two.add('bob', { b: 2 })
    await meet()
    expect((await find(one, 'bob')).attributes).toEqual({ b: 2 })
  })

  it('on both sides, and adding again on one, leaves them there', async () => {
    const { one, two, meet } = await apart(first => first.add('bob'))
    await (await find(one, 'bob')).remove()
    await (await find(two, 'bob')).remove()
    await two.add('bob', { b: 2 })
    await meet()
    expect((await find(one, 'bob')).attributes).toEqual({ b: 2 })
  })

  it('clears away what belonged to them', async () => {
    const conversation = await open({ identity: 'alice' })
    await conversation.join({ a: 1 })
    const alice = await find(conversation, 'alice')
    await alice.updateAttributes({ b: { c: [1, 2] } })
    await alice.updateRole('admin')
    await alice.remove()
    const doc = devices[0]?.doc(conversation.sid) as Y.Doc
    const sizes = ['participants', 'attributes', 'roles'].map(root => doc.getMap(root).size)
    expect(sizes).toEqual([0, 0, 0])
  })

  // Which of two concurrent writes Yjs lets win depends on random client ids: both ways must end well.
  it.each(Array.from({ length: 8 }, (_, i) => i))(
    'and adding again cannot be overwritten by writes for the membership that was removed (%i)',
    async () => {
      const { one, two, meet } = await apart(first => first.add('bob', { color: 'red' }))
      await (await find(one, 'bob')).remove()
      await one.add('bob', { color: 'white' })
      await (await find(one, 'bob')).updateAttributes({ color: 'green' })
      await (await find(one, 'bob')).updateRole('RL1')
      await (await find(two, 'bob')).updateAttributes({ color: 'blue', more: true })
      await (await find(two, 'bob')).updateRole('RL2')
      await meet()
      const bob = await find(one, 'bob')
      expect(bob.attributes).toEqual({ color: 'green' })
      expect(bob.roleSid).toBe('RL1')
    },
  )

  it.each([-1000, 1000])(
    'takes nothing from a membership that it had not seen, be it %i ms younger',
    async skewMs => {
      const seen = await open({ identity: 'alice', name: 'seen', skewMs })
      const unseen = await open({ identity: 'alice', name: 'unseen' })
      const remover = await open({ identity: 'alice', name: 'remover' })
      network.partition([['seen', 'remover'], ['unseen']])
      await seen.add('bob', { seen: 1 })
      await unseen.add('bob', { unseen: 1 })
      await network.settle()
      network.partition([['seen', 'unseen'], ['remover']])
      await network.settle()
      const bob = await find(seen, 'bob')
      await bob.updateAttributes({ seen: 1, unseen: 1, both: 1 })
      await bob.updateRole('RL1')
      await (await find(remover, 'bob')).remove()
      network.heal()
      await network.settle()
      expect(await snapshot(seen)).toEqual(await snapshot(remover))
      expect(bob.attributes).toEqual({ unseen: 1, both: 1 })
      expect(bob.roleSid).toBe('RL1')
    },
  )

  it('and adding again keeps the object, and what they have read', async () => {
    const one = await open({ identity: 'alice' })
    await one.join({ a: 1 })
    const alice = await find(one, 'alice')
    await one.advanceLastReadMessageIndex(5)
    await alice.updateRole('admin')
    await one.leave()
    await one.join()
    expect(await find(one, 'alice')).toBe(alice)
    expect(alice).toMatchObject({ attributes: {}, roleSid: '', lastReadMessageIndex: 5 })
  })

  it('leaves the object with its last values', async () => {
    const one = await open({ identity: 'alice' })
    await one.addNonChatParticipant('+1', '+2', { a: 1 })
    const [sms] = await one.getParticipants()
    await sms?.updateRole('admin')
    const before = { ...(await snapshot(one)).participants[0] }
    await sms?.remove()
    expect(sms).toMatchObject({ attributes: { a: 1 }, roleSid: 'admin', type: 'sms' })
    expect(sms?.bindings).toEqual(before.bindings)
    expect(sms?.dateCreated?.getTime()).toBe(before.dateCreated)
    expect(sms?.dateUpdated?.getTime()).toBe(before.dateUpdated)
  })
})

describe('writes that change nothing', () => {
  it('write nothing and tell nothing', async () => {
    const conversation = await open({ identity: 'alice' })
    await conversation.join({ a: { b: [1, { c: 2 }] }, d: 1 })
    await conversation.advanceLastReadMessageIndex(5)
    await conversation.updateFriendlyName('Room')
    await conversation.updateUniqueName('unique')
    await conversation.updateAttributes([1, [2]])
    const alice = await find(conversation, 'alice')
    await alice.updateRole('admin')
    devices[0]?.clock.advance(10_000)

    let updates = 0
    devices[0]?.doc(conversation.sid).on('update', () => updates++)
    const heard: string[] = []
    for (const event of [
      'participantUpdated',
      'participantJoined',
      'participantLeft',
      'updated',
    ] as const) {
      conversation.on(event, () => heard.push(event))
    }
    await alice.updateAttributes({ d: 1, a: { b: [1, { c: 2 }] } })
    await alice.updateRole('admin')
    await conversation.join({ other: 1 })
    await conversation.add('alice', { other: 1 })
    await conversation.updateFriendlyName('Room')
    await conversation.updateUniqueName('unique')
    await conversation.updateAttributes([1, [2]])
    for (const index of [0, 4, 5]) await conversation.advanceLastReadMessageIndex(index)
    await conversation.updateLastReadMessageIndex(5)
    await conversation.setAllMessagesRead()
    await expect(alice.updateAttributes('x'.repeat(100_000))).rejects.toThrow()
    devices[0]?.clock.advance(10_000)
    expect({ updates, heard }).toEqual({ updates: 0, heard: [] })

    await conversation.setAllMessagesUnread()
    await conversation.leave()
    updates = 0
    heard.length = 0
    await conversation.leave()
    expect({ updates, heard }).toEqual({ updates: 0, heard: [] })
  })

  it('of the horizon write nothing either when it was moved back before it was written', async () => {
    const conversation = await open({ identity: 'alice', horizonIntervalMs: 1000 })
    const clock = devices[0]?.clock
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(5)
    let updates = 0
    devices[0]?.doc(conversation.sid).on('update', () => updates++)
    const written = conversation.advanceLastReadMessageIndex(6)
    await conversation.updateLastReadMessageIndex(3)
    clock?.advance(1000)
    await written
    expect(updates).toBe(1)
    expect(conversation.lastReadMessageIndex).toBe(3)
  })
})

describe('attributes', () => {
  it('are frozen, and the same object until they change', async () => {
    const conversation = await open({ identity: 'alice' })
    await conversation.join({ a: { b: 1 } })
    const alice = await find(conversation, 'alice')
    const before = alice.attributes as { a: object }
    expect(Object.isFrozen(before) && Object.isFrozen(before.a)).toBe(true)
    await conversation.advanceLastReadMessageIndex(3)
    await alice.updateRole('x')
    expect(alice.attributes).toBe(before)
    await alice.updateAttributes({ a: { b: 1 }, c: 1 })
    expect(alice.attributes).not.toBe(before)
    expect(before).toEqual({ a: { b: 1 } })
  })

  it('of a conversation and of a user merge as those of a participant', async () => {
    const { one, two, meet } = await apart()
    await one.updateAttributes({ a: 1 })
    await two.updateAttributes({ b: 2 })
    await meet()
    expect(one.attributes).toEqual({ a: 1, b: 2 })
  })
})

describe('loading from the store', () => {
  it('tells nothing, and shows everything', async () => {
    const device = new Device(network, { identity: 'alice' })
    devices.push(device)
    const first = await device.open()
    await first.join({ a: 1 })
    await first.add('bob', { b: 1 })
    await first.advanceLastReadMessageIndex(3)
    await first.updateFriendlyName('Room')
    const before = await snapshot(first)
    device.crash()
    const heard: string[] = []
    for (const event of [
      'participantJoined',
      'participantUpdated',
      'participantLeft',
      'userUpdated',
    ] as const) {
      device.client.on(event, () => heard.push(event))
    }
    const again = await device.open()
    for (const event of ['updated', 'removed', 'participantJoined'] as const) {
      again.on(event, () => heard.push(event))
    }
    expect(await snapshot(again)).toEqual(before)
    await network.settle()
    device.clock.advance(60_000)
    expect(heard).toEqual([])
    // Nor does it come with the next change.
    await again.updateFriendlyName('Other')
    expect(heard).toEqual(['updated'])
  })
})

describe('a document of the app', () => {
  it('keeps what was written for somebody whose adding arrives later, though they are added meanwhile', async () => {
    const docs = ['adder', 'writer', 'late'].map(() => new Y.Doc())
    const [adder, writer, late] = docs as [Y.Doc, Y.Doc, Y.Doc]
    const openWith = async (doc: Y.Doc) => {
      const device = new Device(network, { identity: 'alice', persistence: null, transport: null })
      devices.push(device)
      return device.client.openConversation('room', { doc })
    }
    await (await openWith(adder)).add('bob', { a: 1 })
    Y.applyUpdate(writer, Y.encodeStateAsUpdate(adder))
    const ofWriter = await openWith(writer)
    const written: Uint8Array[] = []
    writer.on('update', update => written.push(update))
    await (await find(ofWriter, 'bob')).updateAttributes({ a: 1, b: 2 })
    const ofLate = await openWith(late)
    for (const update of written) Y.applyUpdate(late, update)
    await ofLate.add('bob', { c: 3 })
    Y.applyUpdate(late, Y.encodeStateAsUpdate(adder))
    expect((await find(ofLate, 'bob')).attributes).toEqual({ a: 1, b: 2, c: 3 })
  })

  it('is read and written, with what is there already', async () => {
    const doc = new Y.Doc()
    const first = new Device(network, { identity: 'alice', persistence: null, transport: null })
    devices.push(first)
    const conversation = await first.client.openConversation('room', { doc })
    await conversation.join({ a: 1 })
    await conversation.close()

    const second = new Device(network, { identity: 'bob', persistence: null, transport: null })
    devices.push(second)
    const again = await second.client.openConversation('room', { doc })
    expect((await find(again, 'alice')).attributes).toEqual({ a: 1 })
    await again.close()
    const third = await second.client.openConversation('room', { doc })
    await third.add('carol')
    expect(await identities(third)).toEqual(['alice', 'carol'])
    // Those that are closed do not follow any more.
    expect(await identities(conversation)).toEqual(['alice'])
  })
})
