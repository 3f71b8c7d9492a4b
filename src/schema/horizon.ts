import { type Counts, equalCounts, joinCounts, NO_COUNTS } from './counts.ts'

/*
 * The read horizon: how far somebody has read, as a join-semilattice of causal epochs.
 *
 * Advancing raises a position and never lowers it. Going back on purpose (mark unread) opens a new epoch that
 * supersedes the epochs its author had seen, and only those: concurrent rewinds all stand, and the lowest counts.
 * So neither progress nor a mark-unread is ever lost to a concurrent write that had not seen it.
 */

/** A Yjs client id. */
export type Writer = number

/** How far an epoch reaches. */
export interface Reach {
  /** Every sequenced message up to this index is read; -1 = none. */
  readonly index: number
  /**
   * How many of these others have written, removed ones too; so the rest can be counted without reading old pages.
   * Absent = whoever read so far did not know.
   */
  readonly others?: number
  /** Of a writer's pending messages those with a counter up to this are read. Absent = none. */
  readonly tail?: Counts
}

/** An epoch is named by a dot: a rewind of `writer`, whose `n` grows. Writer 0, n 0 is the initial epoch. */
export interface Epoch extends Reach {
  readonly writer: Writer
  readonly n: number
}

/** Greater ones do not fit the format. */
export const MAX_INDEX = 2 ** 51

export interface Horizon {
  /** Epochs nobody who had seen them has superseded, sorted by dot; empty only where somebody forged what they saw. */
  readonly live: readonly Epoch[]
  /** For each writer the greatest `n` of its rewinds that are taken into account. */
  readonly seen: Counts
  /** Of the last change, in ms since 1970; for display only. */
  readonly time: number
}

/** Nothing read, nothing rewound: the lattice's bottom. */
export const UNREAD: Horizon = {
  live: [{ writer: 0, n: 0, index: -1 }],
  seen: NO_COUNTS,
  time: 0,
}

/** The highest index such that everything up to it is read, or null. */
export function lastReadIndex(horizon: Horizon): number | null {
  const index = lowestIndex(horizon.live)
  return index < 0 ? null : index
}

/** Least upper bound. Associative, commutative, idempotent; `a` itself when `b` adds nothing to it. */
export function join(a: Horizon, b: Horizon): Horizon {
  if (a === b) return a
  const time = Math.max(a.time, b.time)
  if (isPlain(a) && isPlain(b)) {
    const [x, y] = [a.live[0] as Epoch, b.live[0] as Epoch]
    const further = isAhead(y, x) ? b : a
    return time === further.time ? further : { ...further, time }
  }
  const joined = { live: joinLive(a, b), seen: joinCounts(a.seen, b.seen), time }
  return equalHorizon(joined, a) ? a : joined
}

/** Side by side, as both are sorted: a forged horizon may have very many epochs. */
function joinLive(a: Horizon, b: Horizon): Epoch[] {
  const live: Epoch[] = []
  for (let i = 0, j = 0; i < a.live.length || j < b.live.length; ) {
    const [x, y] = [a.live[i], b.live[j]]
    const order = x && y ? byDot(x, y) : x ? -1 : 1
    if (x && y && order === 0) live.push(raise(x, y))
    else if (x && order < 0 && !hasSeen(b, x)) live.push(x)
    else if (y && order > 0 && !hasSeen(a, y)) live.push(y)
    if (order <= 0) i++
    if (order >= 0) j++
  }
  return live
}

/** Raises every live epoch to `reach` (at most `MAX_INDEX`); the horizon itself when that changes nothing. */
export function advance(horizon: Horizon, reach: Reach, time: number): Horizon {
  const to = bounded(reach)
  const live = horizon.live.map(epoch => raise(epoch, to))
  return live.every((epoch, i) => epoch === horizon.live[i])
    ? horizon
    : { live, seen: horizon.seen, time }
}

/** Goes back to a reach (index -1 = nothing read) in a new epoch of `writer`. */
export function rewind(horizon: Horizon, writer: Writer, reach: Reach, time: number): Horizon {
  const n = (horizon.seen.get(writer) ?? 0) + 1
  const epoch = raise({ writer, n, index: -1 }, bounded(reach))
  return { live: [epoch], seen: new Map(horizon.seen).set(writer, n), time }
}

export function equalHorizon(a: Horizon, b: Horizon): boolean {
  return (
    a.time === b.time &&
    equalCounts(a.seen, b.seen) &&
    a.live.length === b.live.length &&
    a.live.every((x, i) => {
      const y = b.live[i] as Epoch
      return (
        byDot(x, y) === 0 &&
        x.index === y.index &&
        x.others === y.others &&
        equalCounts(x.tail ?? NO_COUNTS, y.tail ?? NO_COUNTS)
      )
    })
  )
}

/** Only the initial epoch lives and no pending message is read: the usual case. */
export function isPlain({ live, seen }: Horizon): boolean {
  const [first] = live
  return live.length === 1 && first?.writer === 0 && first.tail === undefined && seen.size === 0
}

export function byDot(a: Epoch, b: Epoch): number {
  return a.writer - b.writer || a.n - b.n
}

function lowestIndex(live: readonly Epoch[]): number {
  let lowest = live[0]?.index ?? -1
  for (const { index } of live) if (index < lowest) lowest = index
  return lowest
}

/** Everybody has seen the initial epoch. */
function hasSeen({ seen }: Horizon, { writer, n }: Epoch): boolean {
  return n <= (seen.get(writer) ?? 0)
}

function bounded(reach: Reach): Reach {
  return reach.index > MAX_INDEX ? { ...reach, index: MAX_INDEX } : reach
}

function raise(epoch: Epoch, reach: Reach): Epoch {
  const tail = reach.tail?.size ? joinCounts(epoch.tail ?? NO_COUNTS, reach.tail) : epoch.tail
  const { index, others } = isAhead(reach, epoch) ? reach : epoch
  if (index === epoch.index && others === epoch.others && tail === epoch.tail) return epoch
  const { writer, n } = epoch
  return { writer, n, index, ...(others !== undefined && { others }), ...(tail && { tail }) }
}

/** The number of others follows from the index, for those who know it. */
function isAhead(a: Reach, b: Reach): boolean {
  return a.index > b.index || (a.index === b.index && (a.others ?? -1) > (b.others ?? -1))
}
