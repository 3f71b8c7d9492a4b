import { ConversationsError } from '../../base/errors.ts'
import type { DocumentLog, StoredDocument } from './document-log.ts'

interface Row {
  seq: number
  update: Uint8Array
}

/** Keeps documents in memory, for tests and demos: a restart forgets them. */
export function memoryLog(): DocumentLog {
  return new MemoryLog()
}

class MemoryLog implements DocumentLog {
  readonly #documents = new Map<string, { snapshot: Uint8Array | undefined; rows: Row[] }>()
  #seq = 0
  #isClosed = false

  async append(name: string, updates: readonly Uint8Array[]): Promise<number> {
    this.#checkOpen()
    const { rows } = this.#document(name)
    for (const update of updates) rows.push({ seq: ++this.#seq, update: update.slice() })
    return this.#seq
  }

  async read(name: string): Promise<StoredDocument> {
    this.#checkOpen()
    const { snapshot, rows } = this.#document(name)
    const updates = rows.map(({ update }) => update)
    return { updates: snapshot ? [snapshot, ...updates] : updates, upTo: rows.at(-1)?.seq ?? 0 }
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    this.#checkOpen()
    const document = this.#document(name)
    document.snapshot = state.slice()
    document.rows = document.rows.filter(({ seq }) => seq > upTo)
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  #document(name: string) {
    let document = this.#documents.get(name)
    if (!document) {
      document = { snapshot: undefined, rows: [] }
      this.#documents.set(name, document)
    }
    return document
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ConversationsError('closed', 'The log is closed')
  }
}
