import { describe, expect, it, vi } from 'vitest'
import { messageSid, participantSid } from '../../../src/base/ids.ts'
import { Client } from '../../../src/client/client.ts'
import type { Message } from '../../../src/model/message.ts'
import { chat, heard } from '../../support/chat.ts'

describe('a message', () => {
  it('is there in the very turn in which it is sent, and says what was given', async () => {
    const { alice } = await chat({ alice: {} })
    const { conversation } = alice
    const added: Message[] = []
    conversation.on('messageAdded', message => added.push(message))
    const sending = conversation.sendMessage('hello', { stars: [1] }, { subject: 'greeting' })
    expect(added.length).toBe(1)
    const message = added[0] as Message
    expect(message).toMatchObject({
      conversation,
      index: 0,
      author: 'alice',
      body: 'hello',
      subject: 'greeting',
      attributes: { stars: [1] },
      type: 'text',
      deliveryState: 'pending',
      lastUpdatedBy: null,
      isRead: true,
      readBy: [],
      participantSid: participantSid(conversation.sid, 'alice'),
    })
    expect(message.sid).toMatch(/^IM[0-9a-f]{32}$/)
    expect(message.sid).toBe(messageSid(conversation.sid, message.entry.key))
    const now = alice.device.clock.now()
    expect([message.dateCreated?.getTime(), message.dateUpdated?.getTime()]).toEqual([now, now])
    expect(await message.getParticipant()).toBe(
      await conversation.getParticipantByIdentity('alice'),
    )
    expect(conversation.lastMessage).toEqual({ index: 0, dateCreated: new Date(now) })
    expect(await sending).toBe(0)
  })

  it('without anything is null, has no subject, and {} as attributes', async () => {
    const { alice } = await chat({ alice: {} })
    await alice.conversation.sendMessage(null)
    const [message] = await alice.messages()
    expect(message).toMatchObject({ body: null, subject: null, attributes: {}, type: 'text' })
    expect(message?.attachedMedia).toEqual([])
  })

  it('keeps whatever attributes JSON can say, null and falsy ones too', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    const values = [null, 0, false, '', [], [null], 'x', { a: { b: [1, { c: null }] } }]
    for (const value of values) await alice.conversation.sendMessage('x', value)
    await network.settle()
    expect((await bob.messages()).map(({ attributes }) => attributes)).toEqual(values)
  })

  it('has the same sid on every device, pending and sent, and is one object all the time', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    alice.conversation.disconnect()
    await alice.send('one')
    const [message] = await alice.messages()
    const { sid } = message as Message
    alice.conversation.connect()
    await network.settle()
    expect(message?.deliveryState).toBe('sent')
    expect((await alice.messages())[0]).toBe(message)
    expect(message?.sid).toBe(sid)
    expect((await bob.messages())[0]?.sid).toBe(sid)
    await alice.restart()
    expect((await alice.messages())[0]?.sid).toBe(sid)
  })

  it('keeps its author, who left, as a name', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    await alice.send('bye')
    await network.settle()
    const message = await bob.find('bye')
    await alice.conversation.leave()
    await network.settle()
    expect(message.author).toBe('alice')
    await expect(message.getParticipant()).rejects.toThrow(
      `Participant with SID '${message.participantSid}' or identity 'alice' was not found`,
    )
    await bob.conversation.add('alice')
    expect((await message.getParticipant()).identity).toBe('alice')
  })
})

