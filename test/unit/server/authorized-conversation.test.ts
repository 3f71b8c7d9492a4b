import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Client } from '../../../src/client/client.ts'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { RefusedConversationWrite } from '../../../src/model/refused-write.ts'
import type { ServerOptions } from '../../../src/server/index.ts'
import { type WebSocketConstructor, websocket } from '../../../src/sync/websocket/index.ts'
import { rawClient, startServer, until } from './support/clients.ts'

/** The token is the identity. */
const authenticate = async (token: string | undefined) => ({ identity: token ?? 'nobody' })

async function start(options: ServerOptions = {}) {
  const server = await startServer({ authenticate, ...options })
  function client(identity: string) {
    const transport = websocket({
      url: server.url,
      getToken: () => identity,
      WebSocket: WebSocket as unknown as WebSocketConstructor,
      maxBackoffMs: 50,
    })
    const client = new Client({ identity, transport })
    onTestFinished(() => client.close())
    return client
  }
  return { server, client }
}

const people = async (conversation: Conversation) =>
  (await conversation.getParticipants()).map(({ identity }) => identity)

const whoIs = (identity: string, conversation: Conversation) =>
  conversation.getParticipantByIdentity(identity)

it('lets who creates a conversation invite others, and these write', async () => {
  const { client } = await start()
  const alice = await client('alice').openConversation('group')
  await alice.join()
  await alice.add('bob', { mood: 'new' })
  expect(await alice.sendMessage('hello')).toBe(0)
  const bob = await client('bob').openConversation('group')
  await until(async () => expect(await people(bob)).toEqual(['alice', 'bob']))
  expect(await bob.sendMessage('hi')).toBe(1)
  await (await whoIs('bob', bob))?.updateAttributes({ mood: 'fine' })
  await bob.setAllMessagesRead()
  await until(async () => {
    const seen = await whoIs('bob', alice)
    expect(seen?.attributes).toEqual({ mood: 'fine' })
    expect(seen?.lastReadMessageIndex).toBe(1)
    expect(alice.lastMessage?.index).toBe(1)
  })
})

it('lets everything be written before the first connection, and keeps it', async () => {
  const { client } = await start()
  const aliceClient = client('alice')
  aliceClient.disconnect()
  const alice = await aliceClient.openConversation('group')
  await alice.join()
  await alice.add('bob')
  await alice.updateFriendlyName('Offline')
  const sent = [alice.sendMessage('one'), alice.sendMessage('two')]
  aliceClient.connect()
  expect(await Promise.all(sent)).toEqual([0, 1])
  await until(() => expect(alice.connectionStatus).toBe('connected'))
  const bob = await client('bob').openConversation('group')
  await until(async () => {
    expect(bob.friendlyName).toBe('Offline')
    expect((await bob.getMessages()).items.map(({ body }) => body)).toEqual(['one', 'two'])
  })
})

it('gives a conversation to nobody who is not in it, and ends that of who was removed', async () => {
  const { client } = await start()
  const alice = await client('alice').openConversation('group')
  await alice.join()
  await alice.add('bob')
  await alice.sendMessage('secret')
  const mallory = await client('mallory').openConversation('group')
  await until(() => expect(mallory.connectionStatus).toBe('denied'))
  expect(await people(mallory)).toEqual([])
  const bob = await client('bob').openConversation('group')
  await until(async () => expect(await people(bob)).toContain('bob'))
  await alice.removeParticipant('bob')
  await until(() => expect(bob.connectionStatus).toBe('denied'))
})

it('lets guests in where they are permitted to join, also with messages that they wrote before', async () => {
  const { client } = await start({ permissions: { guest: ['read', 'join'] } })
  const alice = await client('alice').openConversation('lobby')
  await alice.join()
  const bobClient = client('bob')
  bobClient.disconnect()
  const bob = await bobClient.openConversation('lobby')
  await bob.join()
  const sent = bob.sendMessage('from afar')
  bobClient.connect()
  expect(await sent).toBe(0)
  await until(async () => {
    expect(await people(alice)).toEqual(['alice', 'bob'])
    expect(alice.lastMessage?.index).toBe(0)
  })
})

