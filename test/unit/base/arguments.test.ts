import { describe, expect, it } from 'vitest'
import {
  anyOf,
  checkArguments,
  checkText,
  json,
  literal,
  nonEmptyString,
  nonNegativeInteger,
  ofType,
  optionalJson,
  type Rule,
} from '../../../src/base/arguments.ts'
import { ConversationsError } from '../../../src/base/errors.ts'

function refusal(args: unknown[], ...rules: Rule[]): string | undefined {
  try {
    checkArguments(args, ...rules)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(ConversationsError)
    expect(error).toMatchObject({ code: 'invalid-argument' })
    return (error as Error).message
  }
}

class Thing {}

describe('the texts of the SDK', () => {
  const cases: [value: unknown, described: string][] = [
    [undefined, 'undefined'],
    [null, 'null'],
    [true, 'true'],
    [5, '5'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [10n, '10'],
    ['', '""'],
    [[], 'instance of Array'],
    [{}, 'object'],
    [() => 1, 'function'],
    [Thing, 'function'],
    [Symbol('x'), 'symbol'],
    [new Thing(), 'instance of Thing'],
    [new Date(0), 'instance of Date'],
    [Object.create(null), 'object'],
    [{ constructor: null }, 'object'],
    [{ constructor: { name: '' } }, 'object'],
  ]
  for (const [value, described] of cases) {
    it(`call a value ${described}`, () => {
      expect(refusal([value], nonEmptyString)).toBe(
        `Argument 1 is expected to be a non-empty string, but got ${described}`,
      )
    })
  }

  it('describe a value whose own code throws', () => {
    const throws = () => {
      throw new Error('mine')
    }
    const getter = Object.defineProperty({}, 'constructor', { get: throws })
    expect(refusal([getter], nonEmptyString)).toContain('but got object')
  })

  it('separate two kinds by a comma and more by a semicolon', () => {
    expect(refusal([1.5], anyOf(literal(null), nonNegativeInteger))).toBe(
      'Argument 1 is expected to be null or a non-negative integer, but got 1.5',
    )
    expect(refusal([1.5], anyOf(literal('a', 'b'), ofType('boolean'), literal(null)))).toBe(
      'Argument 1 is expected to be "a" or "b", of type boolean or null; but got 1.5',
    )
  })

  it('count arguments, also undefined ones', () => {
    expect(refusal([1, 2], nonNegativeInteger)).toBe('Expected at most 1 argument(s), but got 2')
    expect(refusal([1, undefined], nonNegativeInteger)).toBe(
      'Expected at most 1 argument(s), but got 2',
    )
    expect(refusal(['x', 'y'], nonEmptyString, nonNegativeInteger)).toBe(
      'Argument 2 is expected to be a non-negative integer, but got "y"',
    )
    expect(refusal([])).toBe(undefined)
  })

  it('cut a long value', () => {
    const message = refusal(['x'.repeat(1e7)], nonNegativeInteger)
    expect(message).toContain('(10000000 characters)')
    expect(message?.length).toBeLessThan(300)
    expect(refusal([10n ** 5000n], nonNegativeInteger)?.length).toBeLessThan(300)
  })
})

describe('rules', () => {
  const accepts = (rule: Rule, values: unknown[]) => values.filter(rule.accepts)

  it('take non-negative integers only', () => {
    const values = [0, -0, 1, 2 ** 53 - 1, -1, 0.5, 2 ** 53, Infinity, Number.NaN, '1', null, 1n]
    expect(accepts(nonNegativeInteger, values)).toEqual([0, -0, 1, 2 ** 53 - 1])
    expect(accepts(nonNegativeInteger, [Object(5), [5], { valueOf: () => 5 }])).toEqual([])
  })

  it('take what has a JSON type', () => {
    const never = [undefined, () => 1, Symbol('x'), 1n]
    const values = [null, 'x', 1, Number.NaN, true, {}, [], new Date(0)]
    expect(accepts(json, [...values, ...never])).toEqual(values)
    expect(accepts(optionalJson, [undefined, ...values, ...never.slice(1)])).toEqual([
      undefined,
      ...values,
    ])
  })

  it('take strings, not objects of them', () => {
    expect(accepts(nonEmptyString, ['x', '', Object('x')])).toEqual(['x'])
    expect(accepts(ofType('string'), ['x', '', Object('x')])).toEqual(['x', ''])
  })
})

describe('checkText', () => {
  it('refuses what is too long or no Unicode', () => {
    checkText('x'.repeat(256), 'name', 256)
    checkText('', 'name', 256)
    checkText('😀', 'name', 2)
    expect(() => checkText('xxx', 'name', 2)).toThrow('name has 3 characters; the limit is 2')
    expect(() => checkText('\ud800', 'name', 2)).toThrow('name must be well-formed Unicode')
  })
})
