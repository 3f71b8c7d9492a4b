import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  between as betweenMany,
  initialPosition,
  isPosition,
} from '../../../src/schema/position.ts'
import { runs } from '../../support/runs.ts'

function between(left: string | undefined, right: string | undefined, suffix: string): string {
  return betweenMany(left, right, 1, suffix)[0] as string
}

const digit = fc.constantFrom(...'0001289ABYZabyzzz')
const position = fc
  .tuple(fc.array(digit, { maxLength: 12 }), fc.constantFrom(...'129AZaz'))
  .map(([digits, last]) => digits.join('') + last)

function assertBetween(
  left: string | undefined,
  right: string | undefined,
  suffix: string,
): string {
  const middle = between(left, right, suffix)
  expect(isPosition(middle), middle).toBe(true)
  if (left !== undefined) expect(left < middle, `${left} < ${middle}`).toBe(true)
  if (right !== undefined) expect(middle < right, `${middle} < ${right}`).toBe(true)
  return middle
}

describe('a position', () => {
  it('lies between any two others', () => {
    fc.assert(
      fc.property(
        fc.option(position, { nil: undefined }),
        fc.option(position, { nil: undefined }),
        (a, b) => {
          fc.pre(a === undefined || b === undefined || a !== b)
          const isOrdered = a === undefined || b === undefined || a < b
          assertBetween(isOrdered ? a : b, isOrdered ? b : a, '000000a')
        },
      ),
      runs(5000),
    )
  })

  it('of two writers between the same two is not the same', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        fc.pre(a !== b)
        const [left, right] = a < b ? [a, b] : [b, a]
        const one = between(left, right, '000000a')
        const two = between(left, right, '000000b')
        expect(one).not.toBe(two)
        // And something fits between these as well.
        assertBetween(one, two, '000000c')
      }),
      runs(2000),
    )
  })

  it('can be found again and again at whatever place', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 300 }), places => {
        const positions: string[] = []
        for (const place of places) {
          const at = place % (positions.length + 1)
          positions.splice(at, 0, assertBetween(positions[at - 1], positions[at], '000000a'))
        }
        expect([...positions].sort()).toEqual(positions)
      }),
      runs(100),
    )
  })

  it('comes with as many others as wanted, in order and together', () => {
    const end = fc.option(position, { nil: undefined })
    fc.assert(
      fc.property(end, end, fc.integer({ min: 2, max: 200 }), (a, b, count) => {
        fc.pre(a === undefined || b === undefined || a < b)
        const ours = betweenMany(a, b, count, '000000a')
        const theirs = betweenMany(a, b, count, '000000b')
        expect(ours).toHaveLength(count)
        const all = [...ours, ...theirs]
        const fits = (one: string) =>
          isPosition(one) && (a === undefined || a < one) && (b === undefined || one < b)
        expect(all.every(fits)).toBe(true)
        expect(all.toSorted()).toEqual(all)
      }),
      runs(300),
    )
    expect(betweenMany(undefined, undefined, 0, '000000a')).toEqual([])
  })

  it('of initial elements follows their index', () => {
    const hex = fc.stringMatching(/^[0-9a-f]{8}$/)
    fc.assert(
      fc.property(fc.nat(62 ** 4 - 2), hex, hex, (index, a, b) => {
        const [one, two] = [initialPosition(index, a), initialPosition(index + 1, b)]
        expect(isPosition(one)).toBe(true)
        expect(one < two).toBe(true)
        assertBetween(one, two, '000000a')
        assertBetween(undefined, one, '000000a')
        assertBetween(two, undefined, '000000a')
      }),
      runs(500),
    )
  })

  it('is read only if it is one', () => {
    for (const text of ['', '0', '10', 'a-1', 'ä1', '1\n']) {
      expect(isPosition(text)).toBe(false)
    }
    expect(isPosition('1')).toBe(true)
  })
})

/** The longest position after so many inserts, each where `place` says. */
function longest(inserts: number, place: (length: number) => number, keep = Infinity): number {
  const positions: string[] = []
  let length = 0
  for (let i = 0; i < inserts; i++) {
    const at = place(positions.length)
    const position = assertBetween(positions[at - 1], positions[at], '000000a')
    positions.splice(at, 0, position)
    length = Math.max(length, position.length)
    if (positions.length > keep) positions.splice(at === 0 ? positions.length - 1 : 0, 1)
  }
  return length
}

describe('positions stay short', () => {
  it('when elements are appended for a long time', () => {
    expect(longest(20_000, length => length, 20)).toBeLessThan(40)
  })

  it('when elements are put at the front for a long time', () => {
    expect(longest(20_000, () => 0, 20)).toBeLessThan(40)
  })

  it('is found however often something is inserted at the same place', () => {
    const left = between(undefined, undefined, '000000a')
    let right: string | undefined
    for (let i = 0; i < 10_000; i++) {
      const middle = between(left, right, '000000a')
      if (!(isPosition(middle) && left < middle && (right === undefined || middle < right))) {
        expect.fail(`${middle} is not between ${left} and ${right}`)
      }
      right = middle
    }
  })
})
