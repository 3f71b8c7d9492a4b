import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { conversationSid } from '../../../src/base/ids.ts'
import { Client } from '../../../src/client/client.ts'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { Message } from '../../../src/model/message.ts'
import { levelLog } from '../../../src/server/index.ts'
import { type WebSocketConstructor, websocket } from '../../../src/sync/websocket/index.ts'
import { storedLog } from './support/chat.ts'
import { bundleServer, startChild } from './support/child-server.ts'
import { startServer } from './support/clients.ts'
import { temporaryDirectory } from './support/storage.ts'

const COUNT = 1000
const ROOM = 'burst'

/** Somebody who takes part, over real sockets; closed with the test. */
async function person(identity: string, url: string) {
  const transport = websocket({
    url,
    WebSocket: WebSocket as unknown as WebSocketConstructor,
    maxBackoffMs: 50,
  })
  const client = new Client({ identity, transport, horizonIntervalMs: 0, sendTimeoutMs: 60_000 })
  onTestFinished(() => client.close())
  const conversation = await client.openConversation(ROOM)
  const added: Message[] = []
  const typing: string[] = []
  conversation.on('messageAdded', message => added.push(message))
  conversation.on('typingStarted', ({ identity }) => typing.push(`started ${identity}`))
  conversation.on('typingEnded', ({ identity }) => typing.push(`ended ${identity}`))
  if (!conversation.isSynced) await when(conversation, 'synced', () => conversation.isSynced)
  await conversation.join()
  return { conversation, added, typing }
}

type Person = Awaited<ReturnType<typeof person>>

/** Resolves when an event of the conversation finds that something is so. */
function when(
  conversation: Conversation,
  event: 'synced' | 'messageAdded' | 'messageUpdated' | 'typingStarted' | 'participantJoined',
  isSo: () => boolean,
): Promise<void> {
  return new Promise(resolve => {
    const check = () => {
      if (!isSo()) return
      conversation.off(event, check)
      resolve()
    }
    conversation.on(event, check)
    check()
  })
}

const burst = ({ conversation }: Person, name: string) =>
  Promise.all(Array.from({ length: COUNT }, (_, i) => conversation.sendMessage(`${name} ${i}`)))

async function everything({ conversation }: Person): Promise<Message[]> {
  return (await conversation.getMessages(10_000)).items
}

async function whenSent(one: Person, count: number): Promise<Message[]> {
  await when(one.conversation, 'messageAdded', () => one.added.length >= count)
  const messages = await everything(one)
  await when(one.conversation, 'messageUpdated', () =>
    messages.every(({ deliveryState }) => deliveryState === 'sent'),
  )
  return everything(one)
}

/** Each author's in the order in which they were sent, all of them, and none twice; dense. */
function expectWhole(messages: readonly Message[]): void {
  expect(messages.map(({ index }) => index)).toEqual(messages.map((_, i) => i))
  for (const name of ['alice', 'bob']) {
    const own = messages.filter(({ author }) => author === name).map(({ body }) => body)
    expect(own).toEqual(Array.from({ length: COUNT }, (_, i) => `${name} ${i}`))
  }
  expect(messages.length).toBe(2 * COUNT)
}

describe('a thousand messages at once from each of two', () => {
  it('are all there, in one order for everybody, with the index that was promised', async () => {
    const { url } = await startServer()
    const [alice, bob, carol] = await Promise.all(
      ['alice', 'bob', 'carol'].map(name => person(name, url)),
    )
    if (!alice || !bob || !carol) throw new Error('somebody is missing')
    const counts: number[] = []
    carol.conversation.on('unreadCountChanged', count => counts.push(count))
    await Promise.all([alice, bob].map(({ conversation }) => conversation.typing()))
    await when(carol.conversation, 'typingStarted', () => carol.typing.length === 2)

    const indices = await Promise.all([burst(alice, 'alice'), burst(bob, 'bob')])
    const [first, ...others] = await Promise.all(
      [carol, alice, bob].map(one => whenSent(one, 2 * COUNT)),
    )
    const order = (first as Message[]).map(({ body }) => body)
    expectWhole(first as Message[])
    for (const other of others) expect(other.map(({ body }) => body)).toEqual(order)
    for (const [i, name] of ['alice', 'bob'].entries()) {
      const promised = indices[i]?.map((index, n) => [index, `${name} ${n}`])
      expect(promised?.map(([index]) => order[index as number])).toEqual(
        promised?.map(([, body]) => body),
      )
    }
    for (const { added } of [alice, bob, carol]) {
      expect(added.length).toBe(2 * COUNT)
      expect(new Set(added).size).toBe(2 * COUNT)
    }
    expect(carol.typing.toSorted()).toEqual([
      'ended alice',
      'ended bob',
      'started alice',
      'started bob',
    ])

    expect(carol.conversation.unreadCount).toBe(2 * COUNT)
    expect(counts.at(-1)).toBe(2 * COUNT)
    expect(alice.conversation.unreadCount).toBe(COUNT)
    expect(bob.conversation.unreadCount).toBe(COUNT)
    expect(await carol.conversation.advanceLastReadMessageIndex(499)).toBe(2 * COUNT - 500)
    expect(await carol.conversation.setAllMessagesRead()).toBe(0)
    expect(await alice.conversation.getMessagesCount()).toBe(2 * COUNT)
    expect(alice.conversation.lastMessage?.index).toBe(2 * COUNT - 1)
  })
})

describe('a server that is killed and started again in the middle of it', () => {
  let program: string
  beforeAll(async () => {
    program = await bundleServer()
  })
  afterAll(() => rm(program))

  it('loses none and doubles none', async () => {
    const directory = await temporaryDirectory()
    const server = await startChild(program, directory)
    const port = Number(new URL(server.url).port)
    const [alice, bob, carol] = await Promise.all(
      ['alice', 'bob', 'carol'].map(name => person(name, server.url)),
    )
    if (!alice || !bob || !carol) throw new Error('somebody is missing')
    const final = new Map<string, number>()
    carol.conversation.on('messageUpdated', ({ message }) => note(message))
    carol.conversation.on('messageAdded', note)
    /** A final index never moves. */
    function note({ deliveryState, sid, index }: Message): void {
      if (deliveryState === 'pending') return
      expect(final.get(sid) ?? index).toBe(index)
      final.set(sid, index)
    }
    const sending = Promise.all([burst(alice, 'alice'), burst(bob, 'bob')])
    await when(carol.conversation, 'messageAdded', () => carol.added.length > 100)
    await server.kill()
    // Otherwise it was too late to show anything.
    expect(final.size).toBeLessThan(2 * COUNT)
    const again = await startChild(program, directory, port)

    const [first, ...others] = await Promise.all(
      [carol, alice, bob].map(one => whenSent(one, 2 * COUNT)),
    )
    await sending
    expectWhole(first as Message[])
    for (const other of others) {
      expect(other.map(({ sid }) => sid)).toEqual((first as Message[]).map(({ sid }) => sid))
    }
    for (const { index, sid } of first as Message[]) expect(final.get(sid) ?? index).toBe(index)
    for (const { added } of [alice, bob, carol]) expect(added.length).toBe(2 * COUNT)
    expect(carol.conversation.unreadCount).toBe(2 * COUNT)
    expect(alice.conversation.unreadCount).toBe(COUNT)

    await again.kill()
    const level = await levelLog(directory)
    const log = await storedLog(level, conversationSid(ROOM))
    await level.close()
    expect(log.map(({ content }) => content?.body)).toEqual(
      (first as Message[]).map(({ body }) => body),
    )
  })
})
