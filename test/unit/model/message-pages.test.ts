import { describe, expect, it, onTestFinished } from 'vitest'
import type { Message } from '../../../src/model/message.ts'
import type { Paginator } from '../../../src/model/paginator.ts'
import { chat, Person } from '../../support/chat.ts'

const bodiesOf = ({ items }: Paginator<Message>) => items.map(({ body }) => body)
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${from + i}`)

async function count(n: number, sequencer: boolean) {
  const { alice, bob, network } = await chat({ alice: { sequencer }, bob: {} })
  await Promise.all(numbers(0, n).map(body => alice.send(body)))
  await network.settle()
  return { alice, bob, network, conversation: bob.conversation }
}

describe.each([
  { who: 'that have their final index', sequencer: true },
  { who: 'that are pending', sequencer: false },
])('pages of messages $who', ({ sequencer }) => {
  it('end at the end, with 30, in ascending order', async () => {
    const { conversation } = await count(35, sequencer)
    const page = await conversation.getMessages()
    expect(bodiesOf(page)).toEqual(numbers(5, 35))
    expect([page.hasPrevPage, page.hasNextPage]).toEqual([true, false])
    const first = await page.prevPage()
    expect(bodiesOf(first)).toEqual(numbers(0, 5))
    expect([first.hasPrevPage, first.hasNextPage]).toEqual([false, true])
    expect(bodiesOf(await first.nextPage())).toEqual(numbers(5, 35))
    await expect(page.nextPage()).rejects.toThrow('No next page')
    await expect(first.prevPage()).rejects.toThrow('No previous page')
    await expect(first.prevPage()).rejects.toMatchObject({ code: 'not-found' })
  })

  it('include their anchor, in both directions', async () => {
    const { conversation } = await count(10, sequencer)
    const back = await conversation.getMessages(3, 5)
    expect(bodiesOf(back)).toEqual(['3', '4', '5'])
    expect(bodiesOf(await back.prevPage())).toEqual(['0', '1', '2'])
    expect(bodiesOf(await back.nextPage())).toEqual(['6', '7', '8'])
    const on = await conversation.getMessages(3, 5, 'forward')
    expect(bodiesOf(on)).toEqual(['5', '6', '7'])
    expect(bodiesOf(await on.nextPage())).toEqual(['8', '9'])
    expect((await on.nextPage()).hasNextPage).toBe(false)
    // What is before is older, whichever the direction was.
    expect(bodiesOf(await on.prevPage())).toEqual(['2', '3', '4'])
    expect(bodiesOf(await conversation.getMessages(3, 0))).toEqual(['0'])
    expect(bodiesOf(await conversation.getMessages(3, 0, 'forward'))).toEqual(['0', '1', '2'])
  })

  it('reach every message once when one goes through them, whatever their size', async () => {
    const { conversation } = await count(10, sequencer)
    for (const size of [1, 3, 5, 10, 11]) {
      let page = await conversation.getMessages(size)
      const back = [bodiesOf(page)]
      while (page.hasPrevPage) {
        page = await page.prevPage()
        back.unshift(bodiesOf(page))
      }
      expect(back.flat()).toEqual(numbers(0, 10))
      const on = [bodiesOf(page)]
      while (page.hasNextPage) {
        page = await page.nextPage()
        on.push(bodiesOf(page))
      }
      expect(on.flat()).toEqual(numbers(0, 10))
    }
  })

  it('leave out removed messages, and are as long as they are asked to be', async () => {
    const { alice, conversation, network } = await count(10, sequencer)
    for (const body of ['0', '4', '5', '9']) await (await alice.find(body)).remove()
    await network.settle()
    const page = await conversation.getMessages(3)
    expect(bodiesOf(page)).toEqual(['6', '7', '8'])
    expect(page.hasNextPage).toBe(false)
    const prev = await page.prevPage()
    expect(bodiesOf(prev)).toEqual(['1', '2', '3'])
    expect(bodiesOf(await prev.nextPage())).toEqual(['6', '7', '8'])
    expect(bodiesOf(await conversation.getMessages(3, 4, 'forward'))).toEqual(['6', '7', '8'])
    expect(bodiesOf(await conversation.getMessages(3, 4))).toEqual(['1', '2', '3'])
    expect(await conversation.getMessagesCount()).toBe(6)
  })

  it('do not offer a page where all that is left was removed', async () => {
    const { alice, conversation, network } = await count(6, sequencer)
    for (const body of ['0', '1', '4', '5']) await (await alice.find(body)).remove()
    await network.settle()
    const page = await conversation.getMessages(2)
    expect(bodiesOf(page)).toEqual(['2', '3'])
    expect([page.hasPrevPage, page.hasNextPage]).toEqual([false, false])
  })

  it('stay as they are, while the messages on them change and others come', async () => {
    const { alice, conversation, network } = await count(3, sequencer)
    const page = await conversation.getMessages()
    const { items } = page
    await alice.send('3')
    await network.settle()
    expect(page.items).toBe(items)
    expect(items.length).toBe(3)
    await (await alice.find('1')).updateBody('one')
    await network.settle()
    expect(bodiesOf(page)).toEqual(['0', 'one', '2'])
    expect((await conversation.getMessages()).items.slice(0, 3)).toEqual(items)
    expect((await conversation.getMessages()).items[0]).toBe(items[0])
  })
})

describe('a page', () => {
  it('of nothing is empty, and resolves', async () => {
    const { alice } = await chat({ alice: {} })
    for (const args of [
      [],
      [10, 0],
      [10, 5],
      [10, 5, 'forward'],
      [10, 'end', 'forward'],
    ] as const) {
      const page = await alice.conversation.getMessages(...(args as []))
      expect(page.items).toEqual([])
      expect([page.hasPrevPage, page.hasNextPage]).toEqual([false, false])
    }
  })

  it('from beyond the end is that of the end, or nothing', async () => {
    const { conversation } = await count(5, true)
    expect(bodiesOf(await conversation.getMessages(2, 1000))).toEqual(['3', '4'])
    const beyond = await conversation.getMessages(2, 1000, 'forward')
    expect(beyond.items).toEqual([])
    expect(beyond.hasNextPage).toBe(false)
    expect(bodiesOf(await beyond.prevPage())).toEqual(['3', '4'])
  })

  it('has the end of the log and what is pending behind it', async () => {
    const { alice, conversation, network, bob } = await count(4, true)
    network.partition([['alice'], ['bob']])
    for (const body of ['4', '5']) await bob.send(body)
    const page = await conversation.getMessages(4)
    expect(bodiesOf(page)).toEqual(['2', '3', '4', '5'])
    expect(page.items.map(({ deliveryState }) => deliveryState)).toEqual([
      'sent',
      'sent',
      'pending',
      'pending',
    ])
    expect(bodiesOf(await conversation.getMessages(3, 3, 'forward'))).toEqual(['3', '4', '5'])
    expect(bodiesOf(await conversation.getMessages(3, 4))).toEqual(['2', '3', '4'])
    expect(await conversation.getMessagesCount()).toBe(6)
    network.heal()
    await network.settle()
    expect(await alice.bodies()).toEqual(numbers(0, 6))
    expect(page.items.map(({ index }) => index)).toEqual([2, 3, 4, 5])
  })

  it('waits for what is on its way to a device that has nothing yet', async () => {
    const { network } = await count(40, true)
    const carol = new Person(network, 'carol', {})
    onTestFinished(() => carol.device.close())
    await carol.open()
    expect(bodiesOf(await carol.conversation.getMessages(3))).toEqual(['37', '38', '39'])
  })

  it('waits no longer than it may, and not at all offline', async () => {
    const { alice, network } = await count(40, true)
    const carol = new Person(network, 'carol', {})
    onTestFinished(() => carol.device.close())
    carol.device.client.disconnect()
    await carol.open()
    expect(bodiesOf(await carol.conversation.getMessages())).toEqual([])
    alice.device.crash()
    network.partition([['bob'], ['carol', 'alice']])
    carol.device.client.connect()
    await network.settle()
    const reading = carol.conversation.getMessages()
    await network.settle()
    carol.device.clock.advance(5000)
    expect(bodiesOf(await reading)).toEqual([])
  })
})

describe('across 1,000', () => {
  it('messages are on several pages of the log, and paginators do not show it', async () => {
    const total = 2500
    const { alice, bob, network, conversation } = await count(total, true)
    expect(await conversation.getMessagesCount()).toBe(total)
    expect(conversation.unreadCount).toBe(total)
    expect(conversation.lastMessage?.index).toBe(total - 1)
    expect(await bob.bodies()).toEqual(numbers(0, total))
    expect(bodiesOf(await conversation.getMessages(4, 1001))).toEqual(numbers(998, 1002))
    expect(bodiesOf(await conversation.getMessages(4, 998, 'forward'))).toEqual(numbers(998, 1002))
    expect(bodiesOf(await conversation.getMessages(1, 999))).toEqual(['999'])
    expect(bodiesOf(await conversation.getMessages(1, 1000))).toEqual(['1000'])

    // After a restart only the newest page is open.
    bob.device.crash()
    bob.device.client.disconnect()
    await bob.open()
    expect(bob.conversation.unreadCount).toBe(total)
    expect(bodiesOf(await bob.conversation.getMessages(2, 500))).toEqual(['499', '500'])
    bob.device.client.connect()
    const old = (await bob.conversation.getMessages(1, 500)).items[0] as Message
    await bob.conversation.advanceLastReadMessageIndex(1200)
    expect(bob.conversation.unreadCount).toBe(total - 1201)
    expect(bob.conversation.unreadCount).toBe(await bob.conversation.getUnreadMessagesCount())
    // Everything may be done to old ones.
    await (await alice.find('500')).updateBody('changed')
    await (await alice.find('1300')).remove()
    await network.settle()
    expect(old.body).toBe('changed')
    expect(bob.conversation.unreadCount).toBe(total - 1202)
    expect(await bob.conversation.getMessagesCount()).toBe(total - 1)
    const reading = bob.conversation.setAllMessagesRead()
    await network.settle()
    expect(await reading).toBe(0)
  })

  it('the thousandth message and the one after it come to those who are there, once each', async () => {
    const { alice, bob, network } = await count(998, true)
    const added: number[] = []
    bob.conversation.on('messageAdded', ({ index }) => added.push(index))
    for (const body of numbers(998, 1003)) await alice.send(body)
    await network.settle()
    expect(added).toEqual([998, 999, 1000, 1001, 1002])
    expect(bob.conversation.lastMessage?.index).toBe(1002)
    expect(bob.conversation.unreadCount).toBe(1003)
    const page = await bob.conversation.getMessages(4)
    expect(bodiesOf(page)).toEqual(numbers(999, 1003))
  })
})
