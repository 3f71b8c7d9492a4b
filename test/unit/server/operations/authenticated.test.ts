import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { conversationSid } from '../../../../src/base/ids.ts'
import { Client } from '../../../../src/index.ts'
import {
  type MessageDelivery,
  memoryLog,
  type ServerOptions,
} from '../../../../src/server/index.ts'
import { type WebSocketConstructor, websocket } from '../../../../src/sync/websocket/index.ts'
import { recordingHooks } from '../hooks/support.ts'
import { storedLog } from '../support/chat.ts'
import { startServer, until } from '../support/clients.ts'
import { identitiesIn, opened, whenThere } from './support.ts'

const authenticate: ServerOptions['authenticate'] = token => ({ identity: token ?? 'nobody' })
const SID = conversationSid('team')

function client(url: string, identity: string): Client {
  const transport = websocket({
    url,
    WebSocket: WebSocket as unknown as WebSocketConstructor,
    getToken: () => identity,
  })
  const made = new Client({ identity, transport })
  onTestFinished(() => made.close())
  return made
}

it('where everybody is known, hooks tell who is there, bridges write, and users are erased', async () => {
  const storage = Object.assign(memoryLog(), { close: async () => {} })
  const { hooks, of } = recordingHooks(['onMessage'])
  const server = await startServer({ authenticate, hooks, storage })
  const alice = client(server.url, 'alice')
  const hers = await opened(alice, 'team')
  await hers.add('bob')
  await hers.add('carl')
  await hers.addNonChatParticipant('+49', '+1555')
  const bob = client(server.url, 'bob')
  const his = await opened(bob, 'team')
  await until(async () => expect(await identitiesIn(his)).toContain('carl'))
  await hers.sendMessage('hello')
  await until(() => expect(of('onMessage')).toHaveLength(1))
  const [told = []] = of('onMessage')
  const { recipients } = told[2] as MessageDelivery
  expect(recipients.map(({ identity, isOnline }) => [identity, isOnline]).sort()).toEqual([
    [null, false],
    ['bob', true],
    ['carl', false],
  ])
  expect(await server.addMessage(SID, { author: '@sms:+1555', body: 'hi' })).toBe(1)
  await whenThere(his, 2)

  await server.eraseUser('alice')
  await until(async () => {
    expect((await his.getMessages()).items.map(({ body }) => body)).toEqual(['hi'])
  })
  expect(await his.sendMessage('next')).toBe(2)
  expect((await storedLog(storage, SID)).map(({ content }) => content?.body)).toEqual([
    undefined,
    'hi',
    'next',
  ])
})
