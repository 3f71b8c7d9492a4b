import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Message } from '../../../src/model/message.ts'
import { chat, heard } from '../../support/chat.ts'

afterEach(() => {
  vi.restoreAllMocks()
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
