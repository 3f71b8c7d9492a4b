import * as Y from 'yjs'

export type DecodedUpdate = ReturnType<typeof Y.decodeUpdate>
type Struct = DecodedUpdate['structs'][number]

/*
 * What is looked at before an update is kept. Pure functions of the update and the document's store, so that
 * nothing has to be rolled back.
 */

/** @throws if this is not an update, or one that Yjs can decode but no Yjs would write */
export function decodeUpdate(update: Uint8Array): DecodedUpdate {
  const decoded = Y.decodeUpdate(update)
  const { structs, ds } = decoded
  if (!structs.every(isSound)) throw new Error('unsound struct')
  if (![...ds.clients.values()].flat().every(isSoundRange)) throw new Error('unsound deletion')
  return decoded
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
