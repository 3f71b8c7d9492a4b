/**
 * Where the updates of all documents are kept: the seam between the server and a storage engine.
 * `test/unit/server/log/conformance.ts` says what every implementation must do.
 *
 * Names, keys and owners are any text that is well-formed Unicode. An operation rejects within a few seconds if the engine
 * cannot be asked, and works again when the engine is back. One that was rejected because the answer was lost may
 * have been done nevertheless: to append the same bytes again is harmless, as Yjs knows what it has.
 */
export interface DocumentLog {
  /**
   * Keeps updates, in this order, behind everything appended to the document before: all or none. Resolves with
   * the sequence number of the last one when all of them are durable; rejects when they cannot be kept. Where
   * servers share the log (`cluster`), the numbers of one document are dense and begin at 1, so that each sees what it
   * has missed; else they only grow.
   *
   * @param lease of the document or of another: it is kept only while this lease holds, as of the same moment
   * @throws LeaseLostError (rejects); then nothing was kept
   */
  append(name: string, updates: readonly Uint8Array[], lease?: Lease): Promise<number>
  /**
   * Everything that is kept of a document, as of one moment. With `after`, a sequence number: of its updates
   * only those above, and no snapshot unless it stands for some of these.
   */
  read(name: string, after?: number): Promise<StoredDocument>
  /**
   * Puts one update, the document's `state`, in the place of everything up to and including `upTo`. Atomic. Does
   * nothing where that would lose something: a snapshot of more is there already, or the document was erased.
   */
  snapshot(name: string, state: Uint8Array, upTo: number): Promise<void>
  /** Gives a key of a document to the owner who asks first, for good; resolves with whose it is, durably. */
  claim(name: string, key: string, owner: string): Promise<string>
  /** Forgets a document and its claims; where the log is shared, its numbers begin anew. Other servers get `onGap`. */
  erase(name: string): Promise<void>
  /** Makes sure that nothing that was replaced or erased is left on the disk; absent where the engine cannot, or need not. */
  compact?(): Promise<void>
  /**
   * The names of the documents that there are, those that have only claims too, beginning with `prefix`, each once and in no
   * particular order. One that comes or goes meanwhile may be among them or not.
   */
  names(prefix: string): AsyncIterable<string>
  /** Set where several servers share the log. */
  readonly cluster?: Cluster
  /** Resolves when everything that was appended is durable (or has been rejected) and the engine is released. May be called again. */
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

/** How servers that share a log hear of each other. Nobody hears of what was done through the same log object. */
export interface Cluster {
  /** Calls back from when it resolves until the returned function is called. Rejects if the engine cannot be asked. */
  subscribe(name: string, listener: ClusterListener): Promise<() => void>
  /** Says something, of 64 kB at most, to the other servers that have subscribed; nothing is kept, and it may be lost. */
  publish(name: string, message: Uint8Array): void
  /**
   * Takes the lease of this name, if nobody has it or its time, by the engine's clock, is over. Rejects if the
   * engine cannot be asked.
   */
  lease(name: string, forMs: number): Promise<Lease | undefined>
}

export interface ClusterListener {
  /**
   * Another server has appended these; the last has this number. They come in order. Undefined = there is too
   * much to tell: read them. Several such calls, and a missing number, need only one `read(name, after)`.
   */
  onAppended(seq: number, updates: readonly Uint8Array[] | undefined): void
  onMessage(message: Uint8Array): void
  /**
   * Something may have happened that was not told, as the engine was away and is back, or the document was erased: read.
   * An `upTo` below what was there before says that the document is another one by now.
   */
  onGap(): void
}

/**
 * The right to be the only one, for some time. It holds until it is released or its time, by the engine's clock, is
 * over without having been renewed, whether or not somebody else has taken it by then.
 */
export interface Lease {
  readonly name: string
  /** Greater than that of every lease of this name before. */
  readonly token: number
  /**
   * Says whether it still holds, and if so, from now on for `forMs` again. False is final. Rejects if the engine
   * cannot be asked.
   */
  renew(forMs: number): Promise<boolean>
  release(): Promise<void>
}

/** A lease holds no more: somebody else may have it by now. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'

  constructor(lease: string) {
    super(`The lease of ${lease} holds no more: take it again before you write`)
  }
}
