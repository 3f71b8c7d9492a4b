import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { chat } from '../../support/chat.ts'

/*
 * Bob has read everything up to index 10; Alice wrote before that, offline, and comes back. Whatever index her message gets,
 * nobody has seen it but her.
 */
describe.each([
  { who: 'with a peer that gives final indices', sequencer: true, isBack: false },
  { who: 'with no such peer at all', sequencer: false, isBack: false },
  { who: 'with one, where Alice starts again from her storage', sequencer: true, isBack: true },
  { who: 'with none, where Alice starts again from her storage', sequencer: false, isBack: true },
])('a message that was written offline and comes late, $who', ({ sequencer, isBack }) => {
  async function scene() {
    const world = await chat({ alice: {}, bob: {}, carol: { sequencer }, dave: {} })
    const { alice, bob, carol, dave, network } = world
    await carol.send('0')
    await network.settle()
    alice.device.client.disconnect()
    await alice.send('late')
    for (let i = 1; i <= 10; i++) await carol.send(`${i}`)
    await network.settle()
    expect(await bob.conversation.advanceLastReadMessageIndex(10)).toBe(0)
    expect(await dave.conversation.advanceLastReadMessageIndex(4)).toBe(6)
    await network.settle()
    return world
  }

  it('is unread, once, for everybody who had not seen it; what was read stays read', async () => {
    const { alice, bob, carol, dave, network } = await scene()
    const readers = async (who = carol) =>
      Object.fromEntries(
        (await who.messages()).map(({ body, readBy }) => [
          body,
          readBy.map(({ identity }) => identity).toSorted(),
        ]),
      )
    const before = await readers()
    expect(before['10']).toEqual(['bob'])
    expect(before['4']).toEqual(['bob', 'dave'])
    const told: number[] = []
    bob.conversation.on('unreadCountChanged', count => told.push(count))

    if (isBack) {
      alice.device.crash()
      await alice.open()
    } else alice.device.client.connect()
    await network.settle()
    expect(await bob.bodies()).toHaveLength(12)
    expect(bob.conversation.unreadCount).toBe(1)
    expect(await bob.conversation.getUnreadMessagesCount()).toBe(1)
    expect(told).toEqual([1])
    const late = await bob.find('late')
    expect(late.isRead).toBe(false)
    expect(dave.conversation.unreadCount).toBe(7)
    expect(carol.conversation.unreadCount).toBe(1)
    expect(alice.conversation.unreadCount).toBe(11)
    // All others' receipts stay, for everybody.
    for (const who of [alice, bob, carol, dave]) {
      const after = await readers(who)
      expect(after).toEqual({ ...before, late: [] })
    }

    expect(await bob.conversation.setAllMessagesRead()).toBe(0)
    await network.settle()
    expect(bob.conversation.unreadCount).toBe(0)
    expect(late.isRead).toBe(true)
    for (const who of [alice, carol, dave]) {
      expect(await readers(who)).toEqual({ ...before, late: ['bob'] })
    }
    expect(dave.conversation.unreadCount).toBe(7)
  })

  it('is unread after a restart of everybody, and when Bob reads what he saw once more', async () => {
    const { alice, bob, dave, network } = await scene()
    network.partition([['alice', 'carol'], ['bob'], ['dave']])
    alice.device.client.connect()
    await network.settle()
    // He does so before he hears of it.
    await bob.conversation.setAllMessagesRead()
    await bob.conversation.advanceLastReadMessageIndex(11)
    network.heal()
    await network.settle()
    expect(bob.conversation.unreadCount).toBe(1)
    for (const who of [bob, dave]) await who.restart()
    await network.settle()
    expect(bob.conversation.unreadCount).toBe(1)
    expect(dave.conversation.unreadCount).toBe(7)
    expect(await bob.conversation.setAllMessagesRead()).toBe(0)
    await bob.restart()
    await network.settle()
    expect(bob.conversation.unreadCount).toBe(0)
  })
})

it('that a peer appears who gives final indices changes nothing of what was read', async () => {
  const { alice, bob, carol, network } = await chat({ alice: {}, bob: {}, carol: {} })
  await carol.conversation.close()
  await alice.send('0')
  await bob.send('1')
  await network.settle()
  alice.device.client.disconnect()
  await alice.send('late')
  await bob.send('2')
  await bob.conversation.setAllMessagesRead()
  await carol.device.client.openConversation('room', { sequencer: true })
  await network.settle()
  expect((await bob.messages()).map(({ deliveryState }) => deliveryState)).toEqual(
    Array(3).fill('sent'),
  )
  expect(bob.conversation.unreadCount).toBe(0)
  expect(bob.conversation.lastReadMessageIndex).not.toBeNull()
  alice.device.client.connect()
  await network.settle()
  expect(bob.conversation.unreadCount).toBe(1)
  expect((await bob.find('late')).isRead).toBe(false)
  expect((await alice.find('0')).readBy.map(({ identity }) => identity)).toEqual(['bob'])
  expect((await alice.find('late')).readBy).toEqual([])
  expect(await bob.conversation.setAllMessagesRead()).toBe(0)
})

it('a horizon that comes before the messages it is of does not cover what only stands in their place', async () => {
  const { alice, bob, carol, network } = await chat({
    alice: {},
    bob: {},
    carol: { sequencer: true },
  })
  await carol.send('0')
  await network.settle()
  alice.device.client.disconnect()
  expect(await alice.send('late')).toBe(1)
  for (let i = 1; i <= 5; i++) await carol.send(`${i}`)
  await network.settle()
  await bob.conversation.setAllMessagesRead()
  const { sid } = alice.conversation
  Y.applyUpdate(alice.device.doc(sid), Y.encodeStateAsUpdate(bob.device.doc(sid)))
  const reader = await alice.conversation.getParticipantByIdentity('bob')
  expect(reader?.lastReadMessageIndex).toBe(5)
  expect((await alice.find('late')).readBy).toEqual([])
  expect((await alice.find('0')).readBy).toEqual([reader])
})
