import * as Y from 'yjs'

/** `mergeUpdates` takes time in the square of their number: 1,000 take a fifth of the time in groups of 32. */
const groupSize = 32
/** Beyond this the whole state takes less time and memory. */
const maxUpdates = 1000

/** What happened to a document and is not in its database yet. */
export class Unsaved {
  #updates: Uint8Array[] = []
  #isWhole = false

  get isEmpty(): boolean {
    return !this.#isWhole && this.#updates.length === 0
  }

  add(update: Uint8Array): void {
    if (this.#isWhole) return
    if (this.#updates.push(update) > maxUpdates) this.addWhole()
  }

  /** Everything that is in the document. */
  addWhole(): void {
    this.#isWhole = true
    this.#updates = []
  }

  addAll(other: Unsaved): void {
    if (other.#isWhole) this.addWhole()
    else for (const update of other.#updates) this.add(update)
  }

  remove(isStored: (update: Uint8Array) => boolean): void {
    this.#updates = this.#updates.filter(update => !isStored(update))
  }

  encode(doc: Y.Doc): Uint8Array {
    return this.#isWhole ? Y.encodeStateAsUpdate(doc) : merge(this.#updates)
  }
}

function merge(updates: Uint8Array[]): Uint8Array {
  let merged = updates
  while (merged.length > 1) {
    const groups: Uint8Array[] = []
    for (let start = 0; start < merged.length; start += groupSize) {
      groups.push(Y.mergeUpdates(merged.slice(start, start + groupSize)))
    }
    merged = groups
  }
  return merged[0] ?? Y.mergeUpdates([])
}