it('takes a device back that has written what it may not, and tells its app what was refused', async () => {
  const { client } = await start()
  const alice = await client('alice').openConversation('group')
  await alice.join()
  await alice.add('bob', { mood: 'new' })
  const doc = new Y.Doc()
  const bob = await client('bob').openConversation('group', { doc, awareness: new Awareness(doc) })
  await until(async () => expect(await people(bob)).toEqual(['alice', 'bob']))
  const refused = new Promise<RefusedConversationWrite>(resolve => bob.on('writeRefused', resolve))
  // Past all checks of the client.
  doc.getMap('horizons').set(`alice|${doc.clientID.toString(36)}`, new Uint8Array([20, 0]))
  expect(await refused).toMatchObject({ conversation: bob, code: 'forbidden' })
  await until(async () => {
    expect(bob.connectionStatus).toBe('connected')
    expect(await people(bob)).toEqual(['alice', 'bob'])
  })
  expect((await whoIs('alice', bob))?.lastReadMessageIndex).toBeNull()
  await (await whoIs('bob', bob))?.updateAttributes({ mood: 'sorry' })
  expect(await bob.sendMessage('still here')).toBe(0)
  await until(async () => {
    expect((await whoIs('bob', alice))?.attributes).toEqual({ mood: 'sorry' })
    expect(alice.lastMessage?.index).toBe(0)
  })
})

it('is told of the end of the server in all documents, and of no trouble', async () => {
  const trouble: unknown[] = []
  const log = { info() {}, warn() {}, error: (...what: unknown[]) => trouble.push(what) }
  const { server, client } = await start({ log })
  const alice = await client('alice').openConversation('group')
  await alice.join()
  await alice.sendMessage('hello')
  const parts = ['', '/o', '/m/0']
  const others = await Promise.all(
    parts.map(part => rawClient(server.url, `${alice.sid}${part}?token=alice`)),
  )
  await Promise.all(others.map(({ settle }) => settle()))
  await server.close()
  const ends = await Promise.all(others.map(({ closed }) => closed))
  expect(ends.map(({ code }) => code)).toEqual([1001, 1001, 1001])
  expect(trouble).toEqual([])
})

it('rejects early what a role may not do', async () => {
  const { client } = await start()
  const alice = await client('alice').openConversation('group')
  await alice.join()
  await alice.add('bob')
  const bob = await client('bob').openConversation('group')
  await until(async () => expect(await people(bob)).toEqual(['alice', 'bob']))
  await expect(bob.updateFriendlyName('Mine')).rejects.toMatchObject({ code: 'forbidden' })
  expect(bob.isPermitted('editConversation')).toBe(false)
  const them = await whoIs('bob', alice)
  await them?.updateRole('admin')
  await until(() => expect(bob.isPermitted('editConversation')).toBe(true))
  await bob.updateFriendlyName('Ours')
  await until(() => expect(alice.friendlyName).toBe('Ours'))
})

it('refuses what was allowed when it was written, and is not when it arrives', async () => {
  const { client } = await start()
  const alice = await client('alice').openConversation('group')
  await alice.join()
  await alice.add('bob')
  await (await whoIs('bob', alice))?.updateRole('admin')
  const bobClient = client('bob')
  const bob = await bobClient.openConversation('group')
  await until(() => expect(bob.isPermitted('editConversation')).toBe(true))
  bobClient.disconnect()
  await bob.updateFriendlyName('Mine')
  await (await whoIs('bob', alice))?.updateRole('member')
  await until(() => expect(alice.isSaved).toBe(true))
  const refused = new Promise<RefusedConversationWrite>(resolve => bob.on('writeRefused', resolve))
  bobClient.connect()
  expect((await refused).reason).toContain('names')
  await until(() => {
    expect(bob.connectionStatus).toBe('connected')
    expect(bob.friendlyName).toBeNull()
  })
  expect(await bob.sendMessage('well')).toBe(0)
})
