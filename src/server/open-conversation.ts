import type * as Y from 'yjs'
import { outboxName, pageName, pageOf } from '../schema/messages/ids.ts'
import { OutboxDocument } from '../schema/messages/outbox-document.ts'
import { PageDocument } from '../schema/messages/page-document.ts'
import { type OpenPage, Sequencer } from '../schema/messages/sequencer.ts'
import type { MessageTeller } from './hooks/message-teller.ts'
import type { ServerHookCalls } from './hooks/server-hook-calls.ts'
import type { Lease } from './log/document-log.ts'
import type { Room } from './room.ts'
import type { ShadowDocument } from './shadow-document.ts'

/** So many pages are open for a conversation at most: the newest, and one for what is done to older messages. */
const MAX_PAGES = 2

export interface RoomOpener {
  open(name: string): Room
}

/** The documents of a conversation, for the server itself to write in. */
export interface Workbench {
  readonly outbox: Y.Doc
  openPage(number: number): Promise<OpenPage>
  /** Resolves when what was written to the outboxes is durable. */
  flush(): Promise<void>
  /** To be closed. @throws if another one is open */
  openConversation(): Promise<ShadowDocument>
  /** Folds the log of what is open. */
  foldConversation(): Promise<void>
  foldOutboxes(): Promise<void>
  foldPage(number: number): Promise<void>
}

interface OpenOptions {
  /** Under which the server writes. */
  readonly clientId: number
  readonly lease: Lease | undefined
  readonly hooks: ServerHookCalls | undefined
  /** Messages that were left untold may be told of now. */
  onRoom(): void
}

/** A conversation's sequencer, and the documents that it has open. */
export class OpenConversation {
  readonly #sid: string
  readonly #rooms: RoomOpener
  readonly #clientId: number
  readonly #lease: Lease | undefined
  readonly #outbox: ShadowDocument
  readonly #pages = new Map<number, ShadowDocument>()
  readonly #sequencer: Sequencer
  readonly #teller: MessageTeller | undefined
  #isGivenUp = false

  /** @throws if the outboxes cannot be loaded */
  static async open(
    sid: string,
    rooms: RoomOpener,
    { clientId, lease, hooks, onRoom }: OpenOptions,
  ): Promise<OpenConversation> {
    const outbox = await rooms.open(outboxName(sid)).openShadow(clientId, lease)
    try {
      const teller = await hooks?.openTeller(sid, outbox.doc, () => rooms.open(sid), onRoom)
      return new OpenConversation(sid, rooms, clientId, outbox, lease, teller)
    } catch (error) {
      outbox.close()
      throw error
    }
  }

  private constructor(
    sid: string,
    rooms: RoomOpener,
    clientId: number,
    outbox: ShadowDocument,
    lease: Lease | undefined,
    teller: MessageTeller | undefined,
  ) {
    this.#teller = teller
    this.#sid = sid
    this.#lease = lease
    this.#rooms = rooms
    this.#clientId = clientId
    this.#outbox = outbox
    this.#sequencer = new Sequencer({
      outbox: new OutboxDocument(outbox.doc),
      identity: { owner: '' },
      openPage: page => this.#openPage(page),
      flush: () => outbox.flush(),
    })
  }

  /** Whether a room of it is gone, so that it has to be opened again. */
  get isOver(): boolean {
    return this.#shadows.some(({ isOver }) => isOver)
  }

  /** See `Sequencer.run`. @throws if something cannot be loaded, or its room is gone */
  async sequence(): Promise<boolean> {
    if (!(await this.#sequencer.run())) return false
    const { count } = new OutboxDocument(this.#outbox.doc).state
    await this.#teller?.collect(count, async index => {
      return (await this.#openPage(pageOf(index))).page
    })
    return true
  }

  /** For other work on the conversation's documents, while nothing is being sequenced. */
  get workbench(): Workbench {
    const { doc } = this.#outbox
    return {
      outbox: doc,
      openPage: number => this.#openPage(number),
      flush: () => this.#outbox.flush(),
      openConversation: () => this.#rooms.open(this.#sid).openShadow(this.#clientId, this.#lease),
      foldConversation: () => this.#rooms.open(this.#sid).fold(),
      foldOutboxes: () => this.#rooms.open(outboxName(this.#sid)).fold(),
      foldPage: number => this.#rooms.open(pageName(this.#sid, number)).fold(),
    }
  }

  /** Whether the app's hooks are still to hear of something. */
  get isTelling(): boolean {
    return this.#teller?.isBusy ?? false
  }

  /** What cannot be stored now is not tried again. */
  giveUp(): void {
    this.#isGivenUp = true
    for (const shadow of this.#shadows) shadow.giveUp()
  }

  /** Call it while nothing is being sequenced. */
  close(): void {
    this.#teller?.close()
    for (const shadow of this.#shadows) shadow.close()
    this.#pages.clear()
  }

  get #shadows(): ShadowDocument[] {
    return [this.#outbox, ...this.#pages.values()]
  }

  async #openPage(number: number): Promise<OpenPage> {
    let shadow = this.#pages.get(number)
    if (!shadow) {
      if (this.#pages.size >= MAX_PAGES) this.#closePage(Math.min(...this.#pages.keys()))
      shadow = await this.#rooms
        .open(pageName(this.#sid, number))
        .openShadow(this.#clientId, this.#lease)
      this.#pages.set(number, shadow)
      this.#teller?.watchPage(shadow.doc)
      if (this.#isGivenUp) shadow.giveUp()
    }
    await this.#teller?.begin()
    const { doc } = shadow
    return { page: new PageDocument(doc), flush: () => (shadow as ShadowDocument).flush() }
  }

  #closePage(number: number): void {
    this.#pages.get(number)?.close()
    this.#pages.delete(number)
  }
}
