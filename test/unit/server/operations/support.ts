import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { Client, type Conversation } from '../../../../src/index.ts'
import { type WebSocketConstructor, websocket } from '../../../../src/sync/websocket/index.ts'
import { until } from '../support/clients.ts'

/** Text that no compression can make unrecognisable. */
export const secret = () => randomBytes(24).toString('hex')

/** Whether the text lies in any file of a directory. */
export async function isInFiles(directory: string, text: string): Promise<boolean> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    if ((await readFile(join(directory, entry.name))).includes(text)) return true
  }
  return false
}

/** A client, closed with the test. */
export function chatClient(url: string, identity: string): Client {
  const transport = websocket({ url, WebSocket: WebSocket as unknown as WebSocketConstructor })
  const client = new Client({ identity, transport })
  onTestFinished(() => client.close())
  return client
}

export async function opened(client: Client, name: string): Promise<Conversation> {
  const conversation = await client.openConversation(name)
  await conversation.join()
  return conversation
}

export async function whenThere(conversation: Conversation, count: number): Promise<void> {
  await until(async () => {
    expect((await conversation.getMessages(100)).items).toHaveLength(count)
  })
}

export async function identitiesIn(conversation: Conversation): Promise<(string | null)[]> {
  const participants = await conversation.getParticipants()
  return participants.map(({ identity }) => identity).sort()
}
