import { describe, expect, it, onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { conversationSid } from '../../../src/base/ids.ts'
import { Client } from '../../../src/client/client.ts'
import type { ClientOptions } from '../../../src/client/options.ts'
import type { Conversation } from '../../../src/model/conversation.ts'
import {
  DEFAULT_PERMISSIONS,
  PERMISSIONS,
  type Permission,
  type RolePermissions,
  readRolePermissions,
} from '../../../src/schema/permissions.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { RefusingServer } from '../../support/refusing-server.ts'

async function open(server: RefusingServer, identity: string, options?: Partial<ClientOptions>) {
  const client = new Client({
    identity,
    clock: new FakeClock(),
    transport: server.transport(identity),
    sendTimeoutMs: 0,
    ...options,
  })
  onTestFinished(() => client.close())
  return client.openConversation('room')
}

/** Bob, with a role whose permissions these are, in a conversation of Alice's, who wrote its first message. */
async function bobMay(permissions: readonly Permission[], table: RolePermissions = {}) {
  const server = new RefusingServer()
  const alice = await open(server, 'alice')
  await alice.join()
  await alice.add('bob')
  await alice.sendMessage('hers')
  const bobsEntry = await alice.getParticipantByIdentity('bob')
  await bobsEntry?.updateRole('tested')
  await server.settle()
  server.hello = { identity: 'bob', permissions: { ...table, tested: permissions } }
  const bob = await open(server, 'bob')
  await server.settle()
  return { server, alice, bob }
}

const everything: [Permission, (bob: Conversation) => Promise<unknown> | undefined][] = [
  ['sendMessage', bob => bob.sendMessage('his')],
  ['sendMessage', bob => bob.prepareMessage().setBody('his').build().send()],
  ['addParticipant', bob => bob.add('carol')],
  ['addParticipant', bob => bob.addNonChatParticipant('+1', '+2')],
  ['removeParticipant', bob => bob.removeParticipant('alice')],
  ['editParticipant', async bob => (await alices(bob))?.updateAttributes({ a: 1 })],
  ['changeRole', async bob => (await alices(bob))?.updateRole('admin')],
  ['changeRole', async bob => (await bob.getParticipantByIdentity('bob'))?.updateRole('admin')],
  ['editConversation', bob => bob.updateAttributes({ a: 1 })],
  ['editConversation', bob => bob.updateFriendlyName('his')],
  ['editConversation', bob => bob.updateUniqueName('his')],
  ['editMessage', async bob => (await first(bob))?.updateBody('his')],
  ['editMessageAttributes', async bob => (await first(bob))?.updateAttributes({ a: 1 })],
  ['removeMessage', async bob => (await first(bob))?.remove()],
]

const alices = (bob: Conversation) => bob.getParticipantByIdentity('alice')

async function first(bob: Conversation) {
  return (await bob.getMessages()).items[0]
}

describe('what a role does not permit', () => {
  for (const [permission, act] of everything) {
    it(`is rejected before anything is written: ${permission}, ${act}`, async () => {
      const others = PERMISSIONS.filter(one => one !== permission && one !== 'editMessage')
      const { server, alice, bob } = await bobMay(others)
      const before = ['', '/o'].map(part =>
        Y.encodeStateVector(server.doc(conversationSid('room') + part)),
      )
      const error = await act(bob)?.then(
        () => undefined,
        thrown => thrown,
      )
      expect(error).toMatchObject({ code: 'forbidden' })
      for (const word of ['bob', '"tested"', `"${permission}"`]) {
        expect(error.message).toContain(word)
      }
      await server.settle()
      const after = ['', '/o'].map(part =>
        Y.encodeStateVector(server.doc(conversationSid('room') + part)),
      )
      expect(after).toEqual(before)
      expect(bob.isPermitted(permission)).toBe(false)
      expect(alice.isPermitted(permission)).toBe(true)
    })

    it(`is done where it is permitted: ${permission}, ${act}`, async () => {
      const { bob } = await bobMay([permission, 'sendMessage'])
      expect(bob.isPermitted(permission)).toBe(true)
      await act(bob)
    })
  }

  it('is permitted to change attributes of messages for who may edit them', async () => {
    const { bob } = await bobMay(['editMessage'])
    await (await first(bob))?.updateAttributes({ a: 1 })
  })

  it('never is one’s own attributes, horizon and leaving', async () => {
    const { server, alice, bob } = await bobMay([])
    await (await bob.getParticipantByIdentity('bob'))?.updateAttributes({ a: 1 })
    await bob.setAllMessagesRead()
    await bob.updateLastReadMessageIndex(null)
    await bob.typing()
    await bob.leave()
    await server.settle()
    expect(await alice.getParticipantsCount()).toBe(1)
    await expect(bob.join()).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('"join"'),
    })
  })

  it('includes removing oneself by name', async () => {
    const { bob } = await bobMay([])
    await bob.removeParticipant('bob')
    expect(bob.status).toBe('notParticipating')
  })

  it('includes changes of own messages for who may not send any', async () => {
    const { server, alice, bob } = await bobMay(['sendMessage'])
    await bob.sendMessage('his')
    const own = (await bob.getMessages()).items.find(({ author }) => author === 'bob')
    await own?.updateBody('still his')
    await (await alice.getParticipantByIdentity('bob'))?.updateRole('muted')
    server.hello = { permissions: { ...DEFAULT_PERMISSIONS, muted: ['editMessage'] } }
    bob.disconnect()
    bob.connect()
    await server.settle()
    await expect(own?.updateBody('again')).rejects.toMatchObject({ code: 'forbidden' })
    await expect(own?.remove()).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('does not keep anybody from creating a conversation', async () => {
    const server = new RefusingServer()
    const bob = await open(server, 'bob', { permissions: DEFAULT_PERMISSIONS })
    await bob.join()
    await bob.add('carol')
    await bob.updateFriendlyName('his')
    expect(bob.isPermitted('changeRole')).toBe(true)
  })
})

describe('the table of what roles may do', () => {
  it('is that of the server, or else that of the app, or everything is permitted', async () => {
    const server = new RefusingServer()
    await (await open(server, 'alice')).join()
    await server.settle()
    const plain = await open(server, 'bob')
    const given = await open(server, 'bob', { permissions: { guest: ['join'] } })
    await server.settle()
    const ask = (one: Conversation) => PERMISSIONS.filter(permission => one.isPermitted(permission))
    expect(ask(plain)).toEqual([...PERMISSIONS])
    expect(ask(given)).toEqual(['join'])
    server.hello = { permissions: { guest: ['read'] } }
    const told = await open(server, 'bob', { permissions: { guest: ['join'] } })
    await server.settle()
    expect(ask(told)).toEqual(['read'])
    told.disconnect()
    expect(ask(told)).toEqual(['read'])
  })

  it('is ignored where it is malformed, and what is not known of it too', () => {
    for (const value of [undefined, null, 1, 'admin', [], { admin: 'all' }, { a: [], b: null }]) {
      expect(readRolePermissions(value)).toBeUndefined()
    }
    expect(readRolePermissions({ a: ['read', 'fly', 5, 'join', 'read'], b: [] })).toEqual({
      a: ['read', 'join'],
      b: [],
    })
    const forged = readRolePermissions(JSON.parse('{"__proto__": ["read"]}'))
    expect(Object.keys(forged ?? {})).toEqual(['__proto__'])
  })

  it('of an app must be one', () => {
    const options = { identity: 'bob', permissions: { member: 'all' } }
    expect(() => new Client(options as never)).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
  })

  it('is asked for a permission that there is', async () => {
    const bob = await open(new RefusingServer(), 'bob')
    expect(() => bob.isPermitted('fly' as never)).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
  })
})
