import type { Place } from './place.ts'
import type { Range } from './ranges.ts'

/** A struct, or the end of one, that is not in the document yet. */
export interface Part {
  readonly clock: number
  readonly length: number
  /** Null = nowhere: it will be garbage. */
  readonly place: Place | null
  /** Whether it is a list that others may lie in. */
  readonly isList: boolean
  /** Whether nothing will be left of it but that it takes the place of what is there. */
  readonly isDeleted: boolean
}

const NONE: readonly Part[] = []

/** What a document will have, by client, in the order of clocks without gaps. */
export class Parts {
  readonly #byClient = new Map<number, Part[]>()

  /** Where the client goes on; undefined = it has nothing here. */
  clockOf(client: number): number | undefined {
    const last = this.#byClient.get(client)?.at(-1)
    return last && last.clock + last.length
  }

  push(client: number, part: Part): void {
    const parts = this.#byClient.get(client)
    if (parts) parts.push(part)
    else this.#byClient.set(client, [part])
  }

  at(client: number, clock: number): Part | undefined {
    const parts = this.#byClient.get(client)
    if (!parts) return undefined
    const part = parts[indexAt(parts, clock)]
    return part && clock >= part.clock && clock < part.clock + part.length ? part : undefined
  }

  /** Those that a range touches. */
  within(client: number, { from, to }: Range): readonly Part[] {
    const parts = this.#byClient.get(client)
    if (!parts) return NONE
    const first = Math.max(0, indexAt(parts, from))
    let last = first
    while (last < parts.length && (parts[last] as Part).clock < to) last++
    return parts.slice(first, last).filter(({ clock, length }) => clock + length > from)
  }
}

/** The last that begins there or before. */
function indexAt(parts: readonly Part[], clock: number): number {
  let low = 0
  let high = parts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((parts[middle] as Part).clock <= clock) low = middle + 1
    else high = middle
  }
  return low - 1
}
