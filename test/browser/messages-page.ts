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
  /** Waits until there are so many messages, all with their final index, and resolves to what is shown then. */
  const whenSent = (count: number) =>
    new Promise<Awaited<ReturnType<typeof list>>>(resolve => {
      const check = async () => {
        const messages = await list()
        const isSent = messages.every(one => one.deliveryState === 'sent')
        if (messages.length < count || !isSent) return
        conversation.off('messageAdded', check).off('messageUpdated', check)
        resolve(messages)
      }
      conversation.on('messageAdded', check).on('messageUpdated', check)
      void check()
    })
  return { client, conversation, errors, added, list, whenSent }
}

export type ChatPage = Awaited<ReturnType<typeof openChat>>
