import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'
import { Refusal, TOO_LARGE } from './close-codes.ts'

export type DecodedUpdate = ReturnType<typeof Y.decodeUpdate>
export type Struct = DecodedUpdate['structs'][number]

/*
 * What is looked at before an update is kept. Pure functions of the update and the document's store, so that
 * nothing has to be rolled back.
 */

/**
 * The work is bounded by the bytes there are, whatever they claim.
 *
 * @param maxParts structs and ranges of deletions that there may be together
 * @throws Refusal if it has more parts
 * @throws if this is not an update, or one that Yjs can decode but no Yjs would write
 */
export function decodeUpdate(update: Uint8Array, maxParts = Infinity): DecodedUpdate {
  const decoded = Y.decodeUpdate(update)
  const { structs, ds } = decoded
  if (!structs.every(isSound)) throw new Error('unsound struct')
  if (countSections(structs) !== decoding.readVarUint(decoding.createDecoder(update))) {
    throw new Error('unsound order')
  }
  let parts = structs.length
  for (const ranges of ds.clients.values()) {
    if (!ranges.every(isSoundRange) || !areApart(ranges)) throw new Error('unsound deletion')
    parts += ranges.length
  }
  if (parts > maxParts) {
    throw new Refusal(TOO_LARGE, `an update of ${parts} parts; the limit is ${maxParts}`)
  }
  return decoded
}

/**
 * Of how many clients, each in one go; NaN if that is not so. Of several sections of one client, or an empty one, Yjs
 * would apply the last alone.
 */
function countSections(structs: readonly Struct[]): number {
  const seen = new Set<number>()
  let last: Struct | undefined
  for (const struct of structs) {
    const { client, clock } = struct.id
    if (client !== last?.id.client) {
      if (seen.has(client)) return Number.NaN
      seen.add(client)
    } else if (clock !== endOf(last)) return Number.NaN
    last = struct
  }
  return seen.size
}

/** Whether the update would change nothing. (Each sync step 2 repeats all deletions since the document began.) */
export function isKnown({ store }: Y.Doc, { structs, ds }: DecodedUpdate): boolean {
  return (
    structs.every(struct => struct instanceof Y.Skip || endOf(struct) <= stateOf(store, struct)) &&
    [...ds.clients].every(([client, ranges]) =>
      ranges.every(({ clock, len }) => isDeleted(store, client, clock, clock + len)),
    )
  )
}

/** Yjs looks at all structs of each range, so many that overlap would take for ever. */
function areApart(ranges: readonly { clock: number; len: number }[]): boolean {
  const isSorted = ranges.every((one, i) => one.clock >= (ranges[i - 1]?.clock ?? 0))
  const sorted = isSorted ? ranges : [...ranges].sort((a, b) => a.clock - b.clock)
  return sorted.every((one, i) => {
    const before = sorted[i - 1]
    return !before || one.clock >= before.clock + before.len
  })
}

const isSoundRange = ({ clock, len }: { clock: number; len: number }) =>
  len > 0 && Number.isSafeInteger(clock + len)

const endOf = ({ id, length }: Struct) => id.clock + length
const stateOf = (store: Y.Doc['store'], { id }: Struct) => Y.getState(store, id.client)

/**
 * Empty structs break the search in Yjs' store for good; a struct that builds on a later one of its own client, and
 * an empty deletion, throw in the middle of a transaction.
 */
function isSound(struct: Struct): boolean {
  if (struct.length < 1 || !Number.isSafeInteger(endOf(struct))) return false
  if (!(struct instanceof Y.Item)) return true
  const { id, origin, rightOrigin, parent } = struct
  return [origin, rightOrigin, parent].every(
    on => !(on instanceof Y.ID) || on.client !== id.client || on.clock < id.clock,
  )
}

function isDeleted(store: Y.Doc['store'], client: number, from: number, to: number): boolean {
  if (to > Y.getState(store, client)) return false
  const structs = store.clients.get(client) ?? []
  for (let i = Y.findIndexSS(structs, from); i < structs.length; i++) {
    const struct = structs[i] as Struct
    if (struct.id.clock >= to) break
    if (!struct.deleted) return false
  }
  return true
}
