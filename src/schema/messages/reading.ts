import type { Epoch, Horizon, Reach } from '../horizon.ts'
import type { LogState } from './log-state.ts'
import type { MessageEntry } from './message-entry.ts'

/** What somebody sees of a conversation's messages: the end of the log, and what is pending behind it. */
export interface LogView {
  /** Those of the log from an index on; undefined where these are not all here. */
  since(index: number): readonly MessageEntry[] | undefined
  /** How many messages of the log are here or before it: one more than the last index in it. */
  readonly end: number
  /** Those of open pages that were removed. */
  readonly removed: ReadonlySet<MessageEntry>
  /** In the order in which they are shown; their indices are provisional. */
  readonly pending: readonly MessageEntry[]
  /** Nothing is in the log that has not come here yet. */
  readonly isComplete: boolean
}

/** Somebody has read a message when every epoch of their horizon reaches it. */
export function isRead({ live }: Horizon, message: MessageEntry): boolean {
  return live.length > 0 && live.every(epoch => reaches(epoch, message))
}

/** How far somebody has read who has read up to an index, pending messages included. */
export function reachOf({ end, pending, isComplete }: LogView, upTo: number): Reach {
  const index = Math.min(upTo, end - 1)
  const tail = new Map<number, number>()
  for (const message of pending) {
    if (message.index > upTo) break
    tail.set(message.writer, message.counter)
  }
  // Of a writer's messages one may be in the log already and not here yet: the tail would cover it unseen.
  return tail.size > 0 && isComplete ? { index, tail } : { index }
}

/**
 * The same reading in another form, now that messages which were read while they were pending are in the log: the index
 * takes the place of the tail, as far as it can. The horizon itself if there is nothing to do.
 *
 * @param reader participant key of whose horizon it is: between messages that were read, own ones count as read
 */
export function fold(horizon: Horizon, view: LogView, state: LogState, reader: string): Horizon {
  if (!horizon.live.some(({ tail }) => tail)) return horizon
  const live = horizon.live.map(epoch => foldEpoch(epoch, view, state, reader))
  return live.every((epoch, i) => epoch === horizon.live[i]) ? horizon : { ...horizon, live }
}

function foldEpoch(epoch: Epoch, view: LogView, state: LogState, reader: string): Epoch {
  const { tail, writer, n } = epoch
  const rest = tail && view.since(epoch.index + 1)
  if (!rest) return epoch
  let { index } = epoch
  let others = index < 0 ? 0 : epoch.others
  for (const message of rest) {
    const isOwn = message.author === reader
    if (!isOwn && !reaches(epoch, message)) break
    index = message.index
    if (!isOwn && others !== undefined) others++
  }
  const beyond = rest.filter(message => message.index > index && reaches(epoch, message))
  const needed = new Set(beyond.map(message => message.writer))
  const kept = [...tail].filter(([author, counter]) => {
    return needed.has(author) || counter > (state.done.get(author) ?? 0) || !view.isComplete
  })
  if (index === epoch.index && kept.length === tail.size) return epoch
  const reach = { writer, n, index, ...(index >= 0 && others !== undefined && { others }) }
  return kept.length > 0 ? { ...reach, tail: new Map(kept) } : reach
}

function reaches(epoch: Epoch, { index, isFinal, writer, counter }: MessageEntry): boolean {
  return (isFinal && index <= epoch.index) || counter <= (epoch.tail?.get(writer) ?? 0)
}
