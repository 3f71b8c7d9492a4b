import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/model/message.ts'
import { chat, type Person } from '../../support/chat.ts'

const names = (message: Message) => message.readBy.map(({ identity }) => identity)

async function sendAll(person: Person, ...bodies: string[]): Promise<void> {
  for (const body of bodies) await person.send(body)
}

/* With somebody who gives final indices, and with nobody. */
for (const sequencer of [true, false]) {
  const mode = sequencer ? 'sent' : 'pending'

  describe(`of messages that are ${mode}`, () => {
    async function three() {
      const world = await chat({ alice: { sequencer }, bob: {}, carol: {} })
      await sendAll(world.alice, 'a0', 'a1', 'a2')
      await world.network.settle()
      await sendAll(world.bob, 'b3')
      await world.network.settle()
      return world
    }

    it('all of others are unread to who has read nothing, and own ones never are', async () => {
      const { alice, bob, carol } = await three()
      const counts = [alice, bob, carol].map(({ conversation }) => conversation.unreadCount)
      expect(counts).toEqual([1, 3, 4])
      for (const { conversation } of [alice, bob, carol]) {
        expect(await conversation.getUnreadMessagesCount()).toBeNull()
        expect(conversation.lastReadMessageIndex).toBeNull()
      }
      expect((await bob.messages()).map(({ isRead }) => isRead)).toEqual([
        false,
        false,
        false,
        true,
      ])
      expect((await bob.messages()).map(one => bob.conversation.isRead(one))).toEqual([
        false,
        false,
        false,
        true,
      ])
    })

    it('advancing resolves to what is left, tells of it, and is seen by others', async () => {
      const { alice, bob, network } = await three()
      const told: number[] = []
      bob.conversation.on('unreadCountChanged', count => told.push(count))
      expect(await bob.conversation.advanceLastReadMessageIndex(0)).toBe(2)
      expect(await bob.conversation.getUnreadMessagesCount()).toBe(2)
      expect(await bob.conversation.advanceLastReadMessageIndex(1)).toBe(1)
      // Back is nowhere.
      expect(await bob.conversation.advanceLastReadMessageIndex(0)).toBe(1)
      expect(told).toEqual([2, 1])
      await network.settle()
      expect((await alice.messages()).map(names)).toEqual([['bob'], ['bob'], [], []])
    })

    it('advancing beyond the end reads what is there, and swallows nothing that comes', async () => {
      const { alice, bob, network } = await three()
      expect(await bob.conversation.advanceLastReadMessageIndex(1_000_000)).toBe(0)
      await network.settle()
      await alice.send('a4')
      await network.settle()
      expect(bob.conversation.unreadCount).toBe(1)
      expect((await bob.find('a4')).isRead).toBe(false)
      expect(names(await alice.find('a4'))).toEqual([])
      expect(names(await alice.find('a2'))).toEqual(['bob'])
      expect(await bob.conversation.updateLastReadMessageIndex(1_000_000)).toBe(0)
      await alice.send('a5')
      await network.settle()
      expect(bob.conversation.unreadCount).toBe(1)
    })

    it('setAllMessagesRead reads everything, setAllMessagesUnread nothing', async () => {
      const { alice, bob, network } = await three()
      expect(await bob.conversation.setAllMessagesRead()).toBe(0)
      expect(await bob.conversation.getUnreadMessagesCount()).toBe(0)
      await network.settle()
      // One's own messages one has not "read".
      expect((await alice.messages()).map(names)).toEqual([['bob'], ['bob'], ['bob'], []])
      expect(await bob.conversation.setAllMessagesUnread()).toBeNull()
      expect(bob.conversation.unreadCount).toBe(3)
      expect(bob.conversation.lastReadMessageIndex).toBeNull()
      expect(await bob.conversation.getUnreadMessagesCount()).toBeNull()
      await network.settle()
      expect((await alice.messages()).map(names)).toEqual([[], [], [], []])
    })

    it('updating goes back, and forward', async () => {
      const { bob } = await three()
      const { conversation } = bob
      expect(await conversation.updateLastReadMessageIndex(2)).toBe(0)
      expect(await conversation.updateLastReadMessageIndex(0)).toBe(2)
      expect(conversation.unreadCount).toBe(2)
      expect((await bob.messages()).map(({ isRead }) => isRead)).toEqual([true, false, false, true])
      expect(await conversation.updateLastReadMessageIndex(1)).toBe(1)
      expect(await conversation.updateLastReadMessageIndex(null)).toBeNull()
      expect(conversation.unreadCount).toBe(3)
    })

    it('what was read stays read after a restart, and marked unread stays unread', async () => {
      const { bob, network } = await three()
      await bob.conversation.advanceLastReadMessageIndex(1)
      await bob.restart()
      expect(bob.conversation.unreadCount).toBe(1)
      await network.settle()
      await bob.conversation.updateLastReadMessageIndex(0)
      await bob.restart()
      expect(bob.conversation.unreadCount).toBe(2)
      await network.settle()
      expect(bob.conversation.unreadCount).toBe(2)
    })

    it('removed ones are not counted, read or unread', async () => {
      const { alice, bob, carol, network } = await three()
      await carol.conversation.advanceLastReadMessageIndex(0)
      await (await alice.find('a0')).remove()
      await (await alice.find('a2')).remove()
      await network.settle()
      const counts = [alice, bob, carol].map(({ conversation }) => conversation.unreadCount)
      expect(counts).toEqual([1, 1, 2])
      for (const { conversation } of [alice, bob, carol]) {
        expect(await conversation.getMessagesCount()).toBe(2)
      }
      await bob.restart()
      await network.settle()
      expect(bob.conversation.unreadCount).toBe(1)
      expect(await bob.conversation.getMessagesCount()).toBe(2)
    })

    it('what another device of the user reads is read here, and what it writes is not unread', async () => {
      const { phone, laptop, bob, network } = await chat({
        phone: { identity: 'alice', sequencer },
        laptop: { identity: 'alice' },
        bob: {},
      })
      await sendAll(bob, 'b0', 'b1')
      await network.settle()
      await phone.send('a2')
      await network.settle()
      expect(laptop.conversation.unreadCount).toBe(2)
      expect((await laptop.find('a2')).isRead).toBe(true)
      await phone.conversation.advanceLastReadMessageIndex(0)
      await network.settle()
      expect(laptop.conversation.unreadCount).toBe(1)
      network.partition([['phone'], ['laptop', 'bob']])
      await phone.conversation.setAllMessagesRead()
      await laptop.conversation.setAllMessagesUnread()
      network.heal()
      await network.settle()
      expect(phone.conversation.unreadCount).toBe(2)
      expect(laptop.conversation.unreadCount).toBe(2)
    })
  })
}

describe('without messages', () => {
  it('there is nothing to read: counts are 0, and reading all writes nothing', async () => {
    const { alice } = await chat({ alice: {} })
    const { conversation } = alice
    expect(conversation.unreadCount).toBe(0)
    expect(await conversation.getUnreadMessagesCount()).toBeNull()
    expect(await conversation.setAllMessagesRead()).toBe(0)
    expect(conversation.lastReadMessageIndex).toBeNull()
    expect(await conversation.getMessagesCount()).toBe(0)
    expect(conversation.lastMessage).toBeUndefined()
  })
})

describe('who is no participant', () => {
  it('has nothing to read, and cannot', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    await alice.send('a')
    await network.settle()
    const told: number[] = []
    bob.conversation.on('unreadCountChanged', count => told.push(count))
    expect(bob.conversation.unreadCount).toBe(1)
    await bob.conversation.leave()
    expect(bob.conversation.unreadCount).toBe(0)
    await bob.conversation.join()
    expect(bob.conversation.unreadCount).toBe(1)
    expect(told).toEqual([0, 1])
  })
})
