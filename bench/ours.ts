import type * as Y from 'yjs'
import { Client } from '../src/client/client.ts'
import type { ClientOptions } from '../src/client/options.ts'
import type { Conversation } from '../src/model/conversation.ts'
import { ConversationDocument } from '../src/schema/conversation-document.ts'
import { chatKey } from '../src/schema/format.ts'
import type { Layout } from './layout.ts'
import { attributesOf, clientIdOf, identityOf } from './people.ts'

/** This library, one floor below its clients: the document with lattice, reasons and what they need. */
export const ours: Layout = {
  open(doc) {
    const document = new ConversationDocument(doc, () => {})
    document.start()
    const entryOf = (person: number) => document.entry(chatKey(identityOf(person)))
    return {
      join(person, now) {
        document.transact(() => {
          if (person === 0) {
            document.create({ createdBy: identityOf(0), dateCreated: now, uniqueName: 'room' })
          }
          const incarnation = clientIdOf(person) >>> 1
          const key = chatKey(identityOf(person))
          document.addParticipant(key, attributesOf(person), undefined, now, incarnation)
        })
      },
      setRole(person, roleSid, now) {
        document.transact(() => document.setRole(entryOf(person), roleSid, now))
      },
      setAttributes(person, attributes, now) {
        const entry = entryOf(person)
        document.transact(() => document.setParticipantAttributes(entry, attributes, now))
      },
      advance(person, index, now) {
        const entry = entryOf(person)
        if (document.advanceHorizon(entry, { index }, now))
          document.transact(() => document.writeHorizon(entry))
      },
    }
  },

  read(doc) {
    const document = new ConversationDocument(doc, () => {})
    document.start()
    return document
  },
}

/** This library as apps use it, with no network and no storage but what `options` bring. */
export async function openConversation(
  person: number,
  doc: Y.Doc | undefined,
  options: Partial<ClientOptions> = {},
): Promise<{ conversation: Conversation; client: Client }> {
  const client = new Client({
    identity: identityOf(person),
    persistence: null,
    transport: null,
    ...options,
  })
  const conversation = await client.openConversation('room', doc ? { doc } : {})
  return { conversation, client }
}
