import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  advance,
  equalHorizon,
  type Horizon,
  join,
  lastReadIndex,
  rewind,
  UNREAD,
} from '../../src/schema/horizon.ts'
import { decodeHorizon, encodeHorizon } from '../../src/schema/horizon-codec.ts'
import { HorizonWorld, horizonsOf, schedule } from '../support/horizon-schedule.ts'
import { runs } from '../support/runs.ts'

/** Some horizons of one history. */
const lawful = fc
  .tuple(schedule(4), fc.array(fc.nat(), { minLength: 3, maxLength: 3 }))
  .map(([steps, picks]) => {
    const all = horizonsOf(4, steps)
    return picks.map(pick => all[pick % all.length]) as [Horizon, Horizon, Horizon]
  })

const counts = fc
  .array(fc.tuple(fc.nat(4), fc.nat(3)), { maxLength: 4 })
  .map(pairs => new Map(pairs.filter(([, n]) => n > 0)))

/** Whatever can be read from a document, also what no history leads to. */
const forged = fc
  .record({
    epochs: fc.uniqueArray(
      fc.record({
        writer: fc.nat(4),
        n: fc.nat(3),
        index: fc.integer({ min: -1, max: 9 }),
        tail: counts,
      }),
      { maxLength: 5, selector: ({ writer, n }) => `${writer} ${n}` },
    ),
    seen: counts,
    time: fc.nat(1e6),
  })
  // Some know how many of the messages are of others, which follows from the index.
  .map(({ epochs, ...rest }) => ({
    ...rest,
    epochs: epochs.map(one => (one.index > 4 ? { ...one, others: one.index } : one)),
  }))
  .map(({ epochs, seen, time }) =>
    decodeHorizon(
      encodeHorizon({ live: epochs.sort((a, b) => a.writer - b.writer || a.n - b.n), seen, time }),
    ),
  )
  .filter(horizon => horizon !== undefined)

const equal = (a: Horizon, b: Horizon) => equalHorizon(a, b) && equalHorizon(b, a)

/** `b` says everything that `a` says. */
const isBelow = (a: Horizon, b: Horizon) => equal(join(a, b), b)

describe('the horizons of one user form a lattice, forged ones too', () => {
  const three = fc.oneof(lawful, fc.tuple(forged, forged, forged))

  it('in which joining is associative, commutative and idempotent', () => {
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        expect(equal(join(a, a), a)).toBe(true)
        lastReadIndex(join(a, b))
        expect(equal(join(a, b), join(b, a))).toBe(true)
        expect(equal(join(join(a, b), c), join(a, join(b, c)))).toBe(true)
      }),
      runs(3000),
    )
  })

  it('in which joining gives back the first where the second adds nothing', () => {
    fc.assert(
      fc.property(three, ([a, b]) => {
        const both = join(a, b)
        expect(join(both, a)).toBe(both)
        expect(join(both, b)).toBe(both)
        expect(join(b, UNREAD)).toBe(b)
      }),
      runs(1000),
    )
  })

  it('in which moving forward and going back both move up', () => {
    fc.assert(
      fc.property(three, fc.integer({ min: -1, max: 12 }), fc.nat(5), ([a, b], index, writer) => {
        const forward = advance(a, { index }, a.time + 1)
        const back = rewind(a, writer, { index }, a.time + 1)
        expect(isBelow(a, forward)).toBe(true)
        expect(isBelow(a, back)).toBe(true)
        expect(equal(back, a)).toBe(false)
        // And what is above stays above, so that nothing is lost when it was done elsewhere.
        expect(isBelow(join(a, b), join(forward, b))).toBe(true)
        expect(isBelow(join(a, b), join(back, b))).toBe(true)
      }),
      runs(1000),
    )
  })

  it('in which joining without going back never lowers the reading', () => {
    fc.assert(
      fc.property(schedule(4), steps => {
        const forwardOnly = steps.map(step => ({ ...step }))
        const world = new HorizonWorld(4)
        for (const step of forwardOnly) {
          if (step.kind === 'set') {
            const { horizon } = world.replicas[step.device] as (typeof world.replicas)[0]
            step.index = Math.max(step.index, lastReadIndex(horizon) ?? -1)
          }
          const before = world.replicas.map(({ horizon }) => lastReadIndex(horizon) ?? -1)
          world.do(step)
          const after = world.replicas.map(({ horizon }) => lastReadIndex(horizon) ?? -1)
          expect(after.every((index, i) => index >= (before[i] as number))).toBe(true)
        }
      }),
      runs(500),
    )
  })

  it('in which those whose authors claim to have seen each other end are read as nothing', () => {
    const forge = (writer: number) => ({
      live: [{ writer, n: 1, index: 5 }],
      seen: new Map([
        [1, 1],
        [2, 1],
      ]),
      time: 1,
    })
    const both = join(forge(1), forge(2))
    expect(lastReadIndex(both)).toBe(null)
    expect(decodeHorizon(encodeHorizon(both))).toEqual(both)
    expect(lastReadIndex(join(both, rewind(both, 3, { index: 4 }, 2)))).toBe(4)
  })

  it('in which pending messages that are read stay read', () => {
    fc.assert(
      fc.property(forged, forged, counts, (a, b, tail) => {
        fc.pre(a.live.length > 0)
        const forward = advance(a, { index: -1, tail }, a.time + 1)
        for (const epoch of forward.live) {
          for (const [writer, n] of tail)
            expect(epoch.tail?.get(writer) ?? 0).toBeGreaterThanOrEqual(n)
        }
        expect(isBelow(a, forward)).toBe(true)
        expect(isBelow(join(a, b), join(forward, b))).toBe(true)
        expect(advance(forward, { index: -1, tail }, a.time + 2)).toBe(forward)
      }),
      runs(500),
    )
  })
})

