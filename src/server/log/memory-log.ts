import { ConversationsError } from '../../base/errors.ts'
import type { DocumentLog, StoredDocument } from './document-log.ts'

interface MemoryDocument {
  snapshot: Uint8Array | undefined
  rows: Row[]
  upTo: number
  claims: Map<string, string>
}

interface Row {
  seq: number
  update: Uint8Array
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
    this.#checkOpen()
    const document = this.#document(name)
    for (const update of updates) document.rows.push({ seq: ++this.#seq, update: update.slice() })
    document.upTo = this.#seq
    return this.#seq
  }

  async read(name: string): Promise<StoredDocument> {
    this.#checkOpen()
    const { snapshot, rows, upTo, claims } = this.#document(name)
    const updates = rows.map(({ update }) => update)
    return { updates: snapshot ? [snapshot, ...updates] : updates, upTo, claims: new Map(claims) }
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    this.#checkOpen()
    const document = this.#document(name)
    document.snapshot = state.slice()
    document.rows = document.rows.filter(({ seq }) => seq > upTo)
  }

  async claim(name: string, key: string, owner: string): Promise<string> {
    this.#checkOpen()
    const { claims } = this.#document(name)
    const held = claims.get(key) ?? owner
    claims.set(key, held)
    return held
  }

  async erase(name: string): Promise<void> {
    this.#checkOpen()
    this.#documents.delete(name)
  }

  async *names(prefix: string): AsyncIterable<string> {
    this.#checkOpen()
    for (const name of [...this.#documents.keys()]) if (name.startsWith(prefix)) yield name
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  #document(name: string) {
    let document = this.#documents.get(name)
    if (!document) {
      document = { snapshot: undefined, rows: [], upTo: 0, claims: new Map() }
      this.#documents.set(name, document)
    }
    return document
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ConversationsError('closed', 'The log is closed')
  }
}
