import { ConversationsError } from '../../base/errors.ts'
import type { DocumentLog, StoredDocument } from './document-log.ts'
import { wellFormed } from './well-formed.ts'

interface Row {
  readonly seq: number
  readonly update: Uint8Array
}

interface MemoryDocument {
  snapshot?: Row
  /** Oldest first. */
  rows: Row[]
  readonly claims: Map<string, string>
}

/** Keeps documents in memory, for tests and demos: a restart forgets them. */
export function memoryLog(): DocumentLog {
  return new MemoryLog()
}

class MemoryLog implements DocumentLog {
  readonly #documents = new Map<string, MemoryDocument>()
  #seq = 0
  #isClosed = false

  async append(name: string, updates: readonly Uint8Array[]): Promise<number> {
    const document = this.#document(name)
    for (const update of updates) document.rows.push({ seq: ++this.#seq, update: update.slice() })
    this.#keep(name, document)
    return lastOf(document)
  }

  async read(name: string, after = 0): Promise<StoredDocument> {
    const document = this.#document(name)
    const { snapshot, rows, claims } = document
    const kept = snapshot ? [snapshot, ...rows] : rows
    return {
      updates: kept.filter(({ seq }) => seq > after).map(({ update }) => update),
      upTo: lastOf(document),
      claims: new Map(claims),
    }
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    const document = this.#document(name)
    const first = (document.snapshot ?? document.rows[0])?.seq ?? Number.POSITIVE_INFINITY
    if (upTo < first || upTo > lastOf(document)) return
    document.snapshot = { seq: upTo, update: state.slice() }
    document.rows = document.rows.filter(({ seq }) => seq > upTo)
  }

  async claim(name: string, key: string, owner: string): Promise<string> {
    const document = this.#document(name)
    const held = document.claims.get(wellFormed(key)) ?? wellFormed(owner)
    document.claims.set(key, held)
    this.#keep(name, document)
    return held
  }

  async erase(name: string): Promise<void> {
    this.#checkOpen()
    this.#documents.delete(wellFormed(name))
  }

  async *names(prefix: string): AsyncIterable<string> {
    this.#checkOpen()
    for (const name of [...this.#documents.keys()]) if (name.startsWith(prefix)) yield name
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  #document(name: string): MemoryDocument {
    this.#checkOpen()
    return this.#documents.get(wellFormed(name)) ?? { rows: [], claims: new Map() }
  }

  /** A document is there as soon as there is something in it. */
  #keep(name: string, document: MemoryDocument): void {
    if (document.rows.length > 0 || document.claims.size > 0) this.#documents.set(name, document)
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ConversationsError('closed', 'The log is closed')
  }
}

const lastOf = ({ rows, snapshot }: MemoryDocument) => rows.at(-1)?.seq ?? snapshot?.seq ?? 0
