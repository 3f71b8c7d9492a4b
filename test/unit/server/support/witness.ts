import { messageKey } from '../../../../src/schema/messages/ids.ts'
import type { LogEntry } from '../../../../src/schema/messages/log-entry.ts'
import type { Author } from './chat.ts'

/** Which index each message has, wherever anybody saw it: that never changes. */
export class Witness {
  readonly #indexOf = new Map<string, number>()
  readonly #messageAt = new Map<number, string>()

  get size(): number {
    return this.#indexOf.size
  }

  look(log: readonly LogEntry[]): void {
    for (const entry of log) {
      const key = messageKey(entry)
      // Not by `expect`, which would take most of the time.
      if ((this.#indexOf.get(key) ?? entry.index) !== entry.index) {
        throw new Error(`a final index moved: ${key}`)
      }
      if ((this.#messageAt.get(entry.index) ?? key) !== key) {
        throw new Error(`an index twice: ${entry.index}`)
      }
      this.#indexOf.set(key, entry.index)
      this.#messageAt.set(entry.index, key)
    }
  }

  missingIn(log: readonly LogEntry[]): string[] {
    const stored = new Set(log.map(messageKey))
    return [...this.#indexOf.keys()].filter(key => !stored.has(key))
  }
}

/**
 * Writes at each turn of the event loop until it is told to stop.
 *
 * @param maxPending messages that are written faster than anybody can read them would show nothing more
 */
export function writeForever(author: Author, length: number, maxPending = 500): () => void {
  let isOver = false
  const write = () => {
    if (isOver) return
    setImmediate(write)
    if (author.pendingCount > maxPending) return
    author.burst(length)
    const target = author.sent.at(-1 - Math.floor(Math.random() * 50))
    if (target && author.sent.length % 5 === 0) author.edit(target, 'edited')
  }
  write()
  return () => {
    isOver = true
  }
}
