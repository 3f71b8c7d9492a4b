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
  #items: (LogEntry | undefined)[]
  readonly #byIndex = new Map<number, LogEntry>()
  readonly #byMessage = new Map<string, LogEntry>()
  #sorted: LogEntry[] | undefined

  /** Of an array there is one, so that it hears of a change before anybody who may ask. */
  static of(array: Y.Array<unknown>): PageEntries {
    const entries = known.get(array) ?? new PageEntries(array)
    known.set(array, entries)
    return entries
  }

  private constructor(array: Y.Array<unknown>) {
    this.#items = array.toArray().map(decodeLogEntry)
    this.#index(this.#items)
    array.observe(event => this.#update(event))
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

  /** Where in the array an entry lies. */
  placeOf(entry: LogEntry): number {
    return this.#items.indexOf(entry)
  }

  #update({ changes }: Y.YArrayEvent<unknown>): void {
    const [first, second] = changes.delta
    const appended = first?.retain === this.#items.length ? second : first
    const place = appended === second ? this.#items.length : 0
    const isAppended = appended?.insert && place === this.#items.length && !changes.delta[2]
    if (isAppended) {
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
    this.#byIndex.clear()
    this.#byMessage.clear()
    this.#index(this.#items)
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
