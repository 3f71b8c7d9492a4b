import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalJson, type JSONValue } from '../../src/base/json.ts'
import { attributeKey, parseAttributeKey } from '../../src/schema/attribute-map.ts'
import { type AttributeEntry, diffAttributes, readAttributes } from '../../src/schema/attributes.ts'
import { runs } from '../support/runs.ts'

const json = fc
  .jsonValue({ maxDepth: 4 })
  .map(value => JSON.parse(JSON.stringify(value)) as JSONValue)

/** Entries as some writer, ours or not, may have left them. */
const segment = fc.oneof(
  fc.constantFrom(
    '.a',
    '.b',
    '.__proto__',
    '.',
    '.#a',
    '#a01',
    '#d0000000000001',
    '#V1',
    '#1',
    '#zz1',
  ),
  fc.nat(2000).map(n => `#a0${'0'.repeat(n % 1000)}1`),
)
const entry: fc.Arbitrary<AttributeEntry> = fc.record({
  path: fc.array(segment, { maxLength: 5 }),
  value: fc.constantFrom<JSONValue | undefined>(undefined, null, 0, 'x', false, {}, []),
})
const entries = fc.uniqueArray(entry, {
  maxLength: 12,
  selector: ({ path }) => JSON.stringify(path),
})

/** Writes as the document does; every entry must be one that is read again. */
function write(
  initial: readonly JSONValue[],
  known: ReadonlyMap<string, AttributeEntry>,
  next: JSONValue,
  suffix = '000000a',
): Map<string, AttributeEntry> {
  const written = new Map(known)
  const changes = diffAttributes(initial, [...known.values()], next, suffix)
  for (const path of changes.delete) {
    expect(written.delete(attributeKey('bob', 1, path))).toBe(true)
  }
  for (const { path, value } of changes.set) {
    const key = attributeKey('bob', 1, path)
    expect(parseAttributeKey(key), key).toEqual({ entity: 'bob', incarnation: 1, path })
    written.set(key, { path, value })
  }
  return written
}

function mapOf(list: AttributeEntry[]): Map<string, AttributeEntry> {
  return new Map(list.map(one => [attributeKey('bob', 1, one.path), one]))
}

describe('attributes', () => {
  it('take any value over whatever lies in the document, and read it back', () => {
    fc.assert(
      fc.property(
        fc.array(json, { maxLength: 3 }),
        entries,
        json,
        json,
        (initial, list, one, two) => {
          let known = mapOf(list)
          readAttributes(initial, [...known.values()])
          for (const next of [one, two, one]) {
            known = write(initial, known, next)
            const value = readAttributes(initial, [...known.values()])
            if (!equalJson(value, next)) expect(value).toEqual(next)
            // What was written is complete: the same again changes nothing.
            expect(diffAttributes(initial, [...known.values()], next, '000000b')).toEqual({
              set: [],
              delete: [],
            })
          }
        },
      ),
      runs(800),
    )
  })

  it('of the deepest value that is allowed can be written and read', () => {
    for (const wrap of [(inner: JSONValue) => [inner], (inner: JSONValue) => ({ a: inner })]) {
      let value: JSONValue = 'deep'
      for (let i = 0; i < 64; i++) value = wrap(value)
      const known = write([], new Map(), value)
      expect(readAttributes([], [...known.values()])).toEqual(value)
      expect(readAttributes([value], [])).toEqual(value)
    }
  })

  it('hold a list that is used for years, whichever end grows, at the same price', () => {
    const ends: ((list: number[], n: number) => number[])[] = [
      (list, n) => [...list, n].slice(-10),
      (list, n) => [n, ...list].slice(0, 10),
      // One stays in front for ever, and all others come right after it.
      (list, n) => [-1, n, ...list.slice(1)].slice(0, 10),
    ]
    for (const add of ends) {
      let known = new Map<string, AttributeEntry>()
      let list: number[] = []
      for (let n = 0; n < 4000; n++) {
        list = add(list, n)
        known = write([], known, list)
      }
      expect(readAttributes([], [...known.values()])).toEqual(list)
      for (const key of known.keys()) expect(key.length).toBeLessThan(400)
    }
  })

  it('keep what two insert at one place together, and apart from each other', () => {
    const base = write([], new Map(), ['first', 'last'])
    const left = write([], base, ['first', 'a1', 'a2', 'a3', 'last'], '000000a')
    const right = write([], base, ['first', 'b1', 'b2', 'b3', 'last'], '000000b')
    const merged = readAttributes([], [...new Map([...left, ...right]).values()])
    expect(merged).toEqual(['first', 'a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'last'])
  })

  it('cost about as many bytes a list as it has elements, also when all are put at one place', () => {
    const many = Array.from({ length: 1000 }, (_, i) => i)
    const base = write([], new Map(), ['first', 'last'])
    const known = write([], base, ['first', ...many, 'last'])
    expect(readAttributes([], [...known.values()])).toEqual(['first', ...many, 'last'])
    for (const key of known.keys()) expect(key.length).toBeLessThan(50)
  })

  it('are written in reasonable time, whatever the value', () => {
    const zeros = new Array(5000).fill(0)
    const numbers = zeros.map((_, i) => i)
    let known = new Map<string, AttributeEntry>()
    for (const next of [zeros, numbers, numbers.toReversed(), zeros.slice(1), { a: zeros }, {}]) {
      known = write([], known, next)
      expect(equalJson(readAttributes([], [...known.values()]), next)).toBe(true)
    }
  })
})