describe('the reading', () => {
  for (const devices of [3, 4, 5]) {
    it(`is what its history says, on each of ${devices} devices at all times`, () => {
      fc.assert(
        fc.property(schedule(devices, 60), steps => {
          const world = new HorizonWorld(devices)
          for (const step of steps) {
            const { horizon, known } = world.do(step)
            expect(lastReadIndex(horizon)).toBe(world.history.expected(known))
          }
          world.syncAll()
          const [first] = world.replicas as [(typeof world.replicas)[0]]
          for (const { horizon, known } of world.replicas) {
            expect(equal(horizon, first.horizon)).toBe(true)
            expect(lastReadIndex(horizon)).toBe(world.history.expected(known))
          }
        }),
        runs(1000),
      )
    })
  }

  it('of two devices that moved to 5 and 9 apart is 9, whichever id is higher', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.boolean(), (timeA, timeB, isSwapped) => {
        const [a, b] = [advance(UNREAD, { index: 5 }, timeA), advance(UNREAD, { index: 9 }, timeB)]
        expect(lastReadIndex(isSwapped ? join(b, a) : join(a, b))).toBe(9)
      }),
    )
  })

  it('goes back with a mark-unread, whatever somebody else read without knowing of it', () => {
    const base = advance(UNREAD, { index: 9 }, 1)
    const back = rewind(base, 1, { index: 3 }, 2)
    const forward = advance(base, { index: 100 }, 3)
    expect(lastReadIndex(join(back, forward))).toBe(3)
    expect(lastReadIndex(advance(join(back, forward), { index: 7 }, 4))).toBe(7)
    // Two that went back apart: the lower counts, until somebody who knows of both moves on.
    const other = rewind(base, 2, { index: 5 }, 2)
    expect(lastReadIndex(join(back, other))).toBe(3)
    expect(lastReadIndex(join(advance(back, { index: 8 }, 4), other))).toBe(5)
  })
})

describe('an encoded horizon', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.oneof(lawful, fc.tuple(forged)), ([horizon]) => {
        expect(equal(decodeHorizon(encodeHorizon(horizon)) as Horizon, horizon)).toBe(true)
      }),
      runs(1000),
    )
  })

  it('is read from any bytes without harm, and what was read can be used and written again', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      // Small numbers make more of them lawful.
      fc.array(fc.nat(4), { maxLength: 40 }).map(list => Uint8Array.from([0, ...list])),
      fc
        .array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 40 })
        .map(list => Uint8Array.from(list)),
    )
    fc.assert(
      fc.property(bytes, bytes, (one, two) => {
        const [a, b] = [decodeHorizon(one) ?? UNREAD, decodeHorizon(two) ?? UNREAD]
        const both = join(a, b)
        expect(equal(both, join(b, a))).toBe(true)
        const written = decodeHorizon(encodeHorizon(both)) as Horizon
        expect(equal(written, both)).toBe(true)
        const index = lastReadIndex(both)
        expect(index === null || Number.isSafeInteger(index)).toBe(true)
        advance(both, { index: 3 }, 1)
        expect(lastReadIndex(rewind(both, 7, { index: 3 }, 1))).toBe(3)
      }),
      runs(5000),
    )
  })
})
