/** One user of something that has a limited number of places. */
export interface Place<Shared> {
  /** What all users with the same key share. */
  readonly shared: Shared
  leave(): void
}

/** Gives a limited number of places to each key, and something that those who have them share. */
export class Occupancy<Shared extends { readonly isUnused: boolean }> {
  readonly #create: () => Shared
  readonly #maxPlaces: number
  readonly #entries = new Map<string, { shared: Shared; places: number }>()

  constructor(maxPlaces: number, create: () => Shared) {
    this.#maxPlaces = maxPlaces
    this.#create = create
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#entries.size
  }

  /** What a key shares, also if nobody has a place yet. */
  shared(key: string): Shared {
    return this.#entry(key).shared
  }

  /** Undefined if all places are taken. */
  enter(key: string): Place<Shared> | undefined {
    const entry = this.#entry(key)
    if (entry.places >= this.#maxPlaces) return undefined
    entry.places += 1
    let isHere = true
    return {
      shared: entry.shared,
      leave: () => {
        if (isHere) entry.places -= 1
        isHere = false
      },
    }
  }

  /** Forgets the keys that nobody uses, as soon as coming back gains them nothing. */
  sweep(): void {
    for (const [key, { shared, places }] of this.#entries) {
      if (places === 0 && shared.isUnused) this.#entries.delete(key)
    }
  }

  #entry(key: string): { shared: Shared; places: number } {
    let entry = this.#entries.get(key)
    if (!entry) {
      entry = { shared: this.#create(), places: 0 }
      this.#entries.set(key, entry)
    }
    return entry
  }
}
