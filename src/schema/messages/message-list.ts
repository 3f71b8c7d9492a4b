import type { Writer } from '../horizon.ts'
import { type CommandsByMessage, commandsByMessage } from './commands.ts'
import { type MessageId, messageKey, PAGE_SIZE, pageOf } from './ids.ts'
import { EMPTY_LOG, isInLog } from './log-state.ts'
import {
  type GivenCommand,
  MessageEntry,
  type MessageOrigin,
  type MessageState,
} from './message-entry.ts'
import type { AppendedItem, OutboxDocument } from './outbox-document.ts'
import type { PageDocument } from './page-document.ts'
import type { LogView } from './reading.ts'
import { type Pending, PendingQueue } from './sequence.ts'
import { type Removed, removedMessages } from './unread.ts'

/** What one transaction changed; complete before anybody is told. */
export interface MessageChanges {
  /** By index. */
  readonly added: readonly MessageEntry[]
  /** Messages that were and are there, and the reasons as a bit mask. */
  readonly updated: readonly (readonly [entry: MessageEntry, mask: number])[]
  readonly removed: readonly MessageEntry[]
  /** Nothing happened but that `added` were added to those that are pending. */
  readonly isAddedOnly: boolean
}

interface OpenPage {
  readonly document: PageDocument
  /** From its first index on, without gaps: who reads what follows a gap would have read what is in it too. */
  readonly entries: MessageEntry[]
  /** Of the others, which are not shown because something before them is yet to come. */
  readonly hidden: Set<string>
  readonly stop: () => void
  /** Nothing has changed in the document since `entries` and `hidden` were made of it. */
  isRead: boolean
  /** Everything before it is here. */
  isReachable: boolean
}

const NO_COMMANDS: readonly GivenCommand[] = []
const REMOVED: MessageState = { content: null, edits: undefined }

/**
 * The messages of a conversation as one device sees them: those pages of the log that are open, and what is pending
 * behind the newest. Every transaction is told of once, after all of it has been taken over.
 */
export class MessageList {
  readonly #outbox: OutboxDocument
  readonly #pageSize: number
  readonly #onChanges: (changes: MessageChanges) => void
  readonly #stop: () => void
  readonly #pages = new Map<number, OpenPage>()
  readonly #byKey = new Map<string, MessageEntry>()
  /** Messages that somebody may still hold, of pages that were closed. */
  readonly #closed = new Map<string, WeakRef<MessageEntry>>()
  #queue = new PendingQueue([], EMPTY_LOG)
  #pending: MessageEntry[] = []
  /** So many at the beginning of `#pending` are in the log, and have not come here with it. */
  #onTheirWay = 0
  #commands: CommandsByMessage = new Map()
  readonly #recorded = new Map<number, Writer>()
  readonly #removed = new Set<MessageEntry>()
  readonly #touched = new Set<MessageEntry>()
  #edge = 0
  #hasWaited: boolean
  /** So many of its documents say nothing now. */
  #holds = 0

  constructor(
    outbox: OutboxDocument,
    onChanges: (changes: MessageChanges) => void,
    pageSize = PAGE_SIZE,
  ) {
    this.#outbox = outbox
    this.#hasWaited = outbox.isWaiting
    this.#onChanges = onChanges
    this.#pageSize = pageSize
    this.#rebuild()
    this.#takeChanges(false)
    this.#stop = outbox.follow(appended => this.#update(appended))
  }

