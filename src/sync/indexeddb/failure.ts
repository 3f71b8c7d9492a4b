import { ConversationsError, type StorageFailure } from '../../base/errors.ts'

type Failure = Exclude<StorageFailure, 'copied'>

const messages: Record<Failure, string> = {
  unavailable: 'There is no storage here: changes stay in memory',
  'open-failed': 'The database cannot be opened: changes stay in memory until it can',
  blocked: 'Another tab keeps the database from being opened: close it',
  timeout: 'Loading takes long and goes on in the background',
  'foreign-database': 'The database is of another program: choose another prefix',
  'corrupt-row': 'A stored row is unreadable: it was set aside, the others were loaded',
  quota: 'There is no room: changes stay in memory until some is freed',
  aborted: 'Storing failed: changes stay in memory until it works',
  closed: 'The database was closed or deleted: the next change opens it again',
}

export function storageError(reason: Failure, cause?: unknown): ConversationsError {
  return new ConversationsError('storage', messages[reason], { reason, cause })
}

/** Of what IndexedDB threw while a database was opened, or after that. */
export function failureOf(cause: unknown, isOpening: boolean): ConversationsError {
  if (cause instanceof ConversationsError) return cause
  return storageError(reasonOf(String(cause), isOpening), cause)
}

function reasonOf(text: string, isOpening: boolean): Failure {
  if (/^Quota/.test(text)) return 'quota'
  if (!isOpening) return /^InvalidState/.test(text) ? 'closed' : 'aborted'
  // No `indexedDB` at all, an opaque origin, and what Chromium says when the user blocks site data.
  return /^(Reference|Type|Security)|denied permission/.test(text) ? 'unavailable' : 'open-failed'
}
