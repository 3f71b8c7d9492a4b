import * as Y from 'yjs'
import { ConversationDocument } from '../../src/schema/conversation-document.ts'
import { chatKey } from '../../src/schema/format.ts'
import { advance } from '../../src/schema/horizon.ts'
import { outboxName, pageName, pageOf } from '../../src/schema/messages/ids.ts'
import { OutboxDocument } from '../../src/schema/messages/outbox-document.ts'
import { PageDocument } from '../../src/schema/messages/page-document.ts'
import { Sequencer } from '../../src/schema/messages/sequencer.ts'
import { clientIdOf, identityOf, timeOf } from '../people.ts'
import type { Message } from './chat.ts'
import type { Stored } from './library.ts'

/** The documents are stored under names with it. */
export const SID = `CH${'0'.repeat(32)}`

/** The client id of who runs the sequencer: nobody else's. */
export const SEQUENCER = clientIdOf(1_000_000)

/** The origin of what came from others. */
const RECEIVED = Symbol('received')

/** The documents of the conversation as one device has them, each opened when it is needed. */
export class Documents {
  readonly #stored: Stored
  readonly #onUpdate: ((name: string, update: Uint8Array) => void) | undefined
  readonly #docs = new Map<string, Y.Doc>()
  readonly #pages = new Map<number, PageDocument>()
  #conversation: ConversationDocument | undefined
  #outbox: OutboxDocument | undefined

  /** @param onUpdate hears of what is written here */
  constructor(stored: Stored, onUpdate?: (name: string, update: Uint8Array) => void) {
    this.#stored = stored
    this.#onUpdate = onUpdate
  }

  get conversation(): ConversationDocument {
    if (!this.#conversation) {
      this.#conversation = new ConversationDocument(this.doc(SID), () => {})
      this.#conversation.start()
    }
    return this.#conversation
  }

  get outbox(): OutboxDocument {
    this.#outbox ??= new OutboxDocument(this.doc(outboxName(SID)))
    return this.#outbox
  }

  page(number: number): PageDocument {
    const page = this.#pages.get(number) ?? new PageDocument(this.doc(pageName(SID, number)))
    this.#pages.set(number, page)
    return page
  }

  get newestPage(): PageDocument {
    return this.page(pageOf(this.outbox.state.count - 1))
  }

  doc(name: string): Y.Doc {
    const known = this.#docs.get(name)
    if (known) return known
    const doc = new Y.Doc()
    const bytes = this.#stored.get(name)
    if (bytes) Y.applyUpdate(doc, bytes)
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== RECEIVED) this.#onUpdate?.(name, update)
    })
    this.#docs.set(name, doc)
    return doc
  }

  /** Takes updates of others over as one transaction. */
  receive(name: string, updates: readonly Uint8Array[]): void {
    const page = /\/m\/(\d+)$/.exec(name)?.[1]
    // An open page decodes what comes.
    if (page) this.page(Number(page))
    const doc = this.doc(name)
    doc.transact(() => {
      for (const update of updates) Y.applyUpdate(doc, update)
    }, RECEIVED)
  }

  save(): Map<string, Uint8Array> {
    return new Map([...this.#docs].map(([name, doc]) => [name, Y.encodeStateAsUpdate(doc)]))
  }
}

/** Gives the messages that lie in the outboxes their indices. */
export function sequencerOf(documents: Documents): Sequencer {
  const flush = () => Promise.resolve()
  return new Sequencer({
    outbox: documents.outbox,
    identity: { owner: '' },
    openPage: async number => ({ page: documents.page(number), flush }),
    flush,
  })
}

export function push(outbox: OutboxDocument, message: Message, lamport: number): void {
  const { author, time, body } = message
  const content = { body, subject: null, attributes: undefined, media: [] }
  const counter = outbox.nextCounter(author)
  outbox.push(chatKey(author), { kind: 'message', counter, lamport, time, content })
}

/** Moves a person's horizon, who knows how many messages of others they have read. */
export function read(
  conversation: ConversationDocument,
  person: number,
  index: number,
  others: number,
): void {
  const entry = conversation.entry(chatKey(identityOf(person)))
  entry.setHorizon(advance(entry.horizon, { index, others }, timeOf(index)))
  conversation.transact(() => conversation.writeHorizon(entry))
}
