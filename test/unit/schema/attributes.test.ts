import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalJson, type JSONValue } from '../../../src/base/json.ts'
import {
  type AttributeChanges,
  type AttributeEntry,
  type AttributeLayer,
  diffAttributes,
  readAttributes,
} from '../../../src/schema/attributes.ts'

/** A replica's entries, merged like a map of registers where a deletion only hits the entry it has seen. */
class Replica {
  readonly entries = new Map<string, AttributeEntry & { stamp: string }>()
  readonly #deleted = new Set<string>()
  readonly #suffix: string
  readonly initial: readonly JSONValue[]
  #clock = 0

  constructor(initial: readonly JSONValue[], suffix: string) {
    this.initial = initial
    this.#suffix = suffix
  }

  /** Every write is for all of them. */
  get layers(): AttributeLayer[] {
    const entries = [...this.entries.values()]
    return this.initial.length === 0
      ? [{ initial: [], entries }]
      : this.initial.map(initial => ({ initial: [initial], entries }))
  }

  get value(): JSONValue {
    return readAttributes(this.layers)
  }

  write(next: JSONValue): AttributeChanges {
    const changes = diffAttributes(this.layers, next, this.#suffix)
    for (const path of changes.delete) {
      const key = JSON.stringify(path)
      this.#deleted.add(this.entries.get(key)?.stamp as string)
      this.entries.delete(key)
    }
    for (const entry of changes.set) {
      const key = JSON.stringify(entry.path)
      const known = this.entries.get(key)
      if (known) this.#deleted.add(known.stamp)
      this.entries.set(key, {
        ...entry,
        stamp: `${String(++this.#clock).padStart(9, '0')}${this.#suffix}`,
      })
    }
    return changes
  }

  merge(other: Replica): void {
    for (const stamp of other.#deleted) this.#deleted.add(stamp)
    for (const [key, entry] of other.entries) {
      const known = this.entries.get(key)
      if (!known || known.stamp < entry.stamp) this.entries.set(key, entry)
    }
    for (const [key, { stamp }] of this.entries)
      if (this.#deleted.has(stamp)) this.entries.delete(key)
    this.#clock = Math.max(this.#clock, other.#clock)
  }
}

function pair(initial: JSONValue[] = []): [Replica, Replica] {
  return [new Replica(initial, '000000a'), new Replica(initial, '000000b')]
}

/** Both write apart, then meet; asserts that both see the same. */
function concurrently(
  initial: JSONValue[],
  base: JSONValue,
  left: JSONValue,
  right: JSONValue,
): JSONValue {
  const [a, b] = pair(initial)
  a.write(base)
  b.merge(a)
  a.write(left)
  b.write(right)
  a.merge(b)
  b.merge(a)
  expect(a.value).toEqual(b.value)
  return a.value
}

const json = fc
  .jsonValue({ maxDepth: 4 })
  .map(value => JSON.parse(JSON.stringify(value)) as JSONValue)

describe('attributes', () => {
  it('read back whatever was written over whatever there was', () => {
    fc.assert(
      fc.property(
        fc.array(json, { maxLength: 2 }),
        fc.array(json, { maxLength: 6 }),
        (initial, values) => {
          const [replica] = pair(initial)
          for (const value of values) {
            replica.write(value)
            expect(equalJson(replica.value, value)).toBe(true)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('write nothing when the value is the same', () => {
    fc.assert(
      fc.property(fc.array(json, { maxLength: 2 }), json, (initial, value) => {
        const [replica] = pair(initial)
        replica.write(value)
        expect(replica.write(JSON.parse(JSON.stringify(value)))).toEqual({ set: [], delete: [] })
      }),
    )
  })

  it('converge, whatever two replicas write apart', () => {
    fc.assert(
      fc.property(fc.array(json, { maxLength: 2 }), json, json, json, (...values) => {
        concurrently(...values)
      }),
      { numRuns: 2000 },
    )
  })

  it('keep keys that two add at any depth', () => {
    expect(concurrently([], {}, { a: 1 }, { b: 2 })).toEqual({ a: 1, b: 2 })
    expect(
      concurrently(
        [],
        { p: { q: { r: 0 } } },
        { p: { q: { r: 0, s: 1 } } },
        { p: { q: { r: 0, t: 2 } } },
      ),
    ).toEqual({ p: { q: { r: 0, s: 1, t: 2 } } })
  })

  it('keep both sides of an object that two create apart', () => {
    expect(concurrently([], {}, { profile: { a: 1 } }, { profile: { b: 2 } })).toEqual({
      profile: { a: 1, b: 2 },
    })
  })

  it('keep array elements that two add, between the same neighbours too', () => {
    const merged = concurrently(
      [],
      { tags: ['x', 'z'] },
      { tags: ['x', 'a', 'z'] },
      { tags: ['x', 'b', 'z'] },
    )
    expect(merged).toEqual({ tags: ['x', 'a', 'b', 'z'] })
  })

  it('keep edits of different members of one array element', () => {
    expect(
      concurrently(
        [],
        { list: [{ id: 1, a: 0, b: 0 }] },
        { list: [{ id: 1, a: 1, b: 0 }] },
        { list: [{ id: 1, a: 0, b: 1 }] },
      ),
    ).toEqual({ list: [{ id: 1, a: 1, b: 1 }] })
  })

  it('keep an element that one inserts while the other removes its neighbour', () => {
    expect(concurrently([], ['a', 'b'], ['a', 'new', 'b'], ['b'])).toEqual(['new', 'b'])
  })

  it('do not double what both only moved past', () => {
    expect(concurrently([], ['a', 'b'], ['x', 'a', 'b'], ['a', 'b', 'y'])).toEqual([
      'x',
      'a',
      'b',
      'y',
    ])
  })

  it('keep a member that is added while its object is removed', () => {
    expect(concurrently([], { p: { a: 1 } }, {}, { p: { a: 1, b: 2 } })).toEqual({ p: { b: 2 } })
    expect(concurrently([{ p: { a: 1 } }], { p: { a: 1 } }, {}, { p: { a: 1, b: 2 } })).toEqual({
      p: { b: 2 },
    })
  })

  it('merge the initial values of two records', () => {
    expect(
      readAttributes([
        { initial: [{ a: 1, tags: ['new'] }], entries: [] },
        { initial: [{ b: 2, tags: ['new'] }], entries: [] },
      ]),
    ).toEqual({
      a: 1,
      b: 2,
      tags: ['new'],
    })
    const tags = (initial: string) => ({ initial: [{ tags: [initial] }], entries: [] })
    expect(readAttributes([tags('x'), tags('y')])).toEqual({
      tags: expect.arrayContaining(['x', 'y']),
    })
  })

  it('merge what was written for two records apart: what was removed for one stays for the other', () => {
    const written = (value: JSONValue | undefined) => [{ path: ['.color'], value }]
    const layers = (one: AttributeEntry[], two: AttributeEntry[]) => [
      { initial: [{ color: 'red' }], entries: one },
      { initial: [{ color: 'blue' }], entries: two },
    ]
    expect(readAttributes(layers([], []))).toEqual({ color: 'blue' })
    expect(readAttributes(layers(written(undefined), []))).toEqual({ color: 'blue' })
    expect(readAttributes(layers([], written(undefined)))).toEqual({ color: 'red' })
    expect(readAttributes(layers(written(undefined), written(undefined)))).toEqual({})
    expect(readAttributes(layers(written('green'), []))).toEqual({ color: 'green' })
    expect(readAttributes(layers([], written('green')))).toEqual({ color: 'green' })
    expect(readAttributes(layers(written('green'), written('white')))).toEqual({ color: 'white' })
    expect(readAttributes(layers(written(null), written(undefined)))).toEqual({ color: null })
  })

  it('cost one entry to change one key of a large value', () => {
    const [replica] = pair([
      Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i])),
    ])
    const changes = replica.write({ ...(replica.value as object), k7: 'seven' })
    expect(changes).toEqual({ set: [{ path: ['.k7'], value: 'seven' }], delete: [] })
  })

  it('hold members called like the parts of an object', () => {
    const odd = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2, "": 3, "#1": 4, ".": 5}')
    const [replica] = pair()
    replica.write(odd)
    expect(JSON.stringify(replica.value)).toContain('"__proto__":{"x":1}')
    expect(equalJson(replica.value, odd)).toBe(true)
    expect(replica.write(odd)).toEqual({ set: [], delete: [] })
  })
})
