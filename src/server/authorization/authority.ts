import { chatKey } from '../../schema/format.ts'
import { outboxName } from '../../schema/messages/ids.ts'
import { OutboxDocument } from '../../schema/messages/outbox-document.ts'
import { isPermitted, type Permission, type RolePermissions } from '../../schema/permissions.ts'
import type { HeldDocument, Room } from '../room.ts'
import { Standings } from './standings.ts'

export interface AuthorityContext {
  readonly permissions: RolePermissions
  open(name: string): Room
}

/**
 * Who may do what in one conversation, by its own document and that of its outboxes. It keeps both in memory as
 * long as anybody has one of the conversation's documents open.
 */
export class Authority {
  readonly whenReady: Promise<void>
  readonly #sid: string
  readonly #context: AuthorityContext
  readonly #listeners = new Set<AuthorityListener>()
  #standings: Standings | undefined
  #outbox: OutboxDocument | undefined
  #whenOutbox: Promise<void> | undefined
  readonly #release: (() => void)[] = []
  #isChanged = false
  #isClosed = false
  #isOver = false

  constructor(sid: string, context: AuthorityContext) {
    this.#sid = sid
    this.#context = context
    this.whenReady = this.#open()
  }

  /** Whether it can be asked no more. */
  get isOver(): boolean {
    return this.#isOver
  }

  get permissions(): RolePermissions {
    return this.#context.permissions
  }

  get standings(): Standings {
    if (!this.#standings) throw new Error(`${this.#sid}: asked before it was ready`)
    return this.#standings
  }

  /** How many messages have an index; undefined = it is not known yet, and will be told of as progress. */
  get messageCount(): number | undefined {
    return this.#outbox?.state.count
  }

  /** Whose outbox a client id fills. */
  authorOf(writer: number): string | undefined {
    return this.#outbox?.authors().get(writer)
  }

  may(identity: string, permission: Permission): boolean {
    return isPermitted(this.standings.of(identity), permission, this.permissions)
  }

  /** Why somebody may not have the conversation's documents; undefined = they may. */
  whyNotRead(identity: string): string | undefined {
    const { standings } = this
    // Whoever asks may be about to create it.
    if (standings.creation === undefined || this.may(identity, 'read')) return undefined
    return standings.roleOf(chatKey(identity)) === undefined
      ? 'not a participant of this conversation'
      : 'not permitted to read this conversation'
  }

  follow(listener: AuthorityListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    for (const release of this.#release) release()
  }

  async #open(): Promise<void> {
    const { doc, claims } = await this.#hold(this.#sid)
    if (this.#isClosed) return
    const standings = new Standings(doc, claims, () => {
      this.#isChanged = true
    })
    this.#standings = standings
    const onSettled = () => {
      if (!this.#isChanged) return
      this.#isChanged = false
      this.#followMessages()
      for (const listener of [...this.#listeners]) listener.onStandingsChanged()
    }
    doc.on('afterAllTransactions', onSettled)
    this.#release.push(() => {
      standings.stop()
      doc.off('afterAllTransactions', onSettled)
    })
    this.#followMessages()
    await this.#whenOutbox
  }

  /** Where nobody has created the conversation, there are none. */
  #followMessages(): void {
    if (this.standings.creator === undefined || this.#isClosed) return
    this.#whenOutbox ??= this.#openOutbox().catch(error => this.#end(error))
  }

  /** What it rests on is gone. */
  #end(error?: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const listener of [...this.#listeners]) listener.onOver(error)
  }

  async #openOutbox(): Promise<void> {
    const { doc } = await this.#hold(outboxName(this.#sid))
    if (this.#isClosed) return
    const outbox = new OutboxDocument(doc)
    this.#release.push(
      outbox.follow(() => {
        for (const listener of [...this.#listeners]) listener.onProgress()
      }),
    )
    this.#outbox = outbox
    for (const listener of [...this.#listeners]) listener.onProgress()
  }

  async #hold(name: string): Promise<HeldDocument> {
    const held = await this.#context.open(name).hold(() => this.#end())
    if (this.#isClosed) held.release()
    else this.#release.push(held.release)
    return held
  }
}

export interface AuthorityListener {
  /** Somebody came, went or has another role. */
  onStandingsChanged(): void
  /** There is something new in the outboxes or in the log. */
  onProgress(): void
  /** It cannot be asked any more: a document that it rests on cannot be read, or is loaded anew. */
  onOver(error: unknown): void
}
