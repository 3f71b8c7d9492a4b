import { outboxName, pageName } from '../schema/messages/ids.ts'
import { OutboxDocument } from '../schema/messages/outbox-document.ts'
import { PageDocument } from '../schema/messages/page-document.ts'
import { type OpenPage, Sequencer } from '../schema/messages/sequencer.ts'
import type { Lease } from './log/document-log.ts'
import type { Room } from './room.ts'
import type { ShadowDocument } from './shadow-document.ts'

/** So many pages are open for a conversation at most: the newest, and one for what is done to older messages. */
const MAX_PAGES = 2

export interface RoomOpener {
  open(name: string): Room
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
  #isGivenUp = false

  /** @throws if the outboxes cannot be loaded */
  static async open(
    sid: string,
    rooms: RoomOpener,
    clientId: number,
    lease: Lease | undefined,
  ): Promise<OpenConversation> {
    const outbox = await rooms.open(outboxName(sid)).openShadow(clientId, lease)
    return new OpenConversation(sid, rooms, clientId, outbox, lease)
  }

  private constructor(
    sid: string,
    rooms: RoomOpener,
    clientId: number,
    outbox: ShadowDocument,
    lease: Lease | undefined,
  ) {
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
  sequence(): Promise<boolean> {
    return this.#sequencer.run()
  }

  /** What cannot be stored now is not tried again. */
  giveUp(): void {
    this.#isGivenUp = true
    for (const shadow of this.#shadows) shadow.giveUp()
  }

  /** Call it while nothing is being sequenced. */
  close(): void {
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
      if (this.#isGivenUp) shadow.giveUp()
    }
    const { doc } = shadow
    return { page: new PageDocument(doc), flush: () => (shadow as ShadowDocument).flush() }
  }

  #closePage(number: number): void {
    this.#pages.get(number)?.close()
    this.#pages.delete(number)
  }
}
