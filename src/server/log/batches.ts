interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/** Does one batch after the other: what comes while one is under way shares the next. */
export class Batches<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>
  readonly #maxItems: number
  #waiting: Waiting<Item, Result>[] = []
  #running: Promise<void> | undefined

  /** @param run answers for each item; if it rejects, all of them are rejected */
  constructor(
    run: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>,
    maxItems = Number.POSITIVE_INFINITY,
  ) {
    this.#run = run
    this.#maxItems = maxItems
  }

  /** How many have not been begun. */
  get waiting(): number {
    return this.#waiting.length
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#running ??= this.#runAll()
    })
  }

  async whenIdle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #runAll(): Promise<void> {
    // What comes in this very task belongs to the first batch already.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#runBatch(this.#waiting.splice(0, this.#maxItems))
    // At once, so that nothing can come to wait for a loop that has ended.
    this.#running = undefined
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
