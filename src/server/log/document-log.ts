/**
 * Where the updates of all documents are kept: the seam between the server and a storage engine.
 * `test/unit/server/log/conformance.ts` says what every implementation must do.
 */
export interface DocumentLog {
  /**
   * Keeps updates, in this order, behind everything appended to the document before. Resolves with the sequence
   * number of the last one when all of them are durable; rejects when they cannot be kept. Where servers share the log
   * (`cluster`), the numbers of one document are dense, so that each sees what it has missed.
   *
   * @param lease of the document or of another: it is kept only while this lease holds, as of the same moment
   * @throws LeaseLostError (rejects); then nothing was kept
   */
  append(name: string, updates: readonly Uint8Array[], lease?: Lease): Promise<number>
  /** Everything that is kept of a document, as of one moment; of its updates those above `after`, if they are still apart. */
  read(name: string, after?: number): Promise<StoredDocument>
  /** Puts one update, the document's `state`, in the place of everything up to and including `upTo`. Atomic. */
  snapshot(name: string, state: Uint8Array, upTo: number): Promise<void>
  /** Gives a key of a document to the owner who asks first, for good; resolves with whose it is, durably. */
  claim(name: string, key: string, owner: string): Promise<string>
  /** Forgets a document and its claims. */
  erase(name: string): Promise<void>
  /** Makes sure that nothing that was replaced or erased is left on the disk; absent where the engine cannot, or need not. */
  compact?(): Promise<void>
  /** The names of the documents that there are, beginning with `prefix`, in no particular order. */
  names(prefix: string): AsyncIterable<string>
  /** Set where several servers share the log. */
  readonly cluster?: Cluster
  /** Resolves when everything that was appended is durable (or has been rejected) and the engine is released. */
  close(): Promise<void>
}

export interface StoredDocument {
  /** Oldest first; a snapshot is the first of them. */
  updates: Uint8Array[]
  /** The sequence number of the last update, or of what the snapshot stands for; 0 if there is nothing. */
  upTo: number
  /** Owners by key. */
  claims: Map<string, string>
}

/** How servers that share a log hear of each other. */
export interface Cluster {
  /** Calls back from when it resolves until the returned function is called. */
  subscribe(name: string, listener: ClusterListener): Promise<() => void>
  /** Says something to the other servers that have subscribed; nothing is kept, and it may be lost. */
  publish(name: string, message: Uint8Array): void
  /** Takes the lease of this name, if nobody has it or its time is over. Rejects if the engine cannot be asked. */
  lease(name: string, forMs: number): Promise<Lease | undefined>
}

export interface ClusterListener {
  /** Another server has appended these; the last has this number. Undefined = read them. */
  onAppended(seq: number, updates: readonly Uint8Array[] | undefined): void
  onMessage(message: Uint8Array): void
  /** The engine was away, and is back: what happened meanwhile was not told. */
  onGap(): void
}

/** The right to be the only one, for some time. */
export interface Lease {
  readonly name: string
  /** Greater than that of every lease of this name before. */
  readonly token: number
  /** Says whether it still holds, and from now on for `forMs` again. Rejects if the engine cannot be asked. */
  renew(forMs: number): Promise<boolean>
  release(): Promise<void>
}

/** Somebody else has the lease by now. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
}
