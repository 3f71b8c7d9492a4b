import { describe, expect, it } from 'vitest'
import type { JSONValue } from '../../../src/base/json.ts'
import type { MessageUpdateReason } from '../../../src/schema/messages/message-entry.ts'
import { chat } from '../../support/chat.ts'

describe.each([
  { who: 'a message in the log', sequencer: true },
  { who: 'a message that is pending', sequencer: false },
])('$who', ({ sequencer }) => {
  async function two() {
    const world = await chat({ alice: { skewMs: 1000 }, bob: { sequencer } })
    await world.alice.conversation.sendMessage('hello', { likes: {} })
    await world.network.settle()
    const mine = await world.alice.find('hello')
    const theirs = await world.bob.find('hello')
    const reasons: MessageUpdateReason[][] = []
    world.bob.conversation.on('messageUpdated', update => reasons.push(update.updateReasons))
    return { ...world, mine, theirs, reasons }
  }

  it('is edited at once, resolves to itself, and says by whom and when', async () => {
    const { alice, mine, theirs, network, reasons } = await two()
    alice.device.clock.advance(5000)
    const editing = mine.updateBody('hi')
    expect(mine.body).toBe('hi')
    expect(await editing).toBe(mine)
    await network.settle()
    for (const one of [mine, theirs]) {
      expect(one).toMatchObject({ body: 'hi', lastUpdatedBy: 'alice', attributes: { likes: {} } })
      expect(one.dateUpdated?.getTime()).toBe(alice.device.clock.now())
    }
    expect(theirs.dateCreated?.getTime()).toBe(alice.device.clock.now() - 5000)
    expect(reasons).toEqual([['body', 'lastUpdatedBy', 'dateUpdated']])
    await mine.updateBody(null)
    await network.settle()
    expect(theirs.body).toBeNull()
  })

  it('that is given what it has is not written, and not told of', async () => {
    const { alice, bob, mine, theirs, network, reasons } = await two()
    const doc = alice.device.doc(`${alice.conversation.sid}/o`)
    let updates = 0
    doc.on('update', () => updates++)
    const { attributes } = theirs
    await mine.updateBody('hello')
    await mine.updateAttributes({ likes: {} })
    await network.settle()
    expect(updates).toBe(0)
    expect(reasons).toEqual([])
    expect(theirs.attributes).toBe(attributes)
    expect(theirs.lastUpdatedBy).toBeNull()
    expect(await bob.bodies()).toEqual(['hello'])
  })

  it('has the reactions of two people who give them at the same time', async () => {
    const { mine, theirs, network } = await two()
    network.partition([['alice'], ['bob']])
    await mine.updateAttributes({ likes: { alice: '♥' } })
    await theirs.updateAttributes({ likes: { bob: '👍' } })
    expect(mine.attributes).toEqual({ likes: { alice: '♥' } })
    network.heal()
    await network.settle()
    const both = { likes: { alice: '♥', bob: '👍' } }
    expect(mine.attributes).toEqual(both)
    expect(theirs.attributes).toEqual(both)
    expect(Object.isFrozen(mine.attributes)).toBe(true)
    // And one of them takes it back.
    await theirs.updateAttributes({ likes: { alice: '♥' } })
    await network.settle()
    expect(mine.attributes).toEqual({ likes: { alice: '♥' } })
  })

  it('has the list elements of two people, too, and of two devices of one', async () => {
    const { phone, laptop, network } = await chat({
      phone: { identity: 'alice' },
      laptop: { identity: 'alice', sequencer },
    })
    await phone.conversation.sendMessage('hello', { reactions: ['x'] })
    await network.settle()
    const one = await phone.find('hello')
    const two = await laptop.find('hello')
    network.partition([['phone'], ['laptop']])
    await one.updateAttributes({ reactions: ['x', '♥'] })
    await two.updateAttributes({ reactions: ['x', '👍'] })
    network.heal()
    await network.settle()
    const { reactions } = one.attributes as { reactions: string[] }
    expect(reactions[0]).toBe('x')
    expect(reactions.slice(1).toSorted()).toEqual(['♥', '👍'])
    expect(two.attributes).toEqual(one.attributes)
  })

  it('keeps both edits of one person and reactions of another, after a restart too', async () => {
    const { alice, bob, mine, theirs, network } = await two()
    network.partition([['alice'], ['bob']])
    await mine.updateBody('edited')
    await mine.updateAttributes({ likes: {}, edited: true })
    await theirs.updateAttributes({ likes: { bob: 1 } })
    await alice.restart()
    const again = await alice.find('edited')
    expect(again.attributes).toEqual({ likes: {}, edited: true })
    network.heal()
    await network.settle()
    for (const one of [again, theirs]) {
      expect(one.body).toBe('edited')
      expect(one.attributes).toEqual({ likes: { bob: 1 }, edited: true })
    }
    await bob.restart()
    await network.settle()
    expect((await bob.find('edited')).attributes).toEqual({ likes: { bob: 1 }, edited: true })
  })

  it('is gone for everybody when it is removed, and stays gone whatever others do to it', async () => {
    const { alice, bob, mine, theirs, network } = await two()
    await bob.send('second')
    await network.settle()
    const removed: unknown[] = []
    bob.conversation.on('messageRemoved', message => removed.push(message))
    network.partition([['alice'], ['bob']])
    await theirs.updateBody('too late')
    await theirs.updateAttributes({ likes: { bob: 1 } })
    expect(await mine.remove()).toBe(mine)
    network.heal()
    await network.settle()
    expect(removed).toEqual([theirs])
    for (const one of [mine, theirs]) {
      expect(one).toMatchObject({ body: null, attributes: {}, attachedMedia: [] })
      await expect(one.updateBody('x')).rejects.toMatchObject({ code: 'not-found' })
      await expect(one.updateAttributes({})).rejects.toThrow('The message was removed')
      await expect(one.remove()).rejects.toMatchObject({ code: 'not-found' })
    }
    for (const one of [alice, bob]) {
      expect(await one.bodies()).toEqual(['second'])
      // Its index stays taken.
      expect((await one.messages())[0]?.index).toBe(1)
      expect(await one.conversation.getMessagesCount()).toBe(1)
      await one.restart()
      await network.settle()
      expect(await one.bodies()).toEqual(['second'])
      expect(await one.conversation.getMessagesCount()).toBe(1)
    }
  })

  it('that two remove at the same time is removed once', async () => {
    const { alice, bob, mine, theirs, network } = await two()
    await bob.send('second')
    await network.settle()
    const removed: unknown[] = []
    bob.conversation.on('messageRemoved', message => removed.push(message))
    network.partition([['alice'], ['bob']])
    await Promise.all([mine.remove(), theirs.remove()])
    network.heal()
    await network.settle()
    expect(removed).toEqual([theirs])
    expect(await alice.conversation.getMessagesCount()).toBe(1)
    expect(await bob.conversation.getMessagesCount()).toBe(1)
    expect(alice.conversation.unreadCount).toBe(1)
    expect(bob.conversation.unreadCount).toBe(0)
  })

  it('can be anything in attributes, and what is given may be changed afterwards', async () => {
    const { mine, theirs, network } = await two()
    const values: JSONValue[] = [null, [], 'x', 0, [[1, { a: null }], 2], { a: { b: {} } }]
    for (const value of values) {
      await mine.updateAttributes(value)
      expect(mine.attributes).toEqual(value)
      await network.settle()
      expect(theirs.attributes).toEqual(value)
    }
    const given = { list: [1] }
    await mine.updateAttributes(given)
    given.list.push(2)
    expect(mine.attributes).toEqual({ list: [1] })
  })
})

