import { isPath } from '../attribute-map.ts'
import type { AttributeChanges, Path } from '../attributes.ts'
import { isTime } from '../format.ts'
import { decodeContent, decodeEntries, encodeContent, type MessageContent } from './content.ts'
import { isCount, type MessageId } from './ids.ts'

/** A message that is not in the log yet. */
export interface PendingMessage {
  readonly kind: 'message'
  readonly counter: number
  /** Greater than that of every message its author had seen. Orders pending messages, together with the id. */
  readonly lamport: number
  /** In ms since 1970. */
  readonly time: number
  readonly content: MessageContent
}

/** Something to be done to a message, in the log or not. */
export type MessageCommand = {
  readonly target: MessageId
  /** Of the target, if its author knew it: where to look first. */
  readonly index: number | null
  readonly time: number
} & (
  | { readonly kind: 'body'; readonly body: string | null }
  | { readonly kind: 'attributes'; readonly changes: AttributeChanges }
  | { readonly kind: 'remove' }
)

/** What lies in an outbox, in the order it was written. */
export type OutboxEntry = PendingMessage | MessageCommand

/**
 * `['m', counter, lamport, time, content]`, or a command: `['b' | 'a' | 'r', writer, counter, index, time, …]` followed by the
 * body, or by attribute entries and deleted paths.
 */
export function encodeOutboxEntry(entry: OutboxEntry): unknown[] {
  if (entry.kind === 'message') {
    return ['m', entry.counter, entry.lamport, entry.time, encodeContent(entry.content)]
  }
  const { target, index, time } = entry
  const to = [target.writer, target.counter, index, time]
  switch (entry.kind) {
    case 'body':
      return ['b', ...to, entry.body]
    case 'attributes': {
      const { set, delete: deleted } = entry.changes
      return ['a', ...to, set.map(({ path, value }) => [path, value]), deleted]
    }
    case 'remove':
      return ['r', ...to]
  }
}

/** Total: undefined for whatever is no entry of ours. */
export function decodeOutboxEntry(stored: unknown): OutboxEntry | undefined {
  if (!Array.isArray(stored)) return undefined
  const [kind, ...rest] = stored
  return kind === 'm' ? decodeMessage(rest) : decodeCommand(kind, rest)
}

function decodeMessage(stored: readonly unknown[]): PendingMessage | undefined {
  const [counter, lamport, time] = stored
  const content = decodeContent(stored[3])
  return isCount(counter) && isCount(lamport) && isTime(time) && content
    ? { kind: 'message', counter, lamport, time, content }
    : undefined
}

function decodeCommand(kind: unknown, stored: readonly unknown[]): MessageCommand | undefined {
  const [writer, counter, index, time, first, second] = stored
  if (!isCount(writer) || !isCount(counter) || !isTime(time)) return undefined
  if (index !== null && !isCount(index)) return undefined
  const to = { target: { writer, counter }, index, time }
  if (kind === 'r') return { kind: 'remove', ...to }
  if (kind === 'b' && (first === null || typeof first === 'string')) {
    return { kind: 'body', body: first, ...to }
  }
  if (kind !== 'a' || !Array.isArray(first) || !Array.isArray(second)) return undefined
  const deleted = second.filter((path): path is Path & string[] => isPath(path))
  return { kind: 'attributes', changes: { set: decodeEntries(first), delete: deleted }, ...to }
}
