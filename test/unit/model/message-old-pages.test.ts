import { expect, it } from 'vitest'
import type { Message } from '../../../src/model/message.ts'
import { chat } from '../../support/chat.ts'

/* More pages than stay open. */
const PAGES = 11

async function long() {
  const { alice, bob, network } = await chat({ alice: { sequencer: true }, bob: {} })
  for (let page = 0; page < PAGES; page++) {
    await Promise.all(Array.from({ length: 1000 }, (_, i) => alice.send(`${page * 1000 + i}`)))
    await network.settle()
  }
  // From its storage: what others have closed cannot be had from them.
  await bob.restart()
  await network.settle()
  return { alice, bob, network }
}

it('old pages open when they are asked for, close again, and keep objects and what is done to them', async () => {
  const { alice, bob, network } = await long()
  const { conversation } = bob
  const total = PAGES * 1000
  expect(conversation.unreadCount).toBe(total)
  expect(conversation.lastMessage?.index).toBe(total - 1)
  const opened = () =>
    Array.from({ length: PAGES + 1 }, (_, i) =>
      bob.device.doc(`${conversation.sid}/m/${i}`),
    ).filter(doc => doc && !doc.isDestroyed).length
  expect(opened()).toBeLessThan(4)

  const [first] = (await conversation.getMessages(1, 0)).items as [Message]
  let page = await conversation.getMessages(500)
  const seen = page.items.map(({ index }) => index)
  while (page.hasPrevPage && seen.length < total) {
    page = await page.prevPage()
    seen.unshift(...page.items.map(({ index }) => index))
    expect(opened()).toBeLessThan(13)
  }
  expect(seen).toEqual(Array.from({ length: total }, (_, i) => i))
  expect((await conversation.getMessages(1, 0)).items[0]).toBe(first)

  // Away from it, until its page is closed.
  for (let i = 1; i < PAGES; i++) await conversation.getMessages(1, i * 1000 + 5)
  await (await alice.conversation.getMessages(1, 0)).items[0]?.updateAttributes({ star: 1 })
  await network.settle()
  expect((await conversation.getMessages(1, 0)).items[0]).toBe(first)
  expect(first.attributes).toEqual({ star: 1 })
  for (let i = 1; i < PAGES; i++) await conversation.getMessages(1, i * 1000 + 5)
  await first.updateBody('changed')
  expect(first.body).toBe('changed')
  await network.settle()
  expect((await alice.conversation.getMessages(1, 0)).items[0]?.body).toBe('changed')
  await first.remove()
  await network.settle()
  expect(await alice.conversation.getMessagesCount()).toBe(total - 1)
  expect(await conversation.getMessagesCount()).toBe(total - 1)
  expect(conversation.unreadCount).toBe(total - 1)
  expect(await conversation.advanceLastReadMessageIndex(1)).toBe(total - 2)
  expect(await conversation.advanceLastReadMessageIndex(5500)).toBe(total - 5501)
}, 60_000)
