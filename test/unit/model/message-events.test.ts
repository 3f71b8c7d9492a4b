import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Message } from '../../../src/model/message.ts'
import { chat, heard } from '../../support/chat.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

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

describe('a listener', () => {
  it('that throws harms nobody, neither the sender nor other listeners nor the document', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    for (const { conversation, device } of [alice, bob]) {
      for (const event of ['messageAdded', 'messageUpdated', 'unreadCountChanged'] as const) {
        conversation.on(event, () => {
          throw new Error('of the app')
        })
      }
      device.client.on('messageAdded', () => {
        throw new Error('of the app')
      })
    }
    const log = heard(bob)
    const sending = Promise.all([alice.send('a'), alice.send('b')])
    await network.settle()
    expect(await sending).toEqual([0, 1])
    expect(log.filter(line => line.startsWith('added'))).toEqual(['added 0 a', 'added 1 b'])
    expect(bob.conversation.unreadCount).toBe(2)
  })

  it('that answers is heard after everybody has heard what it answers to', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    bob.conversation.on('messageAdded', ({ body }) => {
      if (body === 'ping') void bob.send('pong')
    })
    const log = heard(bob)
    await alice.send('ping')
    await network.settle()
    const added = log.filter(line => line.includes('added'))
    expect(added).toEqual([
      'client added 0 ping',
      'added 0 ping',
      'client added 1 pong',
      'added 1 pong',
    ])
    expect(await alice.bodies()).toEqual(['ping', 'pong'])
    expect(bob.conversation.unreadCount).toBe(1)
    expect(alice.conversation.unreadCount).toBe(1)
  })

  it('that sends to its own message goes on for as long as it wants to, and all are there', async () => {
    const { alice, network } = await chat({ alice: { sequencer: true } })
    alice.conversation.on('messageAdded', ({ index }) => {
      if (index < 50) void alice.send(`${index + 1}`)
    })
    await alice.send('0')
    await network.settle()
    expect(await alice.bodies()).toEqual(Array.from({ length: 51 }, (_, i) => `${i}`))
  })

  it('that reads ends at no unread message, and is told so', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    bob.conversation.on('messageAdded', ({ index }) => {
      void bob.conversation.advanceLastReadMessageIndex(index)
    })
    const counts: number[] = []
    bob.conversation.on('unreadCountChanged', count => counts.push(count))
    for (const body of ['a', 'b', 'c']) void alice.send(body)
    await network.settle()
    expect(bob.conversation.unreadCount).toBe(0)
    expect(counts.at(-1) ?? 0).toBe(0)
    expect((await alice.find('c')).readBy.map(({ identity }) => identity)).toEqual(['bob'])
  })

  it('that removes, edits or closes leaves everything in order', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    // What a listener does shows at once, to those who hear after it too.
    alice.conversation.once('messageAdded', message => void message.remove())
    const log = heard(alice)
    await alice.send('oops').catch(() => {})
    expect(log.filter(line => !line.startsWith('c'))).toEqual(['added 0 null', 'removed 0'])
    alice.conversation.once('messageAdded', message => void message.updateBody('better'))
    await alice.send('worse')
    await network.settle()
    expect(await bob.bodies()).toEqual(['better'])
    expect(await alice.bodies()).toEqual(['better'])
    let closing: Promise<void> | undefined
    bob.conversation.once('messageAdded', () => {
      closing = bob.conversation.close()
    })
    const late = heard(bob)
    await alice.send('last')
    await network.settle()
    await closing
    expect(late.filter(line => line.includes('unread'))).toEqual([])
  })

  it('on a message hears of it alone, as the conversation does', async () => {
    const { alice } = await chat({ alice: {} })
    await alice.send('a')
    await alice.send('b')
    const [a, b] = (await alice.messages()) as [Message, Message]
    const payloads: unknown[] = []
    a.on('updated', update => payloads.push(update))
    b.on('updated', () => payloads.push('b'))
    alice.conversation.on('messageUpdated', update => payloads.push(update))
    alice.device.client.on('messageUpdated', update => payloads.push(update))
    await a.updateBody('A')
    expect(payloads.length).toBe(3)
    expect(new Set(payloads).size).toBe(1)
    expect(payloads[0]).toMatchObject({ message: a })
    expect(Object.isFrozen(payloads[0])).toBe(true)
  })
})