describe('sending', () => {
  it('resolves at once to a provisional index where nobody gives final ones', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    expect(await Promise.all([alice.send('a'), alice.send('b'), alice.send('c')])).toEqual([
      0, 1, 2,
    ])
    await network.settle()
    expect(await bob.send('d')).toBe(3)
    await network.settle()
    for (const one of [alice, bob]) {
      expect(await one.bodies()).toEqual(['a', 'b', 'c', 'd'])
      expect((await one.messages()).map(({ index }) => index)).toEqual([0, 1, 2, 3])
    }
  })

  it('resolves to the final index where somebody gives them', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    await bob.send('first')
    await network.settle()
    const sending = alice.send('second')
    expect((await alice.find('second')).deliveryState).toBe('pending')
    await network.settle()
    expect(await sending).toBe(1)
    expect((await alice.find('second')).deliveryState).toBe('sent')
  })

  it('resolves in bounded time where who gives indices does not answer', async () => {
    const { alice, bob, carol, network } = await chat({
      alice: {},
      bob: { sequencer: true },
      carol: {},
    })
    await bob.send('first')
    await network.settle()
    network.partition([['alice', 'carol'], ['bob']])
    const done = vi.fn()
    const sending = alice.send('second').then(done)
    await network.settle()
    expect(done).not.toHaveBeenCalled()
    alice.device.clock.advance(4999)
    await network.settle()
    expect(done).not.toHaveBeenCalled()
    alice.device.clock.advance(1)
    await sending
    expect(done).toHaveBeenCalledWith(1)
    // Those who were told that nobody is there do not wait again.
    expect(await alice.send('third')).toBe(2)
    await network.settle()
    expect(await carol.bodies()).toEqual(['first', 'second', 'third'])
    network.heal()
    await network.settle()
    expect((await bob.messages()).map(({ index }) => index)).toEqual([0, 1, 2])
  })

  it('does not wait when the connection is lost meanwhile, nor when the conversation is closed', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    await bob.send('first')
    await network.settle()
    bob.device.crash()
    const sending = alice.send('second')
    alice.conversation.disconnect()
    expect(await sending).toBe(1)
    alice.conversation.connect()
    const last = alice.send('third')
    await alice.conversation.close()
    expect(await last).toBe(2)
    expect(alice.device.errors).toEqual([])
  })

  it('works with neither storage nor network', async () => {
    const client = new Client({ identity: 'alice' })
    const conversation = await client.openConversation('room')
    await conversation.join()
    expect(await conversation.sendMessage('to nobody')).toBe(0)
    expect((await conversation.getMessages()).items[0]?.deliveryState).toBe('pending')
    expect(await conversation.getMessagesCount()).toBe(1)
    await client.close()
  })

  it('in reverse time keeps the order, not that of the clocks', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { skewMs: -86_400_000 } })
    await alice.send('question')
    await network.settle()
    await bob.send('answer')
    await network.settle()
    expect(await alice.bodies()).toEqual(['question', 'answer'])
    expect(await bob.bodies()).toEqual(['question', 'answer'])
  })
})

describe('offline', () => {
  it('messages are pending, also after a restart, and sent once when there is a network', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    await bob.send('zero')
    await network.settle()
    alice.device.client.disconnect()
    expect(await alice.send('one')).toBe(1)
    alice.device.crash()
    alice.device.client.disconnect()
    await alice.open()
    const log = heard(alice)
    expect(await alice.bodies()).toEqual(['zero', 'one'])
    const message = await alice.find('one')
    expect(message).toMatchObject({ index: 1, deliveryState: 'pending' })
    expect(log).toEqual([])
    await bob.send('meanwhile')
    alice.device.client.connect()
    await network.settle()
    expect(message).toMatchObject({ index: 2, deliveryState: 'sent' })
    for (const one of [alice, bob]) {
      expect(await one.bodies()).toEqual(['zero', 'meanwhile', 'one'])
    }
  })

  it('messages that two write apart are in one order for both', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: {} })
    network.partition([['alice'], ['bob']])
    for (const body of ['a1', 'a2', 'a3']) await alice.send(body)
    for (const body of ['b1', 'b2']) await bob.send(body)
    network.heal()
    await network.settle()
    const bodies = await alice.bodies()
    expect(await bob.bodies()).toEqual(bodies)
    expect(bodies.filter(body => body?.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
    expect(bodies.filter(body => body?.startsWith('b'))).toEqual(['b1', 'b2'])
    expect((await alice.messages()).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
  })
})
