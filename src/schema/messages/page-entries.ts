import type * as Y from 'yjs'
import { type MessageId, messageKey } from './ids.ts'
import { decodeLogEntry, type LogEntry } from './log-entry.ts'

const known = new WeakMap<Y.Array<unknown>, PageEntries>()

/**
 * What lies in the array of a page, each entry decoded once: a page is looked at for every message that is added to it.
 * Reading is behind while a transaction is open.
 */
export class PageEntries {
  /** As they lie there; undefined = cannot be read. */
  #items: (LogEntry | undefined)[] = []
  readonly #array: Y.Array<unknown>
  readonly #byIndex = new Map<number, LogEntry>()
  readonly #byMessage = new Map<string, LogEntry>()
  #sorted: LogEntry[] | undefined
  /** Entries may be here that do not lie there, and make place for those that come. */
  #hasKept = false

  /** Of an array there is one, so that it hears of a change before anybody who may ask. */
  static of(array: Y.Array<unknown>): PageEntries {
    const entries = known.get(array) ?? new PageEntries(array)
    known.set(array, entries)
    return entries
  }

  private constructor(array: Y.Array<unknown>) {
    this.#array = array
    this.reread()
    array.observe(event => this.#update(event))
  }

  reread(): void {
    this.#items = this.#array.toArray().map(decodeLogEntry)
    this.#sorted = undefined
    this.#hasKept = false
    this.#byIndex.clear()
    this.#byMessage.clear()
    this.#index(this.#items)
  }

  /** By index, each index and each message once: of several, the one that was there first counts. */
  sorted(): readonly LogEntry[] {
    this.#sorted ??= [...this.#byIndex.values()].sort((a, b) => a.index - b.index)
    return this.#sorted
  }

  at(index: number): LogEntry | undefined {
    return this.#byIndex.get(index)
  }

  find(id: MessageId): LogEntry | undefined {
    return this.#byMessage.get(messageKey(id))
  }

  /** Where in the array an entry lies; -1 = what is to take its place has not come yet. */
  placeOf(entry: LogEntry): number {
    return this.#items.indexOf(entry)
  }

  #update({ changes, target }: Y.YArrayEvent<unknown>): void {
    const [first, second] = changes.delta
    const appended = first?.retain === this.#items.length ? second : first
    const place = appended === second ? this.#items.length : 0
    const isLast = place === this.#items.length && !changes.delta[2]
    if (appended?.insert && isLast && !this.#hasKept) {
      const entries = (appended.insert as unknown[]).map(decodeLogEntry)
      this.#items.push(...entries)
      this.#index(entries)
      return
    }
    const items: (LogEntry | undefined)[] = []
    let next = 0
    for (const { retain = 0, delete: deleted = 0, insert = [] } of changes.delta) {
      items.push(...this.#items.slice(next, next + retain))
      items.push(...(insert as unknown[]).map(decodeLogEntry))
      next += retain + deleted
    }
    this.#items = items.concat(this.#items.slice(next))
    this.#sorted = undefined
    const before = [...this.#byIndex.values()]
    this.#byIndex.clear()
    this.#byMessage.clear()
    this.#index(this.#items)
    // Of what came before something that it rests on Yjs takes over the deletions only, so far.
    this.#hasKept = Boolean(target.doc?.store.pendingStructs)
    if (this.#hasKept) this.#index(before)
  }

  #index(entries: readonly (LogEntry | undefined)[]): void {
    for (const entry of entries) {
      if (!entry || this.#byIndex.has(entry.index)) continue
      const key = messageKey(entry)
      if (this.#byMessage.has(key)) continue
      this.#byIndex.set(entry.index, entry)
      this.#byMessage.set(key, entry)
      // Most come in their order.
      if ((this.#sorted?.at(-1)?.index ?? -1) < entry.index) this.#sorted?.push(entry)
      else this.#sorted = undefined
    }
  }
}
