import * as Y from 'yjs'
import type { DecodedUpdate } from '../update-check.ts'
import { type Known, type Run, rangesOf, readDraft } from './draft.ts'
import { Parts } from './parts.ts'
import { type Place, placeOf } from './place.ts'
import { type Range, Ranges } from './ranges.ts'

/** A document together with the updates that it is going to get: what the next one is looked at against. */
export class Admitted implements Known {
  readonly doc: Pick<Y.Doc, 'store' | 'share'>
  readonly #parts = new Parts()
  readonly #deleted = new Map<number, Ranges>()

  constructor(doc: Pick<Y.Doc, 'store' | 'share'>) {
    this.doc = doc
  }

  /** Takes an update for given, whoever wrote it. When the document has it, begin anew. */
  add(decoded: DecodedUpdate): void {
    const { writings, isGapped } = readDraft(decoded, this)
    if (isGapped) return
    for (const writing of writings) this.#parts.push(writing.writer, writing)
    for (const [client, ranges] of decoded.ds.clients) {
      const deleted = this.#deleted.get(client) ?? Ranges.NONE
      this.#deleted.set(client, deleted.union(rangesOf(ranges)))
    }
  }

  clockOf(client: number): number {
    return this.#parts.clockOf(client) ?? Y.getState(this.doc.store, client)
  }

  placeAt(client: number, clock: number): Place | null {
    const part = this.#parts.at(client, clock)
    if (part) return part.place
    return placeOf(this.#structAt(client, clock), this.doc)
  }

  isListAt(client: number, clock: number): boolean {
    const part = this.#parts.at(client, clock)
    if (part) return part.isList
    const struct = this.#structAt(client, clock)
    return struct instanceof Y.Item && struct.content instanceof Y.ContentType
  }

  findUndeleted(client: number, range: Range, onFound: (run: Run) => void): void {
    const deleted = this.#deleted.get(client)
    this.#find(client, range, run => {
      if (!deleted) onFound(run)
      else for (const rest of deleted.missing(run.from, run.to)) onFound({ ...run, ...rest })
    })
  }

  #find(client: number, { from, to }: Range, onFound: (run: Run) => void): void {
    const structs = this.doc.store.clients.get(client)
    if (structs && from < Y.getState(this.doc.store, client)) {
      for (let i = Y.findIndexSS(structs, from); i < structs.length; i++) {
        const struct = structs[i] as Y.Item | Y.GC
        const { clock } = struct.id
        if (clock >= to) return
        if (struct.deleted) continue
        const end = Math.min(to, clock + struct.length)
        onFound({ from: Math.max(from, clock), to: end, place: placeOf(struct, this.doc) })
      }
    }
    for (const { clock, length, place, isDeleted } of this.#parts.within(client, { from, to })) {
      if (isDeleted) continue
      onFound({ from: Math.max(from, clock), to: Math.min(to, clock + length), place })
    }
  }

  #structAt(client: number, clock: number): Y.Item | Y.GC {
    const structs = this.doc.store.clients.get(client) as (Y.Item | Y.GC)[]
    return structs[Y.findIndexSS(structs, clock)] as Y.Item | Y.GC
  }
}
