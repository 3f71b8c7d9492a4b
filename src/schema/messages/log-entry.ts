import type { AttributeEntry, Path } from '../attributes.ts'
import { isTime } from '../format.ts'
import {
  decodeContent,
  decodeEdits,
  encodeContent,
  encodeEdits,
  type MessageContent,
  type MessageEdits,
} from './content.ts'
import type { MessageId } from './ids.ts'
import { isCount } from './ids.ts'
import type { MessageCommand } from './outbox-entry.ts'

/** A message in the log. */
export interface LogEntry extends MessageId {
  /** Dense from 0, and final. */
  readonly index: number
  /** Participant key. */
  readonly author: string
  /** When it was written, by its author's clock, in ms since 1970. */
  readonly time: number
  /** Null = removed: the index stays taken. */
  readonly content: MessageContent | null
  readonly edits: MessageEdits | undefined
}

/** `[index, author, writer, counter, time, content, edits?]` */
export function encodeLogEntry(entry: LogEntry): unknown[] {
  const { index, author, writer, counter, time, content, edits } = entry
  const said = content && encodeContent(content)
  const tuple = [index, author, writer, counter, time, said]
  return edits ? [...tuple, encodeEdits(edits)] : tuple
}

/** Total: undefined for whatever is no entry of ours. */
export function decodeLogEntry(stored: unknown): LogEntry | undefined {
  if (!Array.isArray(stored)) return undefined
  const [index, author, writer, counter, time, said, edited] = stored
  const isOurs =
    isCount(index) &&
    typeof author === 'string' &&
    isCount(writer) &&
    isCount(counter) &&
    isTime(time)
  const content = said === null ? null : decodeContent(said)
  return isOurs && content !== undefined
    ? { index, author, writer, counter, time, content, edits: decodeEdits(edited) }
    : undefined
}

/** What a message is after a command of `by` (a participant key); the same object where it changes nothing. */
export function applyCommand<M extends Pick<LogEntry, 'content' | 'edits'>>(
  message: M,
  command: MessageCommand,
  by: string,
): M {
  const { content, edits } = message
  // Removed stays removed.
  if (!content) return message
  const { time } = command
  const overlay = edits?.overlay ?? []
  switch (command.kind) {
    case 'remove':
      return { ...message, content: null, edits: { time, by, overlay: [] } }
    case 'body':
      return {
        ...message,
        content: { ...content, body: command.body },
        edits: { time, by, overlay },
      }
    case 'attributes': {
      const { set, delete: deleted } = command.changes
      const entries = new Map(overlay.map(entry => [pathKey(entry.path), entry]))
      for (const path of deleted) entries.delete(pathKey(path))
      for (const entry of set) entries.set(pathKey(entry.path), entry)
      return {
        ...message,
        edits: { time, by, overlay: [...entries.values()] satisfies AttributeEntry[] },
      }
    }
  }
}

function pathKey(path: Path): string {
  return JSON.stringify(path)
}
