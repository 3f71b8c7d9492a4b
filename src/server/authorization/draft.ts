import * as Y from 'yjs'
import type { DecodedUpdate, Struct } from '../update-check.ts'
import { type Part, Parts } from './parts.ts'
import { ASTRAY, isSamePlace, type Place } from './place.ts'
import { type Range, Ranges } from './ranges.ts'

/** Clocks of one client that lie in one place. */
export interface Run extends Range {
  readonly place: Place | null
}

/** What an update is looked at against. */
export interface Known {
  /** Where a client goes on. */
  clockOf(client: number): number
  /** Where a struct lies that there is; null = nowhere. */
  placeAt(client: number, clock: number): Place | null
  /** Whether what is there is a list. */
  isListAt(client: number, clock: number): boolean
  /** Finds what of a range there is and is not deleted. */
  findUndeleted(client: number, range: Range, onFound: (run: Run) => void): void
}

/** A struct of an update that is new, or the new end of one. */
export interface Writing extends Part {
  readonly writer: number
  /** Undefined = garbage. */
  readonly content: Y.Item['content'] | undefined
  /** How much of the content there is already. */
  readonly offset: number
  /** Whether it follows what its writer wrote directly before, with nothing behind it; see `Y.Array.push`. */
  readonly isAppended: boolean
}

/** What an update deletes that is there: a run of structs of one client in one place. */
export interface Erasure {
  readonly writer: number
  readonly place: Place | null
}

/** What an update would do, and where. */
export interface Draft {
  readonly writings: readonly Writing[]
  readonly erasures: readonly Erasure[]
  /** It rests on something that is missing. Then the rest was not looked at. */
  readonly isGapped: boolean
}

/** The structs of one client, as far as they are still to be placed. */
interface Queue {
  readonly structs: readonly Struct[]
  next: number
  /** Something of it waits for something else. */
  isWaiting: boolean
}

/** Finds out where Yjs would put what an update brings, in the order in which Yjs would do it. */
export function readDraft(decoded: DecodedUpdate, known: Known): Draft {
  const reader = new DraftReader(decoded, known)
  const isGapped = !reader.readStructs() || !reader.readDeletions()
  return { writings: reader.writings, erasures: reader.erasures, isGapped }
}

class DraftReader {
  readonly writings: Writing[] = []
  readonly erasures: Erasure[] = []
  readonly #decoded: DecodedUpdate
  readonly #known: Known
  readonly #parts = new Parts()

  constructor(decoded: DecodedUpdate, known: Known) {
    this.#decoded = decoded
    this.#known = known
  }

