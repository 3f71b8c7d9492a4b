/** Numbers from `from` up to, not including, `to`. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** A set of numbers, as ranges that are sorted and apart from each other. */
export class Ranges {
  static readonly NONE = new Ranges([])
  readonly #ranges: readonly Range[]

  private constructor(ranges: readonly Range[]) {
    this.#ranges = ranges
  }

  /** In one go over both, whatever they are. @param sorted by where they begin */
  union(sorted: readonly Range[]): Ranges {
    const joined: Range[] = []
    const add = ({ from, to }: Range) => {
      const last = joined.at(-1)
      if (!last || from > last.to) joined.push({ from, to })
      else if (to > last.to) joined[joined.length - 1] = { from: last.from, to }
    }
    let i = 0
    for (const range of this.#ranges) {
      for (let next = sorted[i]; next && next.from < range.from; next = sorted[++i]) add(next)
      add(range)
    }
    for (const rest of sorted.slice(i)) add(rest)
    return new Ranges(joined)
  }

  /** What of a range is not in the set. */
  missing(from: number, to: number): Range[] {
    const missing: Range[] = []
    let start = from
    for (let i = this.#firstEndingBeyond(from); start < to; i++) {
      const range = this.#ranges[i]
      if (!range || range.from >= to) break
      if (range.from > start) missing.push({ from: start, to: range.from })
      start = range.to
    }
    if (start < to) missing.push({ from: start, to })
    return missing
  }

  #firstEndingBeyond(number: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ranges[middle] as Range).to <= number) low = middle + 1
      else high = middle
    }
    return low
  }
}
