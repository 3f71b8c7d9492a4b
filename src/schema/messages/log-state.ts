import { type Counts, joinCounts, NO_COUNTS } from '../counts.ts'
import type { MessageId } from './ids.ts'

/** How far the log has come. It only grows, so what was seen of it joins, in whatever order it came. */
export interface LogState {
  /** How many messages are in the log: the index of the next one. */
  readonly count: number
  /** How far each writer's messages are in the log, by their counter. */
  readonly done: Counts
  /** How many messages of each writer are in the log. */
  readonly sent: Counts
  /** No message in the log has a greater one. */
  readonly lamport: number
  /** When the last message was written, in ms since 1970; 0 = there is none. */
  readonly lastTime: number
}

export const EMPTY_LOG: LogState = {
  count: 0,
  done: NO_COUNTS,
  sent: NO_COUNTS,
  lamport: 0,
  lastTime: 0,
}

/** Whether the log has come as far as this message of its writer. */
export function isInLog({ writer, counter }: MessageId, { done }: LogState): boolean {
  return counter <= (done.get(writer) ?? 0)
}

export function joinLogState(a: LogState, b: LogState): LogState {
  return {
    count: Math.max(a.count, b.count),
    done: joinCounts(a.done, b.done),
    sent: joinCounts(a.sent, b.sent),
    lamport: Math.max(a.lamport, b.lamport),
    lastTime: b.count > a.count ? b.lastTime : a.lastTime,
  }
}
