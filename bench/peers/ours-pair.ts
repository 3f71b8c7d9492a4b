import { chatKey } from '../../src/schema/format.ts'
import { outboxName, pageOf } from '../../src/schema/messages/ids.ts'
import { MessageList } from '../../src/schema/messages/message-list.ts'
import type { Sequencer } from '../../src/schema/messages/sequencer.ts'
import { othersUpTo } from '../../src/schema/messages/unread.ts'
import { clientIdOf, identityOf } from '../people.ts'
import { type Message, SENDER } from './chat.ts'
import { lengthOf, type Pair, type Seen, type Stored, type Wire } from './library.ts'
import { Documents, push, read, SEQUENCER, SID, sequencerOf } from './ours-documents.ts'

type News = [document: string, update: Uint8Array]

/** The sender and another one, and between them a server that runs the sequencer. */
export class OurPair implements Pair {
  readonly #sender: Documents
  readonly #server: Documents
  readonly #other: Documents
  readonly #list: MessageList
  readonly #sequencer: Sequencer
  readonly #sent: News[] = []
  readonly #sequenced: News[] = []

  constructor(stored: Stored) {
    this.#sender = new Documents(stored, (...news) => this.#sent.push(news))
    this.#server = new Documents(stored, (...news) => this.#sequenced.push(news))
    this.#other = new Documents(stored)
    for (const name of [SID, outboxName(SID)]) this.#sender.doc(name).clientID = clientIdOf(SENDER)
    this.#server.doc(outboxName(SID)).clientID = SEQUENCER
    this.#list = new MessageList(this.#sender.outbox, () => {})
    this.#sequencer = sequencerOf(this.#server)
  }

  async send(messages: readonly Message[]): Promise<Wire> {
    const { outbox } = this.#sender
    for (const message of messages) push(outbox, message, this.#list.nextLamport)
    const sent = this.#sent.splice(0)
    deliver(sent, [this.#server, this.#other])
    await this.#sequencer.run()
    const sequenced = this.#sequenced.splice(0)
    deliver(sequenced, [this.#sender, this.#other])
    return { up: lengthOfAll(sent), down: lengthOfAll(sent) + lengthOfAll(sequenced) }
  }

  advance(index: number): Wire {
    const { conversation, outbox } = this.#sender
    const reader = chatKey(identityOf(SENDER))
    // Who reads it has it open.
    const page = this.#sender.page(pageOf(index))
    const others = othersUpTo(index, reader, outbox.authors(), page)
    if (others === undefined) throw new Error('another page is needed')
    read(conversation, SENDER, index, others)
    const sent = this.#sent.splice(0)
    deliver(sent, [this.#other])
    return { up: lengthOfAll(sent), down: lengthOfAll(sent) }
  }

  seen(): Seen {
    const { conversation, newestPage } = this.#other
    const { lastReadMessageIndex } = conversation.entry(chatKey(identityOf(SENDER)))
    const last = newestPage.entries().at(-1)
    return { lastBody: last?.content?.body ?? undefined, lastRead: lastReadMessageIndex }
  }
}

/** What belongs to one document arrives together. */
function deliver(news: readonly News[], to: readonly Documents[]): void {
  const byDocument = new Map<string, Uint8Array[]>()
  for (const [document, update] of news) {
    const updates = byDocument.get(document) ?? []
    updates.push(update)
    byDocument.set(document, updates)
  }
  for (const [document, updates] of byDocument) {
    for (const documents of to) documents.receive(document, updates)
  }
}

function lengthOfAll(news: readonly News[]): number {
  return lengthOf(news.map(([, update]) => update))
}
