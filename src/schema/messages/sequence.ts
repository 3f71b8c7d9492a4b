import type { Writer } from '../horizon.ts'
import { MAX_COUNT } from './ids.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogState } from './log-state.ts'
import type { Outbox } from './outbox-document.ts'
import type { PendingMessage } from './outbox-entry.ts'

/** A message on its way to the log. */
export interface Pending {
  readonly author: string
  readonly writer: Writer
  readonly lamport: number
  readonly message: PendingMessage
}

/** Pending messages in the order they are shown in, and get their indices in. */
export class PendingQueue {
  readonly #sorted: Pending[] = []
  /** Of each writer: the counter of the newest message, and the greatest Lamport time. */
  readonly #ends = new Map<Writer, { counter: number; lamport: number }>()
  readonly #done: LogState['done']
  #lamport: number

  constructor(outboxes: readonly Outbox[], state: LogState) {
    this.#done = state.done
    this.#lamport = state.lamport
    for (const { author, writer, items } of outboxes) {
      for (const { entry } of items) {
        if (entry?.kind !== 'message') continue
        const pending = this.#take(author, writer, entry)
        if (pending) this.#sorted.push(pending)
      }
    }
    this.#sorted.sort(byOrder)
  }

  get sorted(): readonly Pending[] {
    return this.#sorted
  }

  /** Greater than or equal to that of every message there is; but one can always count on from it, whatever is forged. */
  get lamport(): number {
    return Math.min(this.#lamport, MAX_COUNT - 1)
  }

  /** Puts a message in its place, and says where that is; -1 = it is not pending. */
  add(author: string, writer: Writer, message: PendingMessage): number {
    const pending = this.#take(author, writer, message)
    if (!pending) return -1
    let place = this.#sorted.length
    // Most are the newest.
    while (place > 0 && byOrder(pending, this.#sorted[place - 1] as Pending) < 0) place--
    this.#sorted.splice(place, 0, pending)
    return place
  }

  #take(author: string, writer: Writer, message: PendingMessage): Pending | undefined {
    const end = this.#ends.get(writer) ?? { counter: this.#done.get(writer) ?? 0, lamport: 0 }
    this.#ends.set(writer, end)
    this.#lamport = Math.max(this.#lamport, message.lamport)
    // Those of one writer keep their order, whatever they say.
    end.lamport = Math.max(end.lamport, message.lamport)
    // In the log already, where the outbox was not cleared yet; or forged: each message has one index.
    if (message.counter <= end.counter) return undefined
    end.counter = message.counter
    return { author, writer, lamport: end.lamport, message }
  }
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
