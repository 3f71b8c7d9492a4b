import type * as Y from 'yjs'
import { type Counts, decodeCounts, encodeCounts } from '../counts.ts'
import { rootMap } from '../root-map.ts'
import type { MessageId } from './ids.ts'
import { encodeLogEntry, type LogEntry } from './log-entry.ts'
import { PageEntries } from './page-entries.ts'

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
  readonly #entries: PageEntries

  constructor(doc: Y.Doc) {
    this.#before = rootMap(doc, PAGE_ROOTS.before)
    this.#doc = doc
    this.#log = doc.getArray(PAGE_ROOTS.log)
    this.#entries = PageEntries.of(this.#log)
  }

  /** Calls back when transactions have changed something here; returns how to end that. */
  follow(onChanged: () => void): () => void {
    let isTouched = false
    const onChange = () => {
      isTouched = true
    }
    const onSettled = () => {
      if (!isTouched) return
      isTouched = false
      onChanged()
    }
    this.#log.observe(onChange)
    this.#before.observe(onChange)
    this.#doc.on('afterAllTransactions', onSettled)
    return () => {
      this.#log.unobserve(onChange)
      this.#before.unobserve(onChange)
      this.#doc.off('afterAllTransactions', onSettled)
    }
  }

  /** Reads everything anew, after the document was emptied and filled again. */
  reread(): void {
    this.#entries.reread()
  }

  /** By index, each index and each message once: of several, the one that was there first counts. */
  entries(): readonly LogEntry[] {
    return this.#entries.sorted()
  }

  at(index: number): LogEntry | undefined {
    return this.#entries.at(index)
  }

  find(id: MessageId): LogEntry | undefined {
    return this.#entries.find(id)
  }

  /** Those that follow one another without a gap, from an index on. */
  entriesFrom(index: number): LogEntry[] {
    const found: LogEntry[] = []
    for (let entry = this.at(index); entry; entry = this.at(entry.index + 1)) found.push(entry)
    return found
  }

  /** How many messages of each writer lie on the pages before; undefined where it has not come here. */
  get sentBefore(): Counts | undefined {
    return decodeCounts(this.#before.get(SENT))
  }

  /**
   * The sequencer's: what comes after, and what takes the place of an entry with the same index. One transaction.
   *
   * @param sentBefore what `sentBefore` is from now on, if given
   */
  write(
    appended: readonly LogEntry[],
    changed: readonly LogEntry[],
    sentBefore: Counts | undefined,
  ): void {
    this.#doc.transact(() => {
      if (sentBefore) this.#before.set(SENT, encodeCounts(sentBefore))
      const changes = changed.flatMap(next => {
        const entry = this.at(next.index)
        const place = entry ? this.#entries.placeOf(entry) : -1
        return place < 0 ? [] : [{ place, next }]
      })
      for (const { place, next } of changes) {
        this.#log.delete(place)
        this.#log.insert(place, [encodeLogEntry(next)])
      }
      if (appended.length > 0) this.#log.insert(this.#log.length, appended.map(encodeLogEntry))
    }, this)
  }
}
