import { chatKey } from '../src/schema/format.ts'
import { outboxName, PAGE_SIZE, pageOf } from '../src/schema/messages/ids.ts'
import type { LogEntry } from '../src/schema/messages/log-entry.ts'
import { viewLog } from '../src/schema/messages/log-view.ts'
import { countUnread, removedMessages } from '../src/schema/messages/unread.ts'
import { ours as layout } from './ours.ts'
import { type Chat, type Listed, type Message, READER, SHOWN } from './peers-chat.ts'
import type { Library } from './peers-library.ts'
import { Documents, push, read, SEQUENCER, SID, sequencerOf } from './peers-ours-documents.ts'
import { OurPair } from './peers-ours-pair.ts'
import { clientIdOf, identityOf, timeOf } from './people.ts'

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
        const outboxes = outbox.outboxes()
        const unread = countUnread({
          horizon: conversation.entry(reader).horizon,
          reader,
          authors: outbox.authors(),
          state,
          removed: removedMessages(outbox.removed(), outboxes, state),
          view: viewLog(state.count, [], outboxes, state),
        })
        if (unread === undefined) throw new Error('pages are needed')
        return unread
      },

      newest() {
        const { state } = documents.outbox
        const entries: LogEntry[] = []
        let page = pageOf(state.count - 1) + 1
        while (page > 0 && entries.length < SHOWN) {
          page--
          entries.unshift(...documents.page(page).entries())
        }
        const outboxes = documents.outbox.outboxes()
        const { log, pending } = viewLog(page * PAGE_SIZE, entries, outboxes, state)
        return [...log, ...pending].slice(-SHOWN).map(toMessage)
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

function toMessage({ author, time, content }: LogEntry): Message {
  return { author, time, body: content?.body ?? '' }
}
