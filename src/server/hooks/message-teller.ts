import type * as Y from 'yjs'
import { decodeLogEntry, type LogEntry } from '../../schema/messages/log-entry.ts'
import { PAGE_ROOTS, type PageDocument } from '../../schema/messages/page-document.ts'
import type { Room } from '../room.ts'
import { conversationSummary, messageInfo, participantInfo } from './infos.ts'
import type { ServerHookCalls } from './server-hook-calls.ts'
import type { MessageDelivery, Recipient } from './server-hooks.ts'
import type { ToldLog } from './told-log.ts'

/** With more messages that wait to be told of, further ones are left on their pages for now. */
const MAX_WAITING = 1_000

/** Tells of the messages of a conversation that this server sequences. */
export class MessageTeller {
  readonly #sid: string
  readonly #calls: ServerHookCalls
  readonly #room: () => Room
  /** Undefined = nobody wants to hear of new messages. */
  readonly #told: ToldLog | undefined
  /** Messages below this index are told of, or wait for it. */
  #next: number
  #changed = new Map<number, LogEntry>()
  #release: (() => void) | undefined
  #hasMore = false
  readonly #onRoom: () => void

  /**
   * @param next messages below this index need not be told of
   * @param onRoom called when it has left something, and could take it now
   */
  constructor(
    sid: string,
    calls: ServerHookCalls,
    room: () => Room,
    told: ToldLog | undefined,
    next: number,
    onRoom: () => void,
  ) {
    this.#sid = sid
    this.#calls = calls
    this.#room = room
    this.#told = told
    this.#next = next
    this.#onRoom = onRoom
  }

  /** Whether something waits to be told of. */
  get isBusy(): boolean {
    return this.#hasMore || this.#waiting > 0
  }

  get #waiting(): number {
    return this.#calls.waiting(this.#sid)
  }

  /** Call it before anything is written to a page; resolves when it may be. */
  async begin(): Promise<void> {
    await this.#told?.begin(this.#next)
  }

  /** Follows what is written to a page here. */
  watchPage(doc: Y.Doc): void {
    const { onMessageUpdated, onMessageRemoved } = this.#calls.hooks
    if (!onMessageUpdated && !onMessageRemoved) return
    doc.getArray(PAGE_ROOTS.log).observe(({ changes }, { local }) => {
      if (!local) return
      for (const { insert = [] } of changes.delta) {
        for (const entry of (insert as unknown[]).map(decodeLogEntry)) {
          if (entry && entry.index < this.#next) this.#changed.set(entry.index, entry)
        }
      }
    })
  }

  /** Tells of what is in the log by now. Call it when all of that is durable, and while nothing is being sequenced. */
  async collect(count: number, openPage: (index: number) => Promise<PageDocument>): Promise<void> {
    const { hooks } = this.#calls
    const changed = [...this.#changed.values()]
    this.#changed.clear()
    if (this.#next >= count && changed.length === 0) return
    await this.#holdRoom()
    for (const entry of changed) {
      const hook = entry.content ? hooks.onMessageUpdated : hooks.onMessageRemoved
      if (hook) this.#push(() => hook.call(hooks, messageInfo(this.#sid, entry), this.#summary()))
    }
    while (this.#told && this.#next < count && this.#waiting < MAX_WAITING) {
      const index = this.#next
      const entry = (await openPage(index)).at(index)
      if (!entry) break
      this.#next = index + 1
      this.#calls.reach(this.#sid, this.#next)
      if (entry.content) this.#tell(entry)
    }
    if (!this.#told) this.#next = count
    this.#hasMore = this.#next < count && this.#waiting > 0
  }

  /** Lets go. What was not told of by now is told of by whoever opens the conversation next. */
  close(): void {
    this.#release?.()
    this.#release = undefined
    if (this.#told?.untoldFrom !== undefined && !this.isBusy)
      this.#calls.keep(this.#sid, this.#told.end())
  }

  #tell(entry: LogEntry): void {
    const { hooks } = this.#calls
    const info = messageInfo(this.#sid, entry)
    this.#push(
      () => hooks.onMessage?.(info, this.#delivery(entry.author)),
      () => this.#told?.reach(entry.index + 1),
    )
  }

  #push(call: () => unknown, onSettled?: () => void): void {
    this.#calls.queue(this.#sid).push(call, () => {
      onSettled?.()
      if (this.#waiting > 0 || !this.#hasMore) return
      this.#hasMore = false
      this.#onRoom()
    })
  }

  /** Keeps the conversation's document in memory, which says who is in it. */
  async #holdRoom(): Promise<void> {
    if (this.#release) return
    const { release } = await this.#room().hold(() => {
      this.#release = undefined
    })
    this.#release = release
  }

  #summary() {
    const document = this.#calls.documentOf(this.#sid)
    return document
      ? conversationSummary(this.#sid, document)
      : Object.freeze({ sid: this.#sid, uniqueName: null, friendlyName: null })
  }

  #delivery(author: string): MessageDelivery {
    const room = this.#room()
    const recipients: Recipient[] = []
    for (const entry of this.#calls.documentOf(this.#sid)?.entries.values() ?? []) {
      if (!entry.isPresent || entry.key === author) continue
      const { identity } = entry
      const isOnline = identity === null ? false : room.isConnected(identity)
      recipients.push(Object.freeze({ ...participantInfo(this.#sid, entry), isOnline }))
    }
    return Object.freeze({
      conversation: this.#summary(),
      recipients: Object.freeze(recipients),
    })
  }
}