  stop(): void {
    this.#stop()
    for (const { stop } of this.#pages.values()) stop()
  }

  /** From now on what is shown stands, whatever becomes of a document of it, until that is read again. */
  hold(): void {
    this.#holds++
  }

  /** Reads everything anew and tells of what differs; what is not there any more, and not in the log, is gone. */
  reread(): void {
    this.#holds--
    if (this.isHeld) return
    this.#outbox.reread()
    this.#hasWaited = this.#outbox.isWaiting
    this.#recorded.clear()
    for (const page of this.#pages.values()) {
      page.document.reread()
      page.isRead = false
    }
    this.#rebuild(true)
    this.#onChanges(this.#takeChanges(true))
  }

  get isHeld(): boolean {
    return this.#holds > 0
  }

  /** What is written and not in the log, as far as that has come here, in the order in which it is shown. */
  get pending(): readonly MessageEntry[] {
    return this.#pending
  }

  /** How many messages of the log are here or before it, up to the first that is yet to come. */
  get end(): number {
    let page = this.#edge
    while (this.#isFull(page)) page++
    return page * this.#pageSize + (this.#pages.get(page)?.entries.length ?? 0)
  }

  /** How many messages are in the log, removed ones included. */
  get count(): number {
    return Math.max(this.#outbox.state.count, this.end)
  }

  /** Of the log those that were removed, or are to be. */
  get removed(): Removed[] {
    const { state } = this.#outbox
    return removedMessages(this.#outbox.removed(), this.#commands, state)
  }

  /** How many messages there are, pending and removed ones included. */
  get length(): number {
    const last = this.#pending.at(-1)
    return last ? last.index + 1 : this.count
  }

  /** The page of the last message in the log, or the first one. */
  get lastPage(): number {
    return pageOf(Math.max(0, this.count - 1), this.#pageSize)
  }

  /** The page that is to hold the next message. */
  get newestPage(): number {
    return pageOf(this.count, this.#pageSize)
  }

  /** From this page on, messages that come are new. */
  get edge(): number {
    return this.#edge
  }

  /** Greater than that of every message there is. */
  get nextLamport(): number {
    return this.#queue.lamport + 1
  }

  /** A message of an open page, or one that is pending. */
  at(index: number): MessageEntry | undefined {
    const page = pageOf(index, this.#pageSize)
    const found = this.#pages.get(page)?.entries[index - page * this.#pageSize]
    if (found) return found
    const waiting = index - this.#firstWaiting
    const place = waiting < 0 ? index - this.end : this.#onTheirWay + waiting
    const entry = this.#pending[place]
    return entry?.index === index ? entry : undefined
  }

  /** Where it goes on, in a direction, if an index is one of those between log and pending messages that have not come here. */
  beyondGap(index: number, step: 1 | -1): number | undefined {
    const first = this.end + this.#onTheirWay
    if (index < first || index >= this.#firstWaiting) return undefined
    return step > 0 ? this.#firstWaiting : first - 1
  }

  find(id: MessageId): MessageEntry | undefined {
    return this.#byKey.get(messageKey(id))
  }

  page(number: number): PageDocument | undefined {
    return this.#pages.get(number)?.document
  }

  /** Opens a page, whose document must be loaded. What is there already is not told of, unless it is new. */
  openPage(number: number, document: PageDocument, isNew: boolean): void {
    const stop = document.follow(() => {
      page.isRead = false
      this.#update(undefined)
    })
    const page: OpenPage = {
      document,
      entries: [],
      hidden: new Set(),
      stop,
      isRead: false,
      isReachable: false,
    }
    this.#pages.set(number, page)
    if (this.isHeld) return
    this.#rebuild()
    this.#onChanges(this.#takeChanges(isNew))
  }

  /** Messages of a page that is closed keep what they say. */
  closePage(number: number): void {
    const page = this.#pages.get(number)
    if (!page) return
    page.stop()
    this.#pages.delete(number)
    for (const [key, entry] of this.#closed) if (!entry.deref()) this.#closed.delete(key)
    for (const entry of page.entries) {
      this.#byKey.delete(entry.key)
      this.#removed.delete(entry)
      if (entry.view) this.#closed.set(entry.key, new WeakRef(entry))
    }
  }

  /** From this page on, messages that come are new. */
  startAt(page: number): void {
    this.#edge = page
  }

  /** What there is to read: the end of the log as far as it is here, and what is pending. */
  view(): LogView {
    const { end } = this
    const isWhole = !this.#isAnyHidden
    const waiting = this.#onTheirWay > 0 ? this.#pending.slice(this.#onTheirWay) : this.#pending
    return {
      since: index => this.#logFrom(index, end),
      end,
      removed: this.#removed,
      pending: isWhole ? waiting : waiting.filter(({ key }) => !this.#isHidden(key)),
      isComplete: this.#isComplete,
    }
  }

  /** Nothing is in the log that has not come here yet. */
  get #isComplete(): boolean {
    const { state, isWaiting } = this.#outbox
    return !this.#isAnyHidden && this.end >= state.count && !isWaiting
  }

  #logFrom(index: number, end: number): readonly MessageEntry[] | undefined {
    const log: MessageEntry[] = []
    for (let next = index; next < end; ) {
      const page = pageOf(next, this.#pageSize)
      const entries = this.#pages.get(page)?.entries.slice(next - page * this.#pageSize) ?? []
      if (entries.length === 0) return undefined
      for (const entry of entries) log.push(entry)
      next += entries.length
    }
    return log
  }

  get #firstWaiting(): number {
    return Math.max(this.#outbox.state.count, this.end + this.#onTheirWay)
  }

  #isFull(page: number): boolean {
    return this.#pages.get(page)?.entries.length === this.#pageSize
  }

  #update(appended: readonly AppendedItem[] | undefined): void {
    if (this.isHeld) return
    const hasWaited = this.#hasWaited
    this.#hasWaited = this.#outbox.isWaiting
    // What comes then may be what the rest has waited for.
    const isAddedOnly = appended !== undefined && !hasWaited && this.#append(appended)
    if (!isAddedOnly) this.#rebuild()
    this.#onChanges(this.#takeChanges(true, isAddedOnly))
  }

  /** As `#rebuild`, if nothing happened but that messages were written: there may be very many already. */
  #append(items: readonly AppendedItem[]): boolean {
    const waiting = this.#pending.length - this.#onTheirWay
    if (this.#queue.sorted.length !== waiting) return false
    if (items.some(({ entry }) => entry?.kind !== 'message')) return false
    let first = this.#pending.length
    for (const { author, writer, entry } of items) {
      if (entry?.kind !== 'message') continue
      const place = this.#queue.add(author, writer, entry)
      if (place < 0) continue
      const pending = this.#entryOf(this.#queue.sorted[place] as Pending)
      if (pending.isFinal) return false
      this.#pending.splice(this.#onTheirWay + place, 0, pending)
      pending.show(this.#commands.get(pending.key) ?? NO_COMMANDS)
      first = Math.min(first, this.#onTheirWay + place)
    }
    this.#placePending(first)
    return true
  }

  #rebuild(isAnew = false): void {
    const { state } = this.#outbox
    const outboxes = this.#outbox.outboxes()
    this.#readPages()
    this.#queue = new PendingQueue(outboxes, state)
    const isComplete = this.#isComplete
    const waiting = new Set<MessageEntry>()
    for (const pending of this.#queue.sorted) {
      const entry = this.#entryOf(pending)
      if (!entry.isFinal) waiting.add(entry)
    }
    const onTheirWay: MessageEntry[] = []
    for (const entry of this.#pending) {
      if (entry.isFinal || waiting.has(entry)) continue
      // Only a sequencer takes it away: what says so, or the page, may be yet to come. But for what was refused.
      if (isInLog(entry, state) ? isComplete : isAnew) this.#forget(entry)
      else onTheirWay.push(entry)
    }
    this.#pending = [...onTheirWay, ...waiting]
    this.#onTheirWay = onTheirWay.length
    this.#placePending(0)
    this.#takeCommands(commandsByMessage(outboxes))
  }

  get #isAnyHidden(): boolean {
    for (const { hidden } of this.#pages.values()) if (hidden.size > 0) return true
    return false
  }

  #isHidden(key: string): boolean {
    for (const { hidden } of this.#pages.values()) if (hidden.has(key)) return true
    return false
  }

  #readPages(): void {
    const pages = [...this.#pages].sort(([a], [b]) => a - b)
    for (const [number, page] of pages) {
      const isReachable = number <= this.#edge || this.#isFull(number - 1)
      if (page.isRead && page.isReachable === isReachable) continue
      page.isRead = true
      page.isReachable = isReachable
      this.#readPage(number, page)
    }
  }

  #readPage(number: number, { document, entries, hidden, isReachable }: OpenPage): void {
    const stored = document.entries()
    let length = 0
    for (const one of isReachable ? stored : []) {
      if (one.index !== number * this.#pageSize + length) break
      const known = entries[length]
      if (known?.base !== one) {
        const entry = this.#entry(one, one)
        if (known && known !== entry) this.#forget(known)
        entries[length] = entry
        entry.base = one
        entry.place(one.index, true)
        this.#touched.add(entry)
      }
      length++
    }
    for (const entry of entries.splice(length)) this.#forget(entry)
    hidden.clear()
    for (const one of stored.slice(length)) hidden.add(messageKey(one))
  }

  #placePending(first: number): void {
    const start = this.#firstWaiting - this.#onTheirWay
    const { end } = this
    for (let i = first; i < this.#pending.length; i++) {
      const entry = this.#pending[i] as MessageEntry
      entry.place(i + (i < this.#onTheirWay ? end : start), false)
      this.#touched.add(entry)
    }
  }

  #takeCommands(next: CommandsByMessage): void {
    for (const key of [...this.#commands.keys(), ...next.keys()]) {
      const entry = this.#byKey.get(key)
      if (entry) this.#touched.add(entry)
    }
    this.#commands = next
    this.#takeRecorded()
    // What the log has of them comes with it.
    const kept = new Set(this.#pending.slice(0, this.#onTheirWay))
    for (const entry of this.#touched) {
      if (kept.has(entry)) continue
      const isRemoved = entry.isFinal && this.#recorded.get(entry.index) === entry.writer
      entry.show(next.get(entry.key) ?? NO_COMMANDS, isRemoved)
    }
  }

  /** Messages that are said to be removed; their pages may be yet to say so. */
  #takeRecorded(): void {
    const removed = this.#outbox.removed()
    if (removed.length === this.#recorded.size) return
    for (const { index, writer } of removed) {
      if (this.#recorded.has(index)) continue
      this.#recorded.set(index, writer)
      const entry = this.at(index)
      if (entry) this.#touched.add(entry)
    }
  }

  #entryOf({ author, writer, message: { counter, time, content } }: Pending): MessageEntry {
    return this.#entry({ author, writer, counter, time }, { content, edits: undefined })
  }

  #entry(origin: MessageOrigin, base: MessageState): MessageEntry {
    const key = messageKey(origin)
    const known = this.#byKey.get(key) ?? this.#closed.get(key)?.deref()
    const entry = known ?? new MessageEntry(origin, base)
    this.#byKey.set(key, entry)
    return entry
  }

  /** Of what is not there any more. */
  #forget(entry: MessageEntry): void {
    entry.base = REMOVED
    entry.place(-1, false)
    this.#byKey.delete(entry.key)
    this.#removed.delete(entry)
    this.#touched.add(entry)
  }

  #takeChanges(isNew: boolean, isAddedOnly = false): MessageChanges {
    const added: MessageEntry[] = []
    const updated: [MessageEntry, number][] = []
    const removed: MessageEntry[] = []
    for (const entry of this.#touched) {
      const mask = entry.takeReasons()
      const isThere = entry.content !== null
      if (!isThere && entry.isFinal) this.#removed.add(entry)
      else this.#removed.delete(entry)
      const wasThere = entry.isShown
      entry.isShown = isThere
      if (wasThere && !isThere) removed.push(entry)
      else if (wasThere && mask !== 0) updated.push([entry, mask])
      else if (!wasThere && isThere && isNew && this.#isNew(entry)) added.push(entry)
    }
    this.#touched.clear()
    added.sort((a, b) => a.index - b.index)
    return { added, updated, removed, isAddedOnly }
  }

  /** Old pages are looked at by those who ask for them. */
  #isNew({ index, isFinal }: MessageEntry): boolean {
    return !isFinal || pageOf(index, this.#pageSize) >= this.#edge
  }
}
