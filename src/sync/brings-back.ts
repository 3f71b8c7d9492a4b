import * as Y from 'yjs'

/** What was ever set aside of a document: structs and deletions. */
export function joinSnapshots(a: Y.Snapshot, b: Y.Snapshot): Y.Snapshot {
  const clocks = new Map(a.sv)
  for (const [client, clock] of b.sv) clocks.set(client, Math.max(clock, clocks.get(client) ?? 0))
  return Y.createSnapshot(Y.mergeDeleteSets([a.ds, b.ds]), clocks)
}

/**
 * Whether an update has something that was set aside and that the document has not got since, or rests on something that
 * is not there. What is fine in it comes by the server too; so an update is taken as a whole or not at all.
 *
 * @throws Error if the update is malformed
 */
export function bringsBack({ store }: Y.Doc, aside: Y.Snapshot, update: Uint8Array): boolean {
  const { structs, ds } = Y.decodeUpdate(update)
  const ends = new Map<number, number>()
  const endOf = (client: number) => Math.max(Y.getState(store, client), ends.get(client) ?? 0)
  for (const { id, length } of structs) {
    const { client, clock } = id
    const here = Y.getState(store, client)
    const end = clock + length
    const isNew = end > here
    if (clock > endOf(client)) return true
    if (isNew && Math.max(clock, here) < (aside.sv.get(client) ?? 0)) return true
    ends.set(client, end)
  }
  const isMissing = (id: unknown) => id instanceof Y.ID && id.clock >= endOf(id.client)
  for (const struct of structs) {
    if (struct instanceof Y.Skip) return true
    if (!(struct instanceof Y.Item)) continue
    if ([struct.origin, struct.rightOrigin, struct.parent].some(isMissing)) return true
  }
  const deleted = Y.createDeleteSetFromStructStore(store)
  for (const [client, ranges] of ds.clients) {
    for (const { clock, len } of ranges) {
      if (clock + len > endOf(client)) return true
      for (let at = clock; at < clock + len; at++) {
        const id = Y.createID(client, at)
        if (Y.isDeleted(aside.ds, id) && !Y.isDeleted(deleted, id)) return true
      }
    }
  }
  return false
}
