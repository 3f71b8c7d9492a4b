import type * as Y from 'yjs'
import { isTime, parseSlotKey, slotKey } from '../format.ts'
import { isCount } from './ids.ts'
import { EMPTY_LOG, joinLogState, type LogState } from './log-state.ts'

const known = new WeakMap<Y.Map<unknown>, StoredLogState>()

/**
 * How far the log has come, as its document says: the join of all that was ever seen, because those who ran the sequencer
 * one after the other may not have met. Reading is behind while a transaction is open.
 */
export class StoredLogState {
  readonly #log: Y.Map<unknown>
  readonly #writers: Y.Map<unknown>
  #state = EMPTY_LOG

  /** Of a document there is one, so that each change is read once: there may be very many writers. */
  static of(log: Y.Map<unknown>, writers: Y.Map<unknown>): StoredLogState {
    const state = known.get(log) ?? new StoredLogState(log, writers)
    known.set(log, state)
    return state
  }

  private constructor(log: Y.Map<unknown>, writers: Y.Map<unknown>) {
    this.#log = log
    this.#writers = writers
    this.#read([...log.keys()], [...writers.keys()])
    log.observe(({ keysChanged }) => this.#read(keysChanged, []))
    writers.observe(({ keysChanged }) => this.#read([], keysChanged))
  }

  get current(): LogState {
    return this.#state
  }

  /** Who wrote it, a participant key or `''` for a server; undefined = nobody did. */
  get owner(): string | undefined {
    for (const key of this.#log.keys()) {
      const slot = parseSlotKey(key)
      if (slot) return slot.owner
    }
    return undefined
  }

  /** Call inside a transaction. */
  write(owner: string, writer: number, state: LogState): void {
    const next = joinLogState(this.#state, state)
    const key = slotKey(owner, writer)
    this.#log.set(key, [next.count, next.lamport, next.lastTime])
    // One in all: others beside it would be read for ever.
    for (const other of this.#log.keys()) if (other !== key) this.#log.delete(other)
    for (const [one, done] of next.done) {
      const sent = next.sent.get(one) ?? 0
      const isStored = done === this.#state.done.get(one) && sent === this.#state.sent.get(one)
      if (!isStored) this.#writers.set(one.toString(36), [done, sent])
    }
  }

  #read(logKeys: Iterable<unknown>, writerKeys: Iterable<unknown>): void {
    const done = new Map<number, number>()
    const sent = new Map<number, number>()
    for (const key of writerKeys) {
      const writer = typeof key === 'string' ? parseSlotKey(`|${key}`)?.number : undefined
      const counts = writer !== undefined && this.#writers.get(key as string)
      if (writer === undefined || !Array.isArray(counts) || !counts.every(isCount)) continue
      done.set(writer, counts[0] ?? 0)
      sent.set(writer, counts[1] ?? 0)
    }
    let state = joinLogState(this.#state, { ...EMPTY_LOG, done, sent })
    for (const key of logKeys) {
      const stored = typeof key === 'string' ? this.#log.get(key) : undefined
      const [count, lamport, lastTime] = Array.isArray(stored) ? stored : []
      if (!isCount(count) || !isCount(lamport) || !isTime(lastTime)) continue
      state = joinLogState(state, { ...EMPTY_LOG, count, lamport, lastTime })
    }
    this.#state = state
  }
}
