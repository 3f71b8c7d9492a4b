import type { Counts } from '../counts.ts'
import type { Epoch, Horizon, Writer } from '../horizon.ts'
import type { CommandsByMessage } from './commands.ts'
import { isInLog, type LogState } from './log-state.ts'
import type { MessageEntry } from './message-entry.ts'
import type { PageDocument } from './page-document.ts'
import { isRead, type LogView } from './reading.ts'

/** A message of the log that was removed; index null = it was pending then, and where it is now is not known. */
export interface Removed {
  readonly index: number | null
  readonly writer: Writer
}

/** Those that the log says, and those that are to be. */
export function removedMessages(
  recorded: readonly { readonly index: number; readonly writer: Writer }[],
  commands: CommandsByMessage,
  state: LogState,
): Removed[] {
  const removed = new Map<unknown, Removed>(recorded.map(one => [one.index, one]))
  for (const [key, list] of commands) {
    for (const { command } of list) {
      if (command.kind !== 'remove' || !isInLog(command.target, state)) continue
      const { target, index } = command
      removed.set(index ?? key, { index, writer: target.writer })
    }
  }
  return [...removed.values()]
}

/** Who writes under which client id, as far as it has come here. */
type Authors = ReadonlyMap<Writer, string>

/** What is known of the messages that somebody may not have read. */
export interface Unread {
  readonly horizon: Horizon
  /** Participant key of whose it is: own messages are never unread. */
  readonly reader: string
  readonly authors: Authors
  readonly state: LogState
  readonly removed: readonly Removed[]
  readonly view: LogView
}

/**
 * How many messages of others somebody has not read. Exact, and without old pages: what lies behind the horizon follows
 * from how many of others' messages lie before it. Undefined where that is not known, and the pages since are not
 * there either.
 */
export function countUnread(unread: Unread): number | undefined {
  const { horizon, reader, state, view, removed } = unread
  // Its page may still be to come.
  const recorded = new Set(removed.map(({ index }) => index))
  const isUnread = (message: MessageEntry) =>
    isUnreadBy(message, horizon, reader) && !(message.isFinal && recorded.has(message.index))
  const counted = countByHorizon(unread, recorded) ?? countByView(unread, isUnread)
  if (counted === undefined) return undefined
  // The log may be ahead of what is said of it.
  const ahead = view.since(state.count)?.filter(isUnread) ?? []
  return counted + ahead.length + view.pending.filter(isUnread).length
}

/** Whether a message counts as unread for somebody, as far as can be told by looking at it. */
export function isUnreadBy(message: MessageEntry, horizon: Horizon, reader: string): boolean {
  return message.content !== null && message.author !== reader && !isRead(horizon, message)
}

/** Of those that the state counts, by numbers alone; undefined where these do not tell. */
function countByHorizon(unread: Unread, recorded: ReadonlySet<number | null>): number | undefined {
  const { horizon, reader, authors, state, removed, view } = unread
  const lowest = lowestEpoch(horizon)
  if (!lowest || lowest.index >= state.count - 1) return lowest && 0
  const readOthers = lowest.index < 0 ? 0 : lowest.others
  // Messages behind it may have been read while they were pending.
  if (readOthers === undefined || horizon.live.some(({ tail }) => tail)) return undefined
  // A page may show what is not recorded yet.
  const shown = [...view.removed].filter(({ index }) => index < state.count && !recorded.has(index))
  const gone = [...removed, ...shown].filter(
    ({ index, writer }) =>
      authors.get(writer) !== reader && (index === null || index > lowest.index),
  )
  const own = sumOf(state.sent, authors, reader)
  const isKnown = gone.every(({ index, writer }) => index !== null && authors.has(writer))
  if (own === undefined || !isKnown) return undefined
  return Math.max(0, state.count - own - readOthers - gone.length)
}

/** The same by looking at them; undefined where they are not all here. */
function countByView(
  { horizon, state, view }: Unread,
  isUnread: (message: MessageEntry) => boolean,
): number | undefined {
  if (!view.isComplete) return undefined
  const behind = view.since((lowestEpoch(horizon)?.index ?? -1) + 1)
  return behind?.filter(message => message.index < state.count && isUnread(message)).length
}

/** How many messages up to an index are of others, removed ones too; undefined where that is not known here. */
export function othersUpTo(
  index: number,
  reader: string,
  authors: Authors,
  page: Pick<PageDocument, 'at' | 'entries' | 'sentBefore'> | undefined,
): number | undefined {
  if (index < 0) return 0
  const own = page?.sentBefore && sumOf(page.sentBefore, authors, reader)
  if (own === undefined || !page?.at(index)) return undefined
  let others = index + 1 - own
  for (const entry of page.entries()) {
    if (entry.index > index) break
    if (entry.author === reader) others--
  }
  return others
}

/** The epoch that reaches least far, and knows most of what lies before it. */
export function lowestEpoch({ live }: Horizon): Epoch | undefined {
  const [first, second] = live
  if (!second) return first
  return live.toSorted((a, b) => a.index - b.index || (b.others ?? -1) - (a.others ?? -1))[0]
}

/** Undefined where somebody is counted of whom it is not known here who they are. */
function sumOf(counts: Counts, authors: Authors, author: string): number | undefined {
  let sum = 0
  for (const [writer, n] of counts) {
    const who = authors.get(writer)
    if (who === undefined) return undefined
    if (who === author) sum += n
  }
  return sum
}
