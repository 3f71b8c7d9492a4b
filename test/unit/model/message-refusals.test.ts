import { beforeEach, describe, expect, it } from 'vitest'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { Message } from '../../../src/model/message.ts'
import type { Person } from '../../support/chat.ts'
import { bystander } from '../../support/refusal.ts'

let alice: Person
let conversation: Conversation
let message: Message
let log: string[]

const prepared = bystander()
const { refused } = prepared
beforeEach(() => {
  ;({ alice, conversation, message, log } = prepared)
})

describe('who is no participant', () => {
  beforeEach(async () => {
    await conversation.leave()
    log.length = 0
  })

  it.each([
    ['send', () => conversation.sendMessage('x')],
    ['send what is prepared', () => conversation.prepareMessage().setBody('x').buildAndSend()],
    ['edit', () => message.updateBody('x')],
    ['react', () => message.updateAttributes({ x: 1 })],
    ['remove', () => message.remove()],
    ['advance', () => conversation.advanceLastReadMessageIndex(0)],
    ['update', () => conversation.updateLastReadMessageIndex(0)],
    ['mark as unread', () => conversation.setAllMessagesUnread()],
    ['read all', () => conversation.setAllMessagesRead()],
    ['ask for a count', () => conversation.getUnreadMessagesCount()],
  ] as const)('cannot %s', async (_, call) => {
    expect((await refused(call)).code).toBe('not-a-participant')
  })

  it('can read', async () => {
    expect(await alice.bodies()).toEqual(['there'])
    expect(conversation.unreadCount).toBe(0)
    expect(await conversation.getMessagesCount()).toBe(1)
  })
})

describe('a closed conversation', () => {
  it.each([
    ['sendMessage', () => conversation.sendMessage('x')],
    ['sendMessage with media', () => conversation.sendMessage({ contentType: null, media: 'x' })],
    ['buildAndSend', () => conversation.prepareMessage().setBody('x').buildAndSend()],
    ['updateBody', () => message.updateBody('x')],
    ['updateAttributes', () => message.updateAttributes({ x: 1 })],
    ['remove', () => message.remove()],
    ['getMessages', () => conversation.getMessages()],
    ['advanceLastReadMessageIndex', () => conversation.advanceLastReadMessageIndex(0)],
    ['updateLastReadMessageIndex', () => conversation.updateLastReadMessageIndex(0)],
    ['setAllMessagesUnread', () => conversation.setAllMessagesUnread()],
    ['setAllMessagesRead', () => conversation.setAllMessagesRead()],
    ['getUnreadMessagesCount', () => conversation.getUnreadMessagesCount()],
  ] as const)('refuses %s', async (_, call) => {
    await conversation.close()
    await expect(call()).rejects.toMatchObject({ code: 'closed' })
    expect(log).toEqual([])
  })

  it('still has what it knew', async () => {
    await conversation.close()
    expect(conversation.lastMessage?.index).toBe(0)
    expect(conversation.unreadCount).toBe(0)
    expect(message.body).toBe('there')
    expect(message.isRead).toBe(true)
    expect(message.readBy).toEqual([])
  })
})
