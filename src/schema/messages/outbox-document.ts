import * as Y from 'yjs'
import { isParticipantKey, parseSlotKey, slotKey } from '../format.ts'
import type { Writer } from '../horizon.ts'
import { rootMap } from '../root-map.ts'
import { isCount } from './ids.ts'
import type { LogState } from './log-state.ts'
import { decodeOutboxEntry, encodeOutboxEntry, type OutboxEntry } from './outbox-entry.ts'
import { StoredLogState } from './stored-log-state.ts'

/** The roots of the document of what is not in the log yet. */
export const OUTBOX_ROOTS = {
  /** Arrays of entries by `participant|writer`: each is made and filled by its writer, and emptied by the sequencer. */
  outbox: 'outbox',
  /** Array of changes that tell how far the log has come. Written by the sequencer. */
  log: 'log',
  /** Of removed messages, by index: the writer. Written by the sequencer. */
  removed: 'removed',
} as const

/** Somebody's entries that are not in the log yet, in the order they were written. */
export interface Outbox {
  readonly author: string
  readonly writer: Writer
  readonly items: readonly OutboxItem[]
}

export interface OutboxItem {
  /** Undefined = cannot be read. */
  readonly entry: OutboxEntry | undefined
  /** The same as it lies there, which tells it from every other. */
  readonly stored: unknown
}

export interface SequencerIdentity {
  /** A participant key, or `''` for a server. */
  readonly owner: string
  /** A client id that nothing else is written under, if the document's own one has other uses. */
  readonly writer?: Writer | undefined
}

/** An item that was put behind the others of its outbox. */
export interface AppendedItem {
  readonly author: string
  readonly writer: Writer
  readonly entry: OutboxEntry | undefined
}

/** What is written and not in the log yet, and how far the log has come. */
export class OutboxDocument {
  readonly #doc: Y.Doc
  readonly #outboxes: Y.Map<unknown>
  readonly #log: Y.Array<unknown>
  readonly #removed: Y.Map<unknown>
  readonly #state: StoredLogState
  /** Only then is it known when what is remembered has changed. */
  #isFollowed = false
  #authors: Map<Writer, string> | undefined
  #recorded: { index: number; writer: Writer }[] | undefined
  readonly #decoded = new WeakMap<object, OutboxEntry | undefined>()

  /** @throws {ConversationsError} `invalid-argument` if a root of the document is of another type */
  constructor(doc: Y.Doc) {
    this.#doc = doc
    this.#outboxes = rootMap(doc, OUTBOX_ROOTS.outbox)
    this.#log = doc.getArray(OUTBOX_ROOTS.log)
    this.#removed = rootMap(doc, OUTBOX_ROOTS.removed)
    this.#state = StoredLogState.of(this.#log)
  }

  get writer(): Writer {
    return this.#doc.clientID
  }

  /** Who runs the sequencer, a participant key or `''` for a server; undefined = nobody ever did. */
  get sequencedBy(): string | undefined {
    return this.#state.owner
  }

  get state(): LogState {
    return this.#state.current
  }

  /**
   * Something came before what it rests on. Of such an update Yjs takes over the deletions only, so far: what is not in an outbox
   * any more may be in the log, and the state does not say so yet.
   */
  get isWaiting(): boolean {
    return this.#doc.store.pendingStructs !== null
  }

