/**
 * Where the updates of all documents are kept: the seam between the server and a storage engine.
 * `test/unit/server/document-log.test.ts` says what every implementation must do.
 */
export interface DocumentLog {
  /**
   * Keeps updates, in this order, behind everything appended to the document before. Resolves with the sequence
   * number of the last one when all of them are durable; rejects when they cannot be kept.
   */
  append(name: string, updates: readonly Uint8Array[]): Promise<number>
  /** Everything that is kept of a document, as of one moment. */
  read(name: string): Promise<StoredDocument>
  /** Puts one update, the document's `state`, in the place of everything up to and including `upTo`. Atomic. */
  snapshot(name: string, state: Uint8Array, upTo: number): Promise<void>
  /** Resolves when everything that was appended is durable (or has been rejected) and the engine is released. */
  close(): Promise<void>
}

export interface StoredDocument {
  /** Oldest first; a snapshot is the first of them. */
  updates: Uint8Array[]
  /** The sequence number of the last update; 0 if there is none after the snapshot. */
  upTo: number
}
