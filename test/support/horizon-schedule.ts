import fc from 'fast-check'
import {
  advance,
  type Horizon,
  join,
  lastReadIndex,
  rewind,
  UNREAD,
  type Writer,
} from '../../src/schema/horizon.ts'

/** What one device of a user does, or two of them. */
export type Step =
  | { kind: 'set'; device: number; index: number }
  | { kind: 'sync'; from: number; to: number }
  /** The same replica under a new writer id, as after an unclean end. */
  | { kind: 'restart'; device: number }

interface Operation {
  readonly id: number
  readonly kind: 'advance' | 'rewind'
  readonly index: number
  /** Ids of the operations that its device knew of. */
  readonly seen: ReadonlySet<number>
}

interface Replica {
  writer: Writer
  horizon: Horizon
  known: Set<number>
}

export function schedule(devices: number, maxLength = 40): fc.Arbitrary<Step[]> {
  const device = fc.nat(devices - 1)
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('set' as const),
        device,
        index: fc.integer({ min: -1, max: 12 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('sync' as const), from: device, to: device }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), device }) },
  )
  return fc.array(step, { maxLength })
}

/** What was done to one horizon; knows from that what the reading must be. */
export class HorizonHistory {
  readonly #operations: Operation[] = []

  /** How often it was moved. */
  get length(): number {
    return this.#operations.length
  }

  /** Somebody who knows of these operations does one more, and knows of it from then on. */
  record(kind: Operation['kind'], index: number, known: Set<number>): void {
    const id = this.#operations.length + 1
    this.#operations.push({ id, kind, index, seen: new Set(known) })
    known.add(id)
  }

  /**
   * What somebody who knows of these operations must read, by the rule in words: a message is read if somebody
   * advanced over it, and everybody who went back before it was, later and knowingly, advanced over it again.
   */
  expected(known: ReadonlySet<number>): number | null {
    const operations = this.#operations.filter(({ id }) => known.has(id))
    const advances = operations.filter(({ kind }) => kind === 'advance')
    const rewinds = operations.filter(({ kind }) => kind === 'rewind')
    for (let index = 0; ; index++) {
      const covering = advances.filter(one => one.index >= index)
      const isRead =
        covering.length > 0 &&
        rewinds.every(one => one.index >= index || covering.some(({ seen }) => seen.has(one.id)))
      if (!isRead) return index === 0 ? null : index - 1
    }
  }
}

/** Devices of one user that set their horizon and exchange it: the algebra alone. */
export class HorizonWorld {
  readonly history = new HorizonHistory()
  readonly replicas: Replica[]
  #writers = 0

  constructor(devices: number) {
    this.replicas = Array.from({ length: devices }, () => ({
      writer: ++this.#writers,
      horizon: UNREAD,
      known: new Set<number>(),
    }))
  }

  /** Does one step, as the document does; returns the device that may have changed. */
  do(step: Step): Replica {
    if (step.kind === 'sync') {
      const [from, to] = [this.replicas[step.from] as Replica, this.replicas[step.to] as Replica]
      to.horizon = join(to.horizon, from.horizon)
      for (const id of from.known) to.known.add(id)
      return to
    }
    const replica = this.replicas[step.device] as Replica
    if (step.kind === 'restart') {
      replica.writer = ++this.#writers
      return replica
    }
    const { index } = step
    const isAdvance = index >= (lastReadIndex(replica.horizon) ?? -1)
    this.history.record(isAdvance ? 'advance' : 'rewind', index, replica.known)
    replica.horizon = isAdvance
      ? advance(replica.horizon, { index }, this.history.length)
      : rewind(replica.horizon, replica.writer, { index }, this.history.length)
    return replica
  }

  syncAll(): void {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < this.replicas.length; i++) {
        this.do({ kind: 'sync', from: i, to: (i + 1) % this.replicas.length })
      }
    }
  }
}

/** Horizons that some schedule leads to, of all its devices at all times. */
export function horizonsOf(devices: number, steps: Step[]): Horizon[] {
  const world = new HorizonWorld(devices)
  return [UNREAD, ...steps.map(step => world.do(step).horizon)]
}
