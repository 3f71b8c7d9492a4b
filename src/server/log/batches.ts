interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/** Does one batch after the other: what comes while one is under way shares the next. */
export class Batches<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>
  readonly #weigh: (item: Item) => number
  readonly #maxWeight: number
  #waiting: Waiting<Item, Result>[] = []
  #running: Promise<void> | undefined

  /**
   * @param run answers for each item; if it rejects, all of them are rejected
   * @param maxWeight of a batch; a single item may have more
   */
  constructor(
    run: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>,
    weigh: (item: Item) => number = () => 0,
    maxWeight = Number.POSITIVE_INFINITY,
  ) {
    this.#run = run
    this.#weigh = weigh
    this.#maxWeight = maxWeight
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#running ??= this.#runAll()
    })
  }

  async #runAll(): Promise<void> {
    // What comes in this very task belongs to the first batch already.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#runBatch(this.#take())
    // At once, so that nothing can come to wait for a loop that has ended.
    this.#running = undefined
  }

  #take(): Waiting<Item, Result>[] {
    let weight = 0
    const end = this.#waiting.findIndex(({ item }, i) => {
      weight += this.#weigh(item)
      return i > 0 && weight > this.#maxWeight
    })
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }

  async #runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#run(batch.map(({ item }) => item))
      for (const [i, { resolve, reject }] of batch.entries()) {
        const result = results[i]
        if (result?.status === 'fulfilled') resolve(result.value)
        else reject(result?.reason)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
