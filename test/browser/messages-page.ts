import { createClient } from '../../src/index.ts'

/** What a page of the tests of messages has as its global; without a `url` there are only the tabs of this browser. */
export async function openChat(identity: string, room: string, url?: string) {
  const client = createClient({ identity, ...(url !== undefined && { url }) })
  const conversation = await client.openConversation(room)
  const errors: string[] = []
  client.on('error', error => errors.push(`${error.code}: ${error.message}`))
  const added: (string | null)[] = []
  conversation.on('messageAdded', ({ body }) => added.push(body))
  /** Everything that is shown. */
  const list = async () =>
    (await conversation.getMessages(10_000)).items.map(({ index, body, deliveryState }) => ({
      index,
      body,
      deliveryState,
    }))
  const isSent = async (count: number) => {
    const messages = await list()
    return messages.length >= count && messages.every(one => one.deliveryState === 'sent')
  }
  return { client, conversation, errors, added, list, isSent }
}

export type ChatPage = Awaited<ReturnType<typeof openChat>>
