import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { conversationSid, userSid } from '../../../../src/base/ids.ts'
import { outboxName } from '../../../../src/schema/messages/ids.ts'
import { OutboxDocument } from '../../../../src/schema/messages/outbox-document.ts'
import { type DocumentLog, eraseUser, levelLog, memoryLog } from '../../../../src/server/index.ts'
import { storedLog } from '../support/chat.ts'
import { startServer, until } from '../support/clients.ts'
import { SharedEngine } from '../support/shared-log.ts'
import { temporaryDirectory } from '../support/storage.ts'
import { chatClient, identitiesIn, isInFiles, opened, secret, whenThere } from './support.ts'

const timings = { retryMs: 20, leaseMs: 300, sweepMs: 10 }

/** Alice and Bob have talked in `team`. */
async function talked(url: string) {
  const [alice, bob] = [chatClient(url, 'alice'), chatClient(url, 'bob')]
  const said = { name: secret(), mood: secret(), body: secret(), edited: secret() }
  const theirs = await opened(alice, 'team')
  const his = await opened(bob, 'team')
  const me = await theirs.getParticipantByIdentity('alice')
  await me?.updateAttributes({ mood: said.mood })
  await theirs.sendMessage(said.body)
  await whenThere(his, 1)
  await his.sendMessage('from bob')
  await whenThere(theirs, 2)
  await theirs.sendMessage('to be edited')
  await whenThere(his, 3)
  const [, , last] = (await theirs.getMessages()).items
  await last?.updateBody(said.edited)
  const user = await alice.getUser('alice')
  await user.updateFriendlyName(said.name)
  await until(async () => expect((await his.getMessages()).items[2]?.body).toBe(said.edited))
  return { alice, bob, theirs, his, said }
}

const SID = conversationSid('team')

async function storedOutbox(storage: DocumentLog): Promise<OutboxDocument> {
  const doc = new Y.Doc()
  for (const update of (await storage.read(outboxName(SID))).updates) Y.applyUpdate(doc, update)
  return new OutboxDocument(doc)
}

describe('an erased user', () => {
  it('is gone from the open documents of others, and from the disk', async () => {
    const directory = await temporaryDirectory()
    const log = await levelLog(directory)
    const server = await startServer({ storage: log, timings })
    const { alice, his, said } = await talked(server.url)
    await until(async () => {
      for (const text of Object.values(said)) expect(await isInFiles(directory, text)).toBe(true)
    })
    await alice.close()

    const erased = await server.eraseUser('alice')
    expect(erased).toEqual({ conversations: [SID], media: [] })
    await until(async () => {
      const { items } = await his.getMessages()
      expect(items.map(({ body, index }) => [index, body])).toEqual([[1, 'from bob']])
      expect(await identitiesIn(his)).toEqual(['bob'])
    })
    for (const text of Object.values(said)) expect(await isInFiles(directory, text)).toBe(false)

    // The conversation goes on.
    expect(await his.sendMessage('next')).toBe(3)
    const entries = await storedLog(log, SID)
    const authors = entries.map(({ author }) => author)
    expect(authors).toEqual([authors[0], 'bob', authors[0], 'bob'])
    expect(authors[0]).toMatch(/^deleted-[0-9a-f]{16}$/)
    expect(entries.map(({ content }) => content?.body)).toEqual([
      undefined,
      'from bob',
      undefined,
      'next',
    ])
    expect(entries[2]?.edits?.by).toBe(authors[0])
  })

  it('is gone for who comes later, also what was not read of them', async () => {
    const storage = Object.assign(memoryLog(), { close: async () => {} })
    const first = await startServer({ storage, timings })
    const { alice, bob, his } = await talked(first.url)
    const carl = chatClient(first.url, 'carl')
    const hers = await opened(carl, 'team')
    await whenThere(hers, 3)
    await hers.updateLastReadMessageIndex(0)
    await until(async () => expect(await hers.getUnreadMessagesCount()).toBe(2))
    await until(async () => {
      const reader = (await his.getParticipants()).find(({ identity }) => identity === 'carl')
      expect(reader?.lastReadMessageIndex).toBe(0)
    })
    for (const client of [alice, bob, carl]) await client.close()
    await first.close()

    await eraseUser(storage, 'alice')
    const outbox = await storedOutbox(storage)
    expect(outbox.removed().map(({ index }) => index)).toEqual([0, 2])
    // Everybody who has sent something is somebody, or nobody could count what is not theirs.
    const senders = [...outbox.state.sent.keys()].map(writer => outbox.authors().get(writer))
    expect(senders.sort()).toEqual(['bob', expect.stringMatching(/^deleted-/)])
    const { url } = await startServer({ storage, timings })
    const later = await opened(chatClient(url, 'carl'), 'team')
    await until(async () => expect(await later.getUnreadMessagesCount()).toBe(1))
    expect(await identitiesIn(later)).toEqual(['bob', 'carl'])
    // Again there is nothing.
    expect(await eraseUser(storage, 'alice')).toEqual({ conversations: [], media: [] })
    const { updates } = await storage.read(userSid('alice'))
    expect(updates).toHaveLength(1)
  })

  it('goes on being named as the author if that is wanted', async () => {
    const storage = Object.assign(memoryLog(), { close: async () => {} })
    const server = await startServer({ storage, timings })
    await talked(server.url)
    await server.eraseUser('alice', { keepAuthor: true })
    const entries = await storedLog(storage, SID)
    expect(entries.map(({ author, content }) => [author, content?.body])).toEqual([
      ['alice', undefined],
      ['bob', 'from bob'],
      ['alice', undefined],
    ])
  })

  it('leaves what does not concern them as it is', async () => {
    const storage = Object.assign(memoryLog(), { close: async () => {} })
    const server = await startServer({ storage, timings })
    const { his } = await talked(server.url)
    const rows = async () => (await storage.read(SID)).updates.length
    const before = await rows()
    expect(await server.eraseUser('nobody')).toEqual({ conversations: [], media: [] })
    expect(await rows()).toBe(before)
    expect((await his.getMessages()).items).toHaveLength(3)
    await expect(server.eraseUser('')).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  it('is not erased by halves where another server has the conversation', async () => {
    const engine = new SharedEngine()
    const first = await startServer({ storage: engine.open(), timings })
    const second = await startServer({ storage: engine.open(), timings })
    const { his } = await talked(first.url)
    await expect(second.eraseUser('alice')).rejects.toMatchObject({
      code: 'storage',
      reason: 'blocked',
    })
    expect((await his.getMessages()).items).toHaveLength(3)
    await first.eraseUser('alice')
    await until(async () => expect((await his.getMessages()).items).toHaveLength(1))
  })
})