  /** Says whether all of them find what they rest on. */
  readStructs(): boolean {
    const { structs } = this.#decoded
    // Most often there is one.
    if (structs.length === 1) return this.#takeAlone(structs[0] as Struct)
    const queues = queuesOf(structs)
    for (const queue of queues.values()) {
      while (queue.next < queue.structs.length) if (!this.#readNext(queue, queues)) return false
    }
    return true
  }

  #takeAlone(struct: Struct): boolean {
    if (this.#missing(struct) !== undefined) return false
    if (!(struct instanceof Y.Skip)) this.#place(struct)
    return true
  }

  /** Says whether all that is to be deleted is there. */
  readDeletions(): boolean {
    for (const [client, ranges] of this.#decoded.ds.clients) {
      const end = this.#clockOf(client)
      for (const { clock, len } of ranges) {
        const range = { from: clock, to: clock + len }
        if (range.to > end) return false
        this.#known.findUndeleted(client, range, ({ place }) => {
          this.erasures.push({ writer: client, place })
        })
      }
    }
    this.#markDeleted()
    return true
  }

  /** The next struct of a queue, after those of others that it rests on. */
  #readNext(queue: Queue, queues: ReadonlyMap<number, Queue>): boolean {
    const stack = [queue]
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const struct = top.structs[top.next] as Struct
      const missing = this.#missing(struct)
      if (missing === undefined) {
        if (!(struct instanceof Y.Skip)) this.#place(struct)
        top.next++
        top.isWaiting = false
        stack.pop()
        continue
      }
      top.isWaiting = true
      const needed = queues.get(missing)
      // What waits for itself in a circle would wait for ever.
      if (!needed || needed.isWaiting || needed.next >= needed.structs.length) return false
      stack.push(needed)
    }
    return true
  }

  /** The client of whom something is missing that a struct rests on. Yjs looks at known ones too. */
  #missing(struct: Struct): number | undefined {
    if (struct instanceof Y.Skip) return undefined
    const { client, clock } = struct.id
    if (clock > this.#clockOf(client)) return client
    if (!(struct instanceof Y.Item)) return undefined
    const { origin, rightOrigin, parent } = struct
    if (origin && this.#lacks(origin)) return origin.client
    if (rightOrigin && this.#lacks(rightOrigin)) return rightOrigin.client
    if (parent instanceof Y.ID && this.#lacks(parent)) return parent.client
    return undefined
  }

  #place(struct: Struct): void {
    const { client, clock } = struct.id
    const offset = this.#clockOf(client) - clock
    const length = struct.length - offset
    if (length <= 0) return
    const content = struct instanceof Y.Item ? struct.content : undefined
    const place = struct instanceof Y.Item ? this.#placeOf(struct, offset) : null
    const isDeleted = place === null || content instanceof Y.ContentDeleted
    const isAppended = struct instanceof Y.Item && isAppendedItem(struct)
    // Member by member, as spreading takes longer than all the rest.
    const writing = {
      writer: client,
      clock: clock + offset,
      length,
      place,
      content,
      offset,
      isList: content instanceof Y.ContentType,
      isDeleted,
      isAppended,
    }
    this.writings.push(writing)
    this.#parts.push(client, writing)
  }

  /** As in `Item.getMissing` and `Item.integrate` of Yjs. */
  #placeOf(item: Y.Item, offset: number): Place | null {
    const place = this.#inherited(item)
    if (offset === 0 || place === null) return place
    // The rest of a struct goes behind the part that is there, wherever that is.
    const { client, clock } = item.id
    return isSamePlace(place, this.#placeAt(client, clock + offset - 1)) ? place : ASTRAY
  }

  #inherited({ origin, rightOrigin, parent, parentSub: key }: Y.Item): Place | null {
    if (origin || rightOrigin) {
      const left = origin && this.#placeAt(origin.client, origin.clock)
      const right = rightOrigin && this.#placeAt(rightOrigin.client, rightOrigin.clock)
      const isGarbage = (origin && !left) || (rightOrigin && !right)
      if (isGarbage) return null
      return left && right && !isSamePlace(left, right) ? ASTRAY : left || right
    }
    if (!(parent instanceof Y.ID)) return { root: String(parent), key, list: undefined }
    if (!this.#isListAt(parent.client, parent.clock)) return null
    const holder = this.#placeAt(parent.client, parent.clock)
    if (holder === null) return null
    return holder.list || key !== null ? ASTRAY : { ...holder, list: parent }
  }

  #markDeleted(): void {
    const { clients } = this.#decoded.ds
    if (clients.size === 0) return
    const byWriter = new Map<number, Ranges | undefined>()
    const deletedBy = (writer: number) => {
      if (!byWriter.has(writer)) {
        const ranges = clients.get(writer)
        byWriter.set(writer, ranges && Ranges.NONE.union(rangesOf(ranges)))
      }
      return byWriter.get(writer)
    }
    for (let i = 0; i < this.writings.length; i++) {
      const writing = this.writings[i] as Writing
      const { writer, clock, length, isDeleted } = writing
      if (isDeleted || !clients.has(writer)) continue
      const ranges = deletedBy(writer)
      if (!ranges) continue
      const left = ranges.missing(clock, clock + length)
      if (left.length === 0) this.writings[i] = { ...writing, isDeleted: true }
      else if (left.some(({ from, to }) => to - from < length)) this.erasures.push(writing)
    }
  }

  #clockOf(client: number): number {
    return this.#parts.clockOf(client) ?? this.#known.clockOf(client)
  }

  #lacks({ client, clock }: Y.ID): boolean {
    return clock >= this.#clockOf(client)
  }

  #placeAt(client: number, clock: number): Place | null {
    const part = this.#parts.at(client, clock)
    return part ? part.place : this.#known.placeAt(client, clock)
  }

  #isListAt(client: number, clock: number): boolean {
    const part = this.#parts.at(client, clock)
    return part ? part.isList : this.#known.isListAt(client, clock)
  }
}

/** Sorted. */
export function rangesOf(ranges: readonly { clock: number; len: number }[]): Range[] {
  return ranges
    .map(({ clock, len }) => ({ from: clock, to: clock + len }))
    .sort((a, b) => a.from - b.from)
}

function queuesOf(structs: readonly Struct[]): Map<number, Queue> {
  const queues = new Map<number, Queue & { structs: Struct[] }>()
  for (const struct of structs) {
    const { client } = struct.id
    const queue = queues.get(client)
    if (queue) queue.structs.push(struct)
    else queues.set(client, { structs: [struct], next: 0, isWaiting: false })
  }
  return queues
}

function isAppendedItem({ id, origin, rightOrigin, parent }: Y.Item): boolean {
  if (rightOrigin) return false
  const before = origin ?? (parent instanceof Y.ID ? parent : undefined)
  return before?.client === id.client && before.clock === id.clock - 1
}
