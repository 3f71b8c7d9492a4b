import * as Y from 'yjs'

/** Above every clock. */
const END = 2 ** 52

/**
 * Client ids in a document that the server knows as somebody else's: another user of this device wrote here, and has
 * to send it. What they wrote is left out of what is sent, and with it what it deleted: their deletions of values that
 * they replaced would leave nothing in the place.
 */
export class ForeignWriters {
  readonly #doc: Y.Doc
  readonly #ids = new Map<number, number>()

  constructor(doc: Y.Doc) {
    this.#doc = doc
  }

  /** Says whether one of them was not known. */
  add(ids: readonly number[]): boolean {
    const count = this.#ids.size
    for (const id of ids) this.#ids.set(id, END)
    return this.#ids.size > count
  }

  /** What is left of an update of the document; undefined if nothing is. */
  leaveOut(update: Uint8Array): Uint8Array | undefined {
    if (this.#ids.size === 0) return update
    // Its structs, then its deletions, which have the same bytes there as in a snapshot of nothing else.
    const rest = Y.diffUpdate(update, Y.encodeStateVector(this.#ids))
    const { ds } = Y.decodeUpdate(update)
    const structs = rest.subarray(0, rest.length - encodeDeletions(ds).length)
    const own = Y.createDeleteSet()
    for (const [client, ranges] of ds.clients) {
      if (this.#ids.has(client)) continue
      const kept = ranges.flatMap(({ clock, len }) => this.#keep(client, clock, clock + len))
      if (kept.length > 0) own.clients.set(client, kept)
    }
    if (structs.length === 1 && own.clients.size === 0) return undefined
    const deletions = encodeDeletions(own)
    const whole = new Uint8Array(structs.length + deletions.length)
    whole.set(structs)
    whole.set(deletions, structs.length)
    return whole
  }

  /** The ranges in this one of what nobody of them has replaced. */
  #keep(client: number, from: number, to: number): Range[] {
    const kept: Range[] = []
    const structs = this.#doc.store.clients.get(client) ?? []
    if (to > Y.getState(this.#doc.store, client)) return [{ clock: from, len: to - from }]
    for (let i = Y.findIndexSS(structs, from); i < structs.length; i++) {
      const struct = structs[i] as (typeof structs)[number]
      const { clock } = struct.id
      if (clock >= to) break
      if (this.#isReplaced(struct)) continue
      const start = Math.max(from, clock)
      kept.push({ clock: start, len: Math.min(to, clock + struct.length) - start })
    }
    return kept
  }

  #isReplaced(struct: Y.AbstractStruct): boolean {
    if (!(struct instanceof Y.Item) || struct.parentSub === null) return false
    const { right } = struct
    return right !== null && this.#ids.has(right.id.client)
  }
}

interface Range {
  readonly clock: number
  readonly len: number
}

function encodeDeletions(ds: ReturnType<typeof Y.createDeleteSet>): Uint8Array {
  // Without its state vector, which is one byte.
  return Y.encodeSnapshot(Y.createSnapshot(ds, new Map())).subarray(0, -1)
}
