import * as Y from 'yjs'
import { isParticipantKey, parseSlotKey, slotKey } from '../format.ts'
import type { Writer } from '../horizon.ts'
import { rootMap } from '../root-map.ts'
import {
  decodeLogState,
  EMPTY_LOG,
  encodeLogState,
  joinLogState,
  type LogState,
} from './log-state.ts'
import { decodeOutboxEntry, encodeOutboxEntry, isCount, type OutboxEntry } from './outbox-entry.ts'

/** The roots of the document of what is not in the log yet. */
export const OUTBOX_ROOTS = {
  /** Arrays of entries by `participant|writer`: each is made and filled by its writer, and emptied by the sequencer. */
  outbox: 'outbox',
  /**
   * How far the log has come, by the writer that runs the sequencer. One key in all: others beside it would keep a
   * tombstone for each write.
   */
  log: 'log',
  /** Of removed messages, by index: the writer. Written by the sequencer. */
  removed: 'removed',
} as const

const STATE = 'state'

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

/** What is written and not in the log yet, and how far the log has come. */
export class OutboxDocument {
  readonly #doc: Y.Doc
  readonly #outboxes: Y.Map<unknown>
  readonly #log: Y.Map<unknown>
  readonly #removed: Y.Map<unknown>
  #state = EMPTY_LOG
  /** What `#state` is made of. */
  readonly #read = new WeakSet<object>()
  readonly #decoded = new WeakMap<object, OutboxEntry | undefined>()

  /** @throws {ConversationsError} `invalid-argument` if a root of the document is of another type */
  constructor(doc: Y.Doc) {
    this.#doc = doc
    this.#outboxes = rootMap(doc, OUTBOX_ROOTS.outbox)
    this.#log = rootMap(doc, OUTBOX_ROOTS.log)
    this.#removed = rootMap(doc, OUTBOX_ROOTS.removed)
  }

  get writer(): Writer {
    return this.#doc.clientID
  }

  /** The join of all that was ever seen: those who ran the sequencer one after the other may not have met. */
  get state(): LogState {
    for (const stored of this.#log.values()) {
      if (!(stored instanceof Uint8Array) || this.#read.has(stored)) continue
      this.#read.add(stored)
      const state = decodeLogState(stored)
      if (state) this.#state = joinLogState(this.#state, state)
    }
    return this.#state
  }

  /** Which messages were removed from the log, with their writers. */
  removed(): { index: number; writer: Writer }[] {
    const found: { index: number; writer: Writer }[] = []
    for (const [key, writer] of this.#removed.entries()) {
      const index = Number(key)
      if (isCount(index) && String(index) === key && isCount(writer)) found.push({ index, writer })
    }
    return found
  }

  /** Who writes under which client id: everybody who ever wrote keeps their outbox. */
  authors(): Map<Writer, string> {
    const authors = new Map<Writer, string>()
    for (const key of this.#outboxes.keys()) {
      const slot = parseSlotKey(key)
      if (slot) authors.set(slot.number, slot.owner)
    }
    return authors
  }

  /** Calls back after every transaction that changed something here; returns how to end that. */
  observe(onChange: () => void): () => void {
    this.#outboxes.observeDeep(onChange)
    this.#log.observe(onChange)
    return () => {
      this.#outboxes.unobserveDeep(onChange)
      this.#log.unobserve(onChange)
    }
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

  /** The sequencer's: the log has come this far, and these are in it. One transaction. */
  acknowledge(
    state: LogState,
    handled: ReadonlySet<OutboxItem['stored']>,
    removed: readonly { index: number; writer: Writer }[],
  ): void {
    this.#doc.transact(() => {
      const key = slotKey(STATE, this.writer)
      this.#log.set(key, encodeLogState(joinLogState(this.state, state)))
      for (const other of this.#log.keys()) if (other !== key) this.#log.delete(other)
      for (const { index, writer } of removed) {
        if (!this.#removed.has(String(index))) this.#removed.set(String(index), writer)
      }
      for (const array of this.#outboxes.values()) {
        // Never the array itself: what its writer pushes at the same time would be lost with it.
        if (array instanceof Y.Array && array.length > 0) deleteItems(array, handled)
      }
    }, this)
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
