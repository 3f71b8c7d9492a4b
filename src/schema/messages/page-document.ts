import type * as Y from 'yjs'
import { type Counts, decodeCounts, encodeCounts } from '../counts.ts'
import { rootMap } from '../root-map.ts'
import { type MessageId, messageKey } from './ids.ts'
import { decodeLogEntry, encodeLogEntry, type LogEntry } from './log-entry.ts'

/** The roots of a page. Written by the sequencer only. */
export const PAGE_ROOTS = {
  /** Array of entries by index. */
  log: 'log',
  /** Under `sent`: how many messages of each writer lie on the pages before. */
  before: 'before',
} as const

const SENT = 'sent'

/** One page of the log. */
export class PageDocument {
  readonly #doc: Y.Doc
  readonly #log: Y.Array<unknown>
  readonly #before: Y.Map<unknown>

  constructor(doc: Y.Doc) {
    this.#before = rootMap(doc, PAGE_ROOTS.before)
    this.#doc = doc
    this.#log = doc.getArray(PAGE_ROOTS.log)
  }

  observe(onChange: () => void): () => void {
    this.#log.observe(onChange)
    return () => this.#log.unobserve(onChange)
  }

  /** By index, each index and each message once: of several, the one that was there first counts. */
  entries(): LogEntry[] {
    const byIndex = new Map<number, LogEntry>()
    const known = new Set<string>()
    for (const stored of this.#log.toArray()) {
      const entry = decodeLogEntry(stored)
      if (!entry || byIndex.has(entry.index) || known.has(messageKey(entry))) continue
      byIndex.set(entry.index, entry)
      known.add(messageKey(entry))
    }
    return [...byIndex.values()].sort((a, b) => a.index - b.index)
  }

  /** How many messages of each writer lie on the pages before; undefined where it has not come here. */
  get sentBefore(): Counts | undefined {
    return decodeCounts(this.#before.get(SENT))
  }

  /** The sequencer's: what comes after, and what takes the place of an entry with the same index. One transaction. */
  write(
    appended: readonly LogEntry[],
    changed: ReadonlyMap<number, LogEntry>,
    sentBefore: Counts,
  ): void {
    this.#doc.transact(() => {
      if (this.#log.length === 0) this.#before.set(SENT, encodeCounts(sentBefore))
      for (let at = 0; changed.size > 0 && at < this.#log.length; at++) {
        const next = changed.get(decodeLogEntry(this.#log.get(at))?.index ?? -1)
        if (!next) continue
        this.#log.delete(at)
        this.#log.insert(at, [encodeLogEntry(next)])
      }
      if (appended.length > 0) this.#log.insert(this.#log.length, appended.map(encodeLogEntry))
    }, this)
  }
}

export function sameMessage(a: MessageId, b: MessageId): boolean {
  return a.writer === b.writer && a.counter === b.counter
}