  /** Which messages were removed from the log, with their writers. */
  removed(): readonly { index: number; writer: Writer }[] {
    if (this.#recorded) return this.#recorded
    const found: { index: number; writer: Writer }[] = []
    for (const [key, writer] of this.#removed.entries()) {
      const index = Number(key)
      if (isCount(index) && String(index) === key && isCount(writer)) found.push({ index, writer })
    }
    if (this.#isFollowed) this.#recorded = found
    return found
  }

  /** Who writes under which client id: everybody who ever wrote keeps their outbox. */
  authors(): ReadonlyMap<Writer, string> {
    if (this.#authors) return this.#authors
    const authors = new Map<Writer, string>()
    for (const key of this.#outboxes.keys()) {
      const slot = parseSlotKey(key)
      if (slot) authors.set(slot.number, slot.owner)
    }
    if (this.#isFollowed) this.#authors = authors
    return authors
  }

  /**
   * Calls back when transactions have changed something here; returns how to end that.
   *
   * @param onChanged gets what was appended, or undefined if that is not all that happened
   */
  follow(onChanged: (appended: readonly AppendedItem[] | undefined) => void): () => void {
    let appended: AppendedItem[] | undefined = []
    let isTouched = false
    const onEvents = (events: Y.YEvent<Y.Map<unknown> | Y.Array<unknown>>[]) => {
      isTouched = true
      for (const event of events) {
        if (event.target === this.#outboxes) this.#authors = undefined
        const items = appended && this.#appendedBy(event)
        appended = items && appended?.concat(items)
      }
    }
    const onOther = () => {
      isTouched = true
      appended = undefined
      this.#recorded = undefined
    }
    const onSettled = () => {
      if (!isTouched) return
      const news = appended
      isTouched = false
      appended = []
      onChanged(news)
    }
    this.#isFollowed = true
    this.#outboxes.observeDeep(onEvents as () => void)
    this.#log.observe(onOther)
    this.#removed.observe(onOther)
    // Not after each: who is told would write while Yjs still holds back what that changes.
    this.#doc.on('afterAllTransactions', onSettled)
    return () => {
      this.#outboxes.unobserveDeep(onEvents as () => void)
      this.#log.unobserve(onOther)
      this.#removed.unobserve(onOther)
      this.#doc.off('afterAllTransactions', onSettled)
    }
  }

  /** Reads everything anew, after the document was emptied and filled again. */
  reread(): void {
    this.#authors = undefined
    this.#recorded = undefined
    this.#state.reread()
  }

  /** Those with something in them, in the same order everywhere. */
  outboxes(): Outbox[] {
    const found: Outbox[] = []
    for (const [key, array] of this.#outboxes.entries()) {
      // Most are empty.
      if (!(array instanceof Y.Array) || array.length === 0) continue
      const slot = parseSlotKey(key)
      if (!slot || !isParticipantKey(slot.owner)) continue
      const items = array.toArray().map(stored => ({ entry: this.#decode(stored), stored }))
      found.push({ author: slot.owner, writer: slot.number, items })
    }
    return found.sort((a, b) => a.writer - b.writer || (a.author < b.author ? -1 : 1))
  }

  /** Call inside a transaction of the document, or for one entry. */
  push(author: string, entry: OutboxEntry): void {
    const key = slotKey(author, this.writer)
    let array = this.#outboxes.get(key)
    if (!(array instanceof Y.Array)) {
      array = new Y.Array()
      this.#outboxes.set(key, array)
    }
    ;(array as Y.Array<unknown>).push([encodeOutboxEntry(entry)])
  }

  /**
   * The counter of this writer's next entry. By all that was ever pushed, deleted or not: what the sequencer says of it
   * may be yet to come.
   */
  nextCounter(author: string): number {
    const array = this.#outboxes.get(slotKey(author, this.writer))
    let counter = 1
    if (!(array instanceof Y.Array)) return counter
    for (let item = array._start; item; item = item.right) counter += item.length
    return counter
  }

  /**
   * The sequencer's: the log has come this far, and these are in it. One transaction.
   *
   * @param by who runs it, and the client id it writes under
   */
  acknowledge(
    { owner, writer: sequencer = this.writer }: SequencerIdentity,
    state: LogState,
    handled: ReadonlySet<OutboxItem['stored']>,
    removed: readonly { index: number; writer: Writer }[],
  ): void {
    this.#doc.transact(() => {
      const { clientID } = this.#doc
      this.#doc.clientID = sequencer
      this.#state.write(owner, state)
      for (const { index, writer } of removed) {
        if (!this.#removed.has(String(index))) this.#removed.set(String(index), writer)
      }
      this.#doc.clientID = clientID
      for (const array of this.#outboxes.values()) {
        // Never the array itself: what its writer pushes at the same time would be lost with it.
        if (array instanceof Y.Array && array.length > 0) deleteItems(array, handled)
      }
    }, this)
  }

  /** What an event put behind the rest of an outbox; undefined if that is not all it did. */
  #appendedBy({ target, changes }: Y.YEvent<Y.Map<unknown> | Y.Array<unknown>>) {
    if (target === this.#outboxes) {
      const made: AppendedItem[][] = []
      for (const [key, { action }] of changes.keys) {
        const array = this.#outboxes.get(key)
        if (action !== 'add' || !(array instanceof Y.Array)) return undefined
        made.push(this.#itemsOf(key, array.toArray()))
      }
      return made.flat()
    }
    const key = target._item?.parentSub
    if (!key || target.parent !== this.#outboxes || !(target instanceof Y.Array)) return undefined
    let place = 0
    let items: unknown[] = []
    for (const { retain = 0, insert = [], delete: deleted = 0 } of changes.delta) {
      if (deleted > 0) return undefined
      place += retain
      items = insert as unknown[]
    }
    return place + items.length === target.length ? this.#itemsOf(key, items) : undefined
  }

  #itemsOf(key: string, items: readonly unknown[]): AppendedItem[] {
    const slot = parseSlotKey(key)
    if (!slot || !isParticipantKey(slot.owner)) return []
    return items.map(stored => ({
      author: slot.owner,
      writer: slot.number,
      entry: this.#decode(stored),
    }))
  }

  /** Once, however long it waits. */
  #decode(stored: unknown): OutboxEntry | undefined {
    if (!Array.isArray(stored)) return undefined
    if (!this.#decoded.has(stored)) this.#decoded.set(stored, decodeOutboxEntry(stored))
    return this.#decoded.get(stored)
  }
}

/** In runs, as most often all of them go. */
function deleteItems(array: Y.Array<unknown>, items: ReadonlySet<unknown>): void {
  const stored = array.toArray()
  for (let end = stored.length; end > 0; ) {
    let start = end
    while (start > 0 && items.has(stored[start - 1])) start--
    if (start < end) array.delete(start, end - start)
    end = start - 1
  }
}