describe('what is done offline', () => {
  it('to a message in the log shows at once, stays through a restart, and arrives', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    await alice.send('a')
    await alice.send('b')
    await network.settle()
    alice.device.client.disconnect()
    await (await alice.find('a')).updateBody('A')
    await (await alice.find('b')).remove()
    expect(await alice.bodies()).toEqual(['A'])
    alice.device.crash()
    alice.device.client.disconnect()
    await alice.open()
    expect(await alice.bodies()).toEqual(['A'])
    expect(await alice.conversation.getMessagesCount()).toBe(1)
    expect(await bob.bodies()).toEqual(['a', 'b'])
    alice.device.client.connect()
    await network.settle()
    for (const one of [alice, bob]) expect(await one.bodies()).toEqual(['A'])
  })

  it('to a message that was written offline goes with it', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    alice.device.client.disconnect()
    await alice.send('draft')
    await alice.send('mistake')
    const message = await alice.find('draft')
    await message.updateBody('final')
    await message.updateAttributes({ star: true })
    await (await alice.find('mistake')).remove()
    const added: unknown[] = []
    bob.conversation.on('messageAdded', ({ body, attributes }) => added.push([body, attributes]))
    alice.device.client.connect()
    await network.settle()
    expect(added).toEqual([['final', { star: true }]])
    expect(await bob.bodies()).toEqual(['final'])
    expect(message.deliveryState).toBe('sent')
    expect(bob.conversation.unreadCount).toBe(1)
  })
})
