import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import type { ConversationsError } from '../../../src/base/errors.ts'
import { Client } from '../../../src/client/client.ts'
import { type WebSocketConstructor, websocket } from '../../../src/sync/websocket/index.ts'
import { startServer } from './support/clients.ts'

it('a peer that is named to sequence leaves it to a server that does, and says so', async () => {
  const { url } = await startServer()
  const transport = websocket({ url, WebSocket: WebSocket as unknown as WebSocketConstructor })
  const client = new Client({ identity: 'alice', transport })
  onTestFinished(() => client.close())
  const told = new Promise<ConversationsError>(resolve => client.on('error', resolve))
  const conversation = await client.openConversation('served', { sequencer: true })
  await conversation.join()
  expect((await told).code).toBe('unsupported')
  const indices = await Promise.all(['a', 'b', 'c'].map(body => conversation.sendMessage(body)))
  expect(indices).toEqual([0, 1, 2])
  const { items } = await conversation.getMessages()
  expect(items.map(({ deliveryState }) => deliveryState)).toEqual(['sent', 'sent', 'sent'])
})
