import type { ConversationsError } from '../base/errors.ts'
import type { OfflineOptions, Session } from '../sync/session.ts'
import type { Host } from './host.ts'

/** The documents of a conversation beside its own one: they are connected when that is. */
export class Channels {
  readonly #host: Host
  readonly #main: Session
  readonly #onError: (error: ConversationsError) => void
  readonly #sessions = new Set<Session>()

  constructor(host: Host, main: Session, onError: (error: ConversationsError) => void) {
    this.#host = host
    this.#main = main
    this.#onError = onError
  }

  /** A document that is neither loaded nor connected yet. */
  create(name: string): Session {
    const session = this.#host.createSession({ name, isSecondary: true, flushWrites: () => {} })
    session.on('error', this.#onError)
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
