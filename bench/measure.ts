/** A contender made ready for one round. */
export interface Contender {
  /** Does one chunk of work; a function it resolves to is called after the clock has stopped. */
  run(chunk: number): unknown
  close?(): Promise<void>
}

export interface Effort {
  /** Each begins with a fresh `prepare` of every contender. */
  readonly rounds: number
  readonly chunks: number
}

export interface Comparison<Name extends string> {
  /** Median over all chunks of the quotient of neighbouring chunks. */
  ratio(a: Name, b: Name): number
  /** Median over all chunks, in µs of CPU time. */
  cost(a: Name): number
  /** Pairs of chunks behind a ratio. */
  readonly samples: number
}

/**
 * Measures contenders chunk by chunk in turn, so that whatever disturbs one disturbs the others too. The first
 * round only warms up.
 *
 * What is measured is CPU time of this process, with the engine's helper threads and the garbage collection that
 * falls into a chunk: other processes can hardly disturb it.
 */
export async function compare<Name extends string>(
  prepare: Record<Name, () => Promise<Contender> | Contender>,
  { rounds, chunks }: Effort,
): Promise<Comparison<Name>> {
  const names = Object.keys(prepare) as Name[]
  const costs = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<
    Name,
    number[]
  >
  for (let round = -1; round < rounds; round++) {
    const contenders = new Map<Name, Contender>()
    for (const name of names) contenders.set(name, await prepare[name]())
    collectGarbage()
    for (let chunk = 0; chunk < chunks; chunk++) {
      for (const name of chunk % 2 === 0 ? names : names.toReversed()) {
        const before = process.cpuUsage()
        const cleanup = await contenders.get(name)?.run(chunk)
        const { user, system } = process.cpuUsage(before)
        if (typeof cleanup === 'function') await cleanup()
        if (round >= 0) costs[name].push(user + system)
      }
    }
    for (const contender of contenders.values()) await contender.close?.()
  }
  return {
    ratio: (a, b) => median(costs[a].map((cost, i) => cost / (costs[b][i] as number))),
    cost: a => median(costs[a]),
    samples: rounds * chunks,
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Does nothing without `--expose-gc`. */
export function collectGarbage(): void {
  globalThis.gc?.()
}
