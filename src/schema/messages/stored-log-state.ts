import type * as Y from 'yjs'
import { isTime } from '../format.ts'
import { isCount } from './ids.ts'
import { EMPTY_LOG, joinLogState, type LogState } from './log-state.ts'

const known = new WeakMap<Y.Array<unknown>, StoredLogState>()

/** They are put together when they are twice as long as that would be, and by so many numbers more. */
const SPARE = 400

/** What a step of the sequencer says of the log: of writers only those that it concerns. */
interface Change extends Pick<LogState, 'count' | 'lamport' | 'lastTime'> {
  readonly owner: string
  readonly writers: [writer: number, done: number, sent: number][]
}

/**
 * How far the log has come, as its document says: the join of all that was ever seen, because those who ran the sequencer
 * one after the other may not have met. Reading is behind while a transaction is open.
 *
 * It is a list of changes, put together now and then. A key for each writer would keep a tombstone for each write, as
 * Yjs joins only those that are neighbours; and all in one value would be sent with each message.
 */
export class StoredLogState {
  readonly #changes: Y.Array<unknown>
  #state = EMPTY_LOG
  #owner: string | undefined

  /** Of a document there is one, so that each change is read once. */
  static of(changes: Y.Array<unknown>): StoredLogState {
    const state = known.get(changes) ?? new StoredLogState(changes)
    known.set(changes, state)
    return state
  }

  private constructor(changes: Y.Array<unknown>) {
    this.#changes = changes
    this.#read(changes.toArray())
    changes.observe(event => {
      this.#read(event.changes.delta.flatMap(({ insert = [] }) => insert as unknown[]))
    })
  }

  /** Forgets what was seen, because it may never have counted. */
  reread(): void {
    this.#state = EMPTY_LOG
    this.#owner = undefined
    this.#read(this.#changes.toArray())
  }

  get current(): LogState {
    return this.#state
  }

  /** Who wrote it last, a participant key or `''` for a server; undefined = nobody did. */
  get owner(): string | undefined {
    return this.#owner
  }

  /** Call inside a transaction. */
  write(owner: string, state: LogState): void {
    const next = joinLogState(this.#state, state)
    const stored = this.#changes.toArray()
    let length = 0
    for (const change of stored) length += Array.isArray(change) ? change.length : 1
    const isWhole = length > 6 * next.done.size + SPARE
    const before = isWhole ? EMPTY_LOG : this.#state
    this.#changes.push([encodeChange(owner, next, before)])
    if (isWhole) this.#changes.delete(0, stored.length)
  }

  #read(stored: readonly unknown[]): void {
    const done = new Map<number, number>()
    const sent = new Map<number, number>()
    let state = this.#state
    for (const one of stored) {
      const change = decodeChange(one)
      if (!change) continue
      this.#owner = change.owner
      // Those of writers afterwards, all at once.
      state = joinLogState(state, {
        ...EMPTY_LOG,
        count: change.count,
        lamport: change.lamport,
        lastTime: change.lastTime,
      })
      for (const [writer, counter, length] of change.writers) {
        done.set(writer, Math.max(counter, done.get(writer) ?? 0))
        sent.set(writer, Math.max(length, sent.get(writer) ?? 0))
      }
    }
    this.#state = joinLogState(state, { ...EMPTY_LOG, done, sent })
  }
}

/** `[owner, count, lamport, lastTime, …]`, and for each writer that differs `writer, done, sent`. */
function encodeChange(owner: string, { done, sent, ...next }: LogState, before: LogState) {
  const change: unknown[] = [owner, next.count, next.lamport, next.lastTime]
  for (const [writer, counter] of done) {
    const length = sent.get(writer) ?? 0
    const isKnown = counter === before.done.get(writer) && length === before.sent.get(writer)
    if (!isKnown) change.push(writer, counter, length)
  }
  return change
}

/** Total: undefined for whatever is no change of ours. */
function decodeChange(stored: unknown): Change | undefined {
  if (!Array.isArray(stored)) return undefined
  const [owner, count, lamport, lastTime, ...counts] = stored
  const isOurs = typeof owner === 'string' && isCount(count) && isCount(lamport) && isTime(lastTime)
  if (!isOurs || !counts.every(isCount)) return undefined
  const writers: Change['writers'] = []
  for (let i = 0; i + 2 < counts.length; i += 3) {
    writers.push(counts.slice(i, i + 3) as [number, number, number])
  }
  return { owner, count, lamport, lastTime, writers }
}
