import type { Writer } from '../horizon.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogState } from './log-state.ts'
import type { Outbox } from './outbox-document.ts'
import { MAX_COUNT, type PendingMessage } from './outbox-entry.ts'

/** A message on its way to the log. */
export interface Pending {
  readonly author: string
  readonly writer: Writer
  readonly lamport: number
  readonly message: PendingMessage
}

/** Pending messages in the order they are shown in, and get their indices in. */
export function pendingMessages(outboxes: readonly Outbox[], state: LogState): Pending[] {
  const pending: Pending[] = []
  const done = new Map(state.done)
  for (const { author, writer, items } of outboxes) {
    let newest = done.get(writer) ?? 0
    let lamport = 0
    for (const { entry } of items) {
      if (entry?.kind !== 'message') continue
      // Those of one writer keep their order, whatever they say.
      lamport = Math.max(lamport, entry.lamport)
      // In the log already, where the outbox was not cleared yet; or forged.
      if (entry.counter <= newest) continue
      newest = entry.counter
      pending.push({ author, writer, lamport, message: entry })
    }
    // Two outboxes of one writer are forged; still each message has one index.
    done.set(writer, newest)
  }
  return pending.sort(byOrder)
}

/** Greater than or equal to that of every message there is; but one can always count on from it, whatever is forged. */
export function greatestLamport(outboxes: readonly Outbox[], state: LogState): number {
  let greatest = state.lamport
  for (const { items } of outboxes) {
    for (const { entry } of items) {
      if (entry?.kind === 'message') greatest = Math.max(greatest, entry.lamport)
    }
  }
  return Math.min(greatest, MAX_COUNT - 1)
}

/** Gives pending messages their indices; they must be sorted. */
export function sequence(pending: readonly Pending[], state: LogState): LogEntry[] {
  return pending.map(({ author, writer, message: { counter, time, content } }, i) => ({
    index: state.count + i,
    author,
    writer,
    counter,
    time,
    content,
    edits: undefined,
  }))
}

/** The state of a log that has these entries too, sorted by index; those that it counts already change nothing. */
export function stateAfter(state: LogState, entries: readonly LogEntry[]): LogState {
  const added = entries.filter(({ index }) => index >= state.count)
  const last = added.at(-1)
  if (!last) return state
  const done = new Map(state.done)
  const sent = new Map(state.sent)
  for (const { writer, counter } of added) {
    done.set(writer, Math.max(counter, done.get(writer) ?? 0))
    sent.set(writer, (sent.get(writer) ?? 0) + 1)
  }
  return { ...state, count: last.index + 1, done, sent, lastTime: last.time }
}

function byOrder(a: Pending, b: Pending): number {
  return a.lamport - b.lamport || a.writer - b.writer || a.message.counter - b.message.counter
}
