import { describe, expect, it, vi } from 'vitest'
import { chat, heard } from '../../support/chat.ts'

describe('events of messages', () => {
  it('come on the client and the conversation, with the count and the last message behind', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    const own = heard(alice)
    const others = heard(bob)
    await alice.send('hi')
    await network.settle()
    expect(own).toEqual(['client added 0 hi', 'added 0 hi', 'conversation: lastMessage'])
    expect(others).toEqual([
      'client added 0 hi',
      'added 0 hi',
      'unread 1',
      'conversation: lastMessage',
    ])
  })

  it('are told when the state is complete', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    const seen: unknown[] = []
    const look = () => {
      const { unreadCount, lastMessage } = bob.conversation
      seen.push([unreadCount, lastMessage?.index])
    }
    bob.conversation.on('messageAdded', look)
    bob.conversation.on('unreadCountChanged', look)
    bob.conversation.on('updated', look)
    alice.conversation.disconnect()
    await Promise.all([alice.send('a'), alice.send('b')])
    alice.conversation.connect()
    await network.settle()
    expect(seen).toEqual(Array.from({ length: 4 }, () => [2, 1]))
  })

  it('tell of a message that makes room for another, and then is sent, each once', async () => {
    const { alice, bob, carol, network } = await chat({
      alice: {},
      bob: { sequencer: true },
      carol: {},
    })
    await alice.send('zero')
    await network.settle()
    network.partition([['alice', 'carol'], ['bob']])
    const sending = alice.send('mine')
    await network.settle()
    await bob.send('theirs')
    await network.settle()
    const logs = [heard(alice), heard(carol)]
    network.heal()
    await network.settle()
    await sending
    for (const log of logs) {
      expect(log.filter(line => line.includes('client') && line.includes('mine'))).toEqual([
        'client updated mine: index',
        'client updated mine: deliveryState',
      ])
      expect(log.filter(line => line.includes('client added'))).toEqual(['client added 1 theirs'])
      expect(log.filter(line => line === 'conversation: lastMessage').length).toBeLessThan(4)
    }
    expect(logs[1]?.filter(line => line.startsWith('unread'))).toEqual(['unread 3'])
  })

  it('tell of typing that ended before the message, of the same author only', async () => {
    const { alice, bob, carol, network } = await chat({ alice: {}, bob: {}, carol: {} })
    await alice.conversation.typing()
    await carol.conversation.typing()
    await network.settle()
    const log = heard(bob)
    let isTyping: unknown
    bob.conversation.on('messageAdded', async message => {
      isTyping = bob.conversation.isTyping(await message.getParticipant())
    })
    await alice.send('hi')
    await network.settle()
    expect(log.slice(0, 4)).toEqual([
      'client typingEnded alice',
      'typingEnded alice',
      'client added 0 hi',
      'added 0 hi',
    ])
    expect(isTyping).toBe(false)
    expect((await bob.conversation.getParticipantByIdentity('carol'))?.isTyping).toBe(true)
    // Somebody who types again right after sending is seen.
    const started = vi.fn()
    bob.conversation.on('typingStarted', started)
    await alice.conversation.typing()
    await network.settle()
    expect(started).toHaveBeenCalledOnce()
  })

  it('tell once that typing has ended, though the message comes before word of that', async () => {
    const { phone, laptop, bob, network } = await chat({
      phone: { identity: 'alice' },
      laptop: { identity: 'alice' },
      bob: {},
    })
    await phone.conversation.typing()
    await network.settle()
    const log = heard(bob)
    await laptop.send('hi')
    await network.settle()
    phone.device.clock.advance(10_000)
    bob.device.clock.advance(10_000)
    await network.settle()
    expect(log.slice(0, 3)).toEqual([
      'client typingEnded alice',
      'typingEnded alice',
      'client added 0 hi',
    ])
    expect(log.filter(line => line === 'typingEnded alice').length).toBe(1)
  })

  it('come once each, however often updates arrive', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    const log = heard(alice)
    for (const body of ['a', 'b', 'c']) void alice.send(body)
    await network.settle()
    for (let i = 0; i < 3; i++) {
      network.partition([['alice'], ['bob']])
      network.heal()
      await network.settle()
    }
    expect(log.filter(line => line.startsWith('added'))).toEqual([
      'added 0 a',
      'added 1 b',
      'added 2 c',
    ])
    expect(
      log.filter(line => line.startsWith('updated')).every(line => line.endsWith('deliveryState')),
    ).toBe(true)
    expect(await bob.bodies()).toEqual(['a', 'b', 'c'])
  })

  it('tell nothing of what was loaded from storage', async () => {
    const { alice, bob, network } = await chat({ alice: { sequencer: true }, bob: {} })
    await alice.send('a')
    await bob.send('b')
    await network.settle()
    bob.device.crash()
    bob.device.client.disconnect()
    await bob.open()
    const log = heard(bob)
    expect(bob.conversation.unreadCount).toBe(1)
    expect(bob.conversation.lastMessage?.index).toBe(1)
    expect(await bob.bodies()).toEqual(['a', 'b'])
    bob.device.client.connect()
    await network.settle()
    expect(log).toEqual([])
  })

  it('tell of what came while this device was away', async () => {
    const { alice, bob, network } = await chat({ alice: { sequencer: true }, bob: {} })
    await alice.send('a')
    await network.settle()
    bob.device.crash()
    await alice.send('b')
    await network.settle()
    bob.device.client.disconnect()
    await bob.open()
    const log = heard(bob)
    bob.device.client.connect()
    await network.settle()
    // How many there are may be known before they are here.
    expect(log.filter(line => !line.startsWith('client')).toSorted()).toEqual([
      'added 1 b',
      'conversation: lastMessage',
      'unread 2',
    ])
  })
})
