import { until } from '../base/until.ts'
import { pageName } from '../schema/messages/ids.ts'
import type { MessageList } from '../schema/messages/message-list.ts'
import { PageDocument } from '../schema/messages/page-document.ts'
import type { Session } from '../sync/session.ts'
import type { Channels } from './channels.ts'
import type { Host } from './host.ts'

/** So many pages that are not the newest stay open: those that were asked for last. */
const MAX_OLD_PAGES = 8

export interface OpenMessagePage {
  readonly document: PageDocument
  readonly session: Session
  /** Whether everything that others had of it has come here since it was opened. */
  readonly wasSynced: boolean
}

interface Opening extends OpenMessagePage {
  wasSynced: boolean
  readonly whenOpen: Promise<OpenMessagePage>
  isOpen: boolean
}

/** The pages of a conversation's log that are open on this device. */
export class MessagePages {
  readonly #sid: string
  readonly #host: Host
  readonly #channels: Channels
  readonly #list: MessageList
  /** Those that were asked for last are the last. */
  readonly #pages = new Map<number, Opening>()
  /** Of later ones everything is new that comes. */
  #first = Number.POSITIVE_INFINITY
  /** What came of them from others is not stored on this device, as far as is known here. */
  readonly #unstored = new Set<Session>()
  #isClosed = false

  constructor(sid: string, host: Host, channels: Channels, list: MessageList) {
    this.#sid = sid
    this.#host = host
    this.#channels = channels
    this.#list = list
  }

  has(number: number): boolean {
    return this.#pages.has(number)
  }

  /** The log is followed from this page on. */
  startAt(page: number): void {
    this.#first = page
    this.#list.startAt(page)
    this.#trim()
  }

  /** Opens a page; resolves when what this device has of it is there. */
  open(number: number): Promise<OpenMessagePage> {
    const known = this.#pages.get(number)
    if (known) this.#pages.delete(number)
    const page = known ?? this.#open(number)
    this.#pages.set(number, page)
    this.#trim()
    return page.whenOpen
  }

  /** As `open`, and waits for a message of it, in bounded time, while there is a network that may bring it. */
  async fill(number: number, index: number): Promise<OpenMessagePage> {
    const page = await this.open(number)
    const { session, document } = page
    const isHere = () => document.at(index) !== undefined
    await until(
      () => isHere() || session.isSynced || !session.isOnline,
      onNews => {
        const unfollow = document.follow(onNews)
        session.on('synced', onNews).on('status', onNews)
        return () => {
          unfollow()
          session.off('synced', onNews).off('status', onNews)
        }
      },
      this.#host.clock,
      this.#host.timings.fetchTimeoutMs,
    )
    return page
  }

  /** Brings in what other tabs have stored. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#pages.values()].map(({ session }) => session.refresh()))
  }

  /**
   * Begins to store what came from others. An outbox is stored at once with what is written to it, and may say of messages
   * that they are on a page: after a crash they would be nowhere.
   */
  store(): void {
    for (const session of this.#unstored) void session.flush()
    this.#unstored.clear()
  }

  close(): void {
    this.#isClosed = true
  }

  #open(number: number): Opening {
    const session = this.#channels.create(pageName(this.#sid, number))
    const document = new PageDocument(session.doc)
    const load = async () => {
      await session.load()
      if (this.#isClosed || session.isDestroyed) return page
      page.isOpen = true
      this.#list.openPage(number, document, number > this.#first)
      this.#channels.start(session)
      return page
    }
    const page: Opening = {
      session,
      document,
      wasSynced: false,
      isOpen: false,
      // Behind the others of this turn.
      whenOpen: Promise.resolve().then(load),
    }
    session.on('synced', isSynced => {
      if (isSynced) page.wasSynced = true
    })
    session.on('recovering', () => this.#list.hold())
    session.on('recovered', () => this.#list.reread())
    session.doc.on('update', () => this.#unstored.add(session))
    session.once('destroyed', () => this.#unstored.delete(session))
    return page
  }

  #trim(): void {
    const old = [...this.#pages].filter(
      ([number, { isOpen }]) => isOpen && number < this.#list.edge,
    )
    for (const [number, { session }] of old.slice(0, Math.max(0, old.length - MAX_OLD_PAGES))) {
      this.#list.closePage(number)
      this.#pages.delete(number)
      void session.destroy()
    }
  }
}
