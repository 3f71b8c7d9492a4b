import { ConversationsError } from '../base/errors.ts'
import type { MessageList } from '../schema/messages/message-list.ts'
import type { OutboxDocument, SequencerIdentity } from '../schema/messages/outbox-document.ts'
import type { Session } from '../sync/session.ts'
import { LocalSequencer } from './local-sequencer.ts'
import type { MessagePages } from './message-pages.ts'

export interface SequencingOptions {
  readonly sid: string
  readonly session: Session
  readonly outbox: OutboxDocument
  readonly list: MessageList
  readonly pages: MessagePages
  /** Participant key of the own user. */
  readonly owner: string
  /** Whether the own user created the conversation. */
  isCreator(): boolean
  onError(error: ConversationsError): void
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Whether this device gives messages their indices: it is named, or the one of its user's tabs that holds a lock. */
export class Sequencing {
  readonly #options: SequencingOptions
  readonly #sequencer: LocalSequencer
  #wasSynced = false
  /** The newest page when everything that others had was here: on later ones is only what this device added. */
  #syncedPage = 0

  constructor(options: SequencingOptions) {
    this.#options = options
    const { outbox, session, onError } = options
    this.#sequencer = new LocalSequencer({
      outbox,
      identify: () => this.#identify(),
      openPage: number => this.#openPage(number),
      flush: () => session.flush(),
      isReady: () => this.#wasSynced && !this.#isServed && !session.isIncomplete,
      onError: cause => {
        const message = 'The sequencer cannot add messages to the log now'
        onError(new ConversationsError('transport', message, { cause }))
      },
    })
    session.on('synced', isSynced => {
      if (isSynced) this.#onSynced()
    })
    options.signal.addEventListener('abort', () => this.#sequencer.disable())
  }

  /** Everything that others had when it was connected has come here. */
  get wasSynced(): boolean {
    return this.#wasSynced
  }

  get isEnabled(): boolean {
    return this.#sequencer.isEnabled
  }

  /** There may be something to do. */
  wake(): void {
    this.#sequencer.wake()
  }

  /** Call it before the session is connected. */
  name(): void {
    this.#sequencer.enable()
  }

  /** Call it when the session has its transports. */
  start(): void {
    const { session } = this.#options
    if (session.isAlone) this.#onSynced()
    else if (session.isLocal && !this.isEnabled) this.#elect()
  }

  get #isServed(): boolean {
    return this.#options.outbox.sequencedBy === ''
  }

  #onSynced(): void {
    if (this.#wasSynced) return
    this.#wasSynced = true
    this.#syncedPage = this.#options.list.newestPage
    if (!this.isEnabled || !this.#isServed) return
    this.#sequencer.disable()
    const message = 'A server sequences this conversation; a peer must not do it too'
    this.#options.onError(new ConversationsError('unsupported', message))
  }

  async #identify(): Promise<SequencerIdentity> {
    const { session, owner } = this.#options
    const leased = await session.leaseWriter('sequencer')
    return {
      owner,
      // It may be another one after the page was hidden.
      get writer() {
        return leased.clientID
      },
    }
  }

  async #openPage(number: number) {
    const { document, session, wasSynced } = await this.#options.pages.open(number)
    const isOthers = number <= this.#syncedPage && !session.isAlone
    if (isOthers && !wasSynced) await this.#whenSynced(session)
    return { page: document, flush: () => session.flush() }
  }

  /** What others have of a page must be here before anything is added to it. */
  async #whenSynced(session: Session): Promise<void> {
    if (session.isSynced) return
    const { signal } = this.#options
    await new Promise<void>((resolve, reject) => {
      const onEnd = () => reject(new ConversationsError('closed', 'The conversation was closed'))
      session.on('synced', isSynced => {
        if (isSynced) resolve()
      })
      signal.addEventListener('abort', onEnd, { once: true })
    })
  }

  /** Of tabs that reach nobody but each other, the one that holds a lock. */
  #elect(): void {
    const { sid, session, pages, signal } = this.#options
    const hold = async () => {
      // The one before may have stored what it had no time to tell.
      await Promise.all([session.refresh(), pages.refresh()])
      if (!this.#isOwnLog) return
      this.#sequencer.enable()
      if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
    }
    Promise.resolve()
      .then(() => navigator.locks.request(`y-conversations/sequencer/${sid}`, { signal }, hold))
      // Without locks nobody is elected, and messages stay pending.
      .catch(() => {})
  }

  /** Whether the log is, or will be, one that this user's tabs made: they have all of it. */
  get #isOwnLog(): boolean {
    const { outbox, owner, isCreator } = this.#options
    const { sequencedBy } = outbox
    return sequencedBy === undefined ? isCreator() : sequencedBy === owner
  }
}
