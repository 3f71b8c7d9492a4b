import type { ConversationsError } from '../base/errors.ts'
import type { OfflineOptions, Refusal, Session } from '../sync/session.ts'
import type { Host } from './host.ts'

export interface ChannelsListeners {
  onError(error: ConversationsError): void
  onRefused(session: Session, refusal: Refusal): void
}

/** The documents of a conversation beside its own one: they are connected when that is. */
export class Channels {
  readonly #host: Host
  readonly #main: Session
  readonly #listeners: ChannelsListeners
  readonly #sessions = new Set<Session>()

  constructor(host: Host, main: Session, listeners: ChannelsListeners) {
    this.#host = host
    this.#main = main
    this.#listeners = listeners
  }

  /** A document that is neither loaded nor connected yet. */
  create(name: string): Session {
    const session = this.#host.createSession({ name, isSecondary: true, flushWrites: () => {} })
    session.on('error', error => this.#listeners.onError(error))
    session.on('refused', refusal => this.#listeners.onRefused(session, refusal))
    this.#sessions.add(session)
    session.once('destroyed', () => this.#sessions.delete(session))
    return session
  }

  start(session: Session): void {
    session.start(this.#main.offline)
  }

  connect(): void {
    for (const session of [this.#main, ...this.#sessions]) session.connect()
  }

  disconnect(options?: OfflineOptions): void {
    for (const session of [this.#main, ...this.#sessions]) session.disconnect(options)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map(session => session.destroy()))
  }
}
