import { chatKey } from '../../src/schema/format.ts'
import { outboxName, pageOf } from '../../src/schema/messages/ids.ts'
import type { MessageEntry } from '../../src/schema/messages/message-entry.ts'
import { MessageList } from '../../src/schema/messages/message-list.ts'
import { countUnread } from '../../src/schema/messages/unread.ts'
import { ours as layout } from '../ours.ts'
import { clientIdOf, identityOf, timeOf } from '../people.ts'
import { type Chat, type Listed, type Message, READER, SHOWN } from './chat.ts'
import type { Library } from './library.ts'
import { Documents, push, read, SEQUENCER, SID, sequencerOf } from './ours-documents.ts'
import { OurPair } from './ours-pair.ts'

/** So many messages are sequenced together when a conversation is built. */
const BATCH = 100

/** This library, one floor below its clients: the conversation, its outboxes, and a document for each page of the log. */
export const ours: Library = {
  async build(chat) {
    const documents = new Documents(new Map())
    buildConversation(documents, chat)
    const { outbox } = documents
    const doc = documents.doc(outboxName(SID))
    const sequencer = sequencerOf(documents)
    for (let from = 0; from < chat.messages.length; from += BATCH) {
      chat.messages.slice(from, from + BATCH).forEach(({ person, ...message }, i) => {
        doc.clientID = clientIdOf(person)
        push(outbox, message, from + i + 1)
      })
      doc.clientID = SEQUENCER
      await sequencer.run()
    }
    return documents.save()
  },

  open(stored) {
    const documents = new Documents(stored)
    return {
      listed() {
        const listed: Listed[] = []
        for (const entry of documents.conversation.entries.values()) {
          if (!entry.isPresent) continue
          const { identity, attributes, lastReadMessageIndex: lastRead } = entry
          listed.push({ identity: identity as string, attributes, lastRead })
        }
        return listed
      },

      unread() {
        const { conversation, outbox } = documents
        const reader = chatKey(identityOf(READER))
        const { state } = outbox
        const list = new MessageList(outbox, () => {})
        const unread = countUnread({
          horizon: conversation.entry(reader).horizon,
          reader,
          authors: outbox.authors(),
          state,
          removed: list.removed,
          view: list.view(),
        })
        if (unread === undefined) throw new Error('pages are needed')
        return unread
      },

      newest() {
        const list = new MessageList(documents.outbox, () => {})
        let page = pageOf(list.count - 1)
        list.startAt(page)
        list.openPage(page, documents.page(page), false)
        const first = Math.max(0, list.length - SHOWN)
        while (page > pageOf(first)) list.openPage(--page, documents.page(page), false)
        return Array.from({ length: list.length - first }, (_, i) => {
          return toMessage(list.at(first + i) as MessageEntry)
        })
      },
    }
  },

  pair: stored => new OurPair(stored),
}

/** Everybody joins on a device of their own, and reads. */
function buildConversation(documents: Documents, chat: Chat): void {
  const doc = documents.doc(SID)
  const writer = layout.open(doc)
  for (let person = 0; person < chat.participants; person++) {
    doc.clientID = clientIdOf(person)
    writer.join(person, timeOf(person))
    const index = chat.lastRead(person)
    if (index !== null) read(documents.conversation, person, index, chat.others(person, index))
  }
}

function toMessage({ author, time, content }: MessageEntry): Message {
  return { author, time, body: content?.body ?? '' }
}
