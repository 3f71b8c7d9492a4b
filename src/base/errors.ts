/** What went wrong, for code to branch on. */
export type ErrorCode =
  /** An argument has the wrong type or value. */
  | 'invalid-argument'
  /** A value exceeds a limit of the client (see `limits`). */
  | 'too-large'
  /** No such participant, user or conversation. */
  | 'not-found'
  /** The operation needs the user to be a participant of the conversation. */
  | 'not-a-participant'
  /** The operation has no meaning here, for example `getUser()` of an SMS participant. */
  | 'unsupported'
  /** This user's role does not permit it; the message names the permission. */
  | 'forbidden'
  /** The document was written by a newer version of this library and is read-only here. */
  | 'read-only'
  /** The client or conversation was closed. */
  | 'closed'
  /** The server refuses this user or token for good. */
  | 'denied'
  /** Storage on this device fails; `reason` says how. The document lives on in memory. */
  | 'storage'
  /** A transport reported trouble; it goes on trying unless the status is `denied`. */
  | 'transport'
  /** Two copies of Yjs are loaded. */
  | 'duplicate-yjs'

/** How storage on this device fails (`code` is `storage`). */
export type StorageFailure =
  /** There is no storage here: no IndexedDB, an opaque origin, or blocked site data. */
  | 'unavailable'
  /** The database cannot be opened. */
  | 'open-failed'
  /** Another tab keeps the database from being opened, upgraded or deleted. */
  | 'blocked'
  /** Loading took longer than it may; it goes on in the background. */
  | 'timeout'
  /** A database of that name exists and is not one of ours. */
  | 'foreign-database'
  /** One stored row cannot be read; it was set aside and the rest was loaded. */
  | 'corrupt-row'
  /** The quota is used up. */
  | 'quota'
  /** A transaction was aborted for another reason. */
  | 'aborted'
  /** The database was closed or deleted under us. */
  | 'closed'
  /** It was copied: a cloned profile or a restored backup writes under the same client id. A new one is used now. */
  | 'copied'

/** The one error class of this library; the message says what to do. */
export class ConversationsError extends Error {
  override readonly name = 'ConversationsError'
  readonly code: ErrorCode
  /** Set when `code` is `storage`. */
  readonly reason: StorageFailure | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options?: { cause?: unknown; reason?: StorageFailure },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.reason = options?.reason
  }
}
