/** Which of a document's updates are applied, where several servers write to one log and their news may cross. */
export class SequenceRanges {
  #upTo: number
  /** Further ones, ascending and apart: the first and the last number of each. */
  #beyond: [first: number, last: number][] = []

  constructor(upTo: number) {
    this.#upTo = upTo
  }

  /** All up to this number are applied. */
  get upTo(): number {
    return this.#upTo
  }

  /** Whether one is missing before one that is applied. */
  get hasGap(): boolean {
    return this.#beyond.length > 0
  }

  add(first: number, last: number): void {
    this.#beyond.push([first, last])
    this.#beyond.sort(([a], [b]) => a - b)
    this.#advance()
  }

  /** Everything up to this number is applied. */
  reach(upTo: number): void {
    this.#upTo = Math.max(this.#upTo, upTo)
    this.#advance()
  }

  #advance(): void {
    while (this.#beyond[0] && this.#beyond[0][0] <= this.#upTo + 1) {
      const [, last] = this.#beyond.shift() as [number, number]
      this.#upTo = Math.max(this.#upTo, last)
    }
  }
}
