import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalJson, type JSONValue } from '../../src/base/json.ts'
import { attributeKey, parseAttributeKey } from '../../src/schema/attribute-map.ts'
import {
  type AttributeEntry,
  type AttributeLayer,
  diffAttributes,
  readAttributes,
} from '../../src/schema/attributes.ts'
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

/** One membership of a participant: what they were added with, and what was written for it since. */
interface Layer {
  readonly initial: JSONValue | undefined
  readonly known: ReadonlyMap<string, AttributeEntry>
}

const layer: fc.Arbitrary<Layer> = fc.record({
  initial: fc.option(json, { nil: undefined }),
  known: entries.map(list => new Map(list.map(one => [attributeKey('bob', 1, one.path), one]))),
})

const EMPTY: Layer = { initial: undefined, known: new Map() }

function layersOf(layers: readonly Layer[]): AttributeLayer[] {
  return layers.map(({ initial, known }) => ({
    initial: initial === undefined ? [] : [initial],
    entries: [...known.values()],
  }))
}

function read(...layers: Layer[]): JSONValue {
  return readAttributes(layersOf(layers))
}

/** Writes as the document does, in every layer; every entry must be one that is read again. */
function write(layers: readonly Layer[], next: JSONValue, suffix = '000000a'): Layer[] {
  const changes = diffAttributes(layersOf(layers), next, suffix)
  const written = layers.map(({ initial, known }) => ({ initial, known: new Map(known) }))
  for (const path of changes.delete) {
    const hits = written.filter(({ known }) => known.delete(attributeKey('bob', 1, path)))
    expect(hits.length).toBeGreaterThan(0)
  }
  for (const { path, value } of changes.set) {
    const key = attributeKey('bob', 1, path)
    expect(parseAttributeKey(key), key).toEqual({ entity: 'bob', incarnation: 1, path })
    for (const { known } of written) known.set(key, { path, value })
  }
  return written
}

/** Writes for somebody with one membership. */
function writeOne(known: Layer, next: JSONValue, suffix?: string): Layer {
  return write([known], next, suffix)[0] as Layer
}

describe('attributes', () => {
  it('take any value over whatever lies in the document, and read it back', () => {
    fc.assert(
      fc.property(
        fc.array(layer, { minLength: 1, maxLength: 3 }),
        json,
        json,
        (layers, one, two) => {
          let known: readonly Layer[] = layers
          read(...known)
          for (const next of [one, two, one]) {
            known = write(known, next)
            const value = read(...known)
            if (!equalJson(value, next)) expect(value).toEqual(next)
            // What was written is complete: the same again changes nothing.
            expect(diffAttributes(layersOf(known), next, '000000b')).toEqual({
              set: [],
              delete: [],
            })
          }
        },
      ),
      runs(1000),
    )
  })

  it('of the deepest value that is allowed can be written and read', () => {
    for (const wrap of [(inner: JSONValue) => [inner], (inner: JSONValue) => ({ a: inner })]) {
      let value: JSONValue = 'deep'
      for (let i = 0; i < 64; i++) value = wrap(value)
      expect(read(writeOne(EMPTY, value))).toEqual(value)
      expect(read({ initial: value, known: new Map() })).toEqual(value)
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
      let known = EMPTY
      let list: number[] = []
      for (let n = 0; n < 4000; n++) {
        list = add(list, n)
        known = writeOne(known, list)
      }
      expect(read(known)).toEqual(list)
      for (const key of known.known.keys()) expect(key.length).toBeLessThan(400)
    }
  })

  it('keep what two insert at one place together, and apart from each other', () => {
    const base = writeOne(EMPTY, ['first', 'last'])
    const left = writeOne(base, ['first', 'a1', 'a2', 'a3', 'last'], '000000a')
    const right = writeOne(base, ['first', 'b1', 'b2', 'b3', 'last'], '000000b')
    const merged = read({ ...base, known: new Map([...left.known, ...right.known]) })
    expect(merged).toEqual(['first', 'a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'last'])
  })

  it('cost about as many bytes a list as it has elements, also when all are put at one place', () => {
    const many = Array.from({ length: 1000 }, (_, i) => i)
    const base = writeOne(EMPTY, ['first', 'last'])
    const known = writeOne(base, ['first', ...many, 'last'])
    expect(read(known)).toEqual(['first', ...many, 'last'])
    for (const key of known.known.keys()) expect(key.length).toBeLessThan(50)
  })

  it('are written in reasonable time, whatever the value', () => {
    const zeros = new Array(5000).fill(0)
    const numbers = zeros.map((_, i) => i)
    let known = EMPTY
    for (const next of [zeros, numbers, numbers.toReversed(), zeros.slice(1), { a: zeros }, {}]) {
      known = writeOne(known, next)
      expect(equalJson(read(known), next)).toBe(true)
    }
  })
})
