import type { Horizon, Reach } from '../horizon.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogView } from './log-view.ts'

/** Somebody has read a message when every epoch of their horizon reaches it. */
export function isRead({ live }: Horizon, entry: LogEntry, isFinal: boolean): boolean {
  const { index, writer, counter } = entry
  return (
    live.length > 0 &&
    live.every(
      epoch => (isFinal && index <= epoch.index) || counter <= (epoch.tail?.get(writer) ?? 0),
    )
  )
}

/** How far somebody has read who reads up to a place in the view, counted through log and pending messages. */
export function reachOf({ log, pending, isComplete }: LogView, place: number): Reach {
  const shown = log[Math.min(place, log.length - 1)]
  const index = shown ? shown.index : -1
  const read = pending.slice(0, Math.max(0, place + 1 - log.length))
  // Of a writer's messages one may be in the log already and not here yet: the tail would cover it unseen.
  if (read.length === 0 || !isComplete) return { index }
  return { index, tail: new Map(read.map(({ writer, counter }) => [writer, counter])) }
}
