import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConversationsError } from '../../../src/base/errors.ts'
import {
  canonicalJson,
  equalJson,
  freezeJson,
  isWellFormed,
  type JSONValue,
  parseJson,
  toJson,
} from '../../../src/base/json.ts'
import { runs } from '../../support/runs.ts'

function refusal(value: unknown, maxBytes = 1000): ConversationsError {
  try {
    toJson(value, 'it', maxBytes)
  } catch (error) {
    expect(error).toBeInstanceOf(ConversationsError)
    return error as ConversationsError
  }
  throw new Error('not refused')
}

/** `[[…[value]…]]`, so many arrays deep. */
function nested(depth: number, value: unknown = 0): unknown {
  let outer = value
  for (let i = 0; i < depth; i++) outer = [outer]
  return outer
}

describe('toJson', () => {
  it('keeps what JSON keeps', () => {
    class Point {
      x = 1
      #y = 2
      get y() {
        return this.#y
      }
    }
    const date = new Date(0)
    const value = {
      n: Number.NaN,
      i: -Infinity,
      z: -0,
      u: undefined,
      f: () => 1,
      date,
      p: new Point(),
    }
    expect(toJson(value, 'it', 1000)).toEqual({
      n: null,
      i: null,
      z: 0,
      date: date.toJSON(),
      p: { x: 1 },
    })
    expect(Object.is((toJson({ z: -0 }, 'it', 1000) as { z: number }).z, 0)).toBe(true)
    expect(toJson([undefined, Symbol('x'), () => 1], 'it', 1000)).toEqual([null, null, null])
    expect(toJson(null, 'it', 4)).toBe(null)
    expect(toJson(new Map([[1, 2]]), 'it', 1000)).toEqual({})
  })

  it('copies, so that later changes of the original change nothing', () => {
    const original = { list: [1] }
    const copy = toJson(original, 'it', 1000)
    original.list.push(2)
    expect(copy).toEqual({ list: [1] })
  })

  it('gives any value that JSON can hold back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), value => {
        const expected = JSON.parse(JSON.stringify(value)) as JSONValue
        expect(equalJson(toJson(value, 'it', 1e6), expected)).toBe(true)
      }),
      runs(300),
    )
  })

  it('refuses cycles, bigints and what JSON has no form for', () => {
    const cycle: unknown[] = []
    cycle.push({ cycle })
    for (const value of [cycle, 1n, { deep: [1n] }, undefined, () => 1, Symbol('x')]) {
      expect(refusal(value)).toMatchObject({ code: 'invalid-argument' })
    }
    expect(refusal(cycle).message).toContain('it must be JSON: Converting circular structure')
  })

  it('refuses, with the cause, values whose own code throws', () => {
    const cause = new Error('mine')
    const toJSON = () => {
      throw cause
    }
    const getter = {
      get x() {
        return toJSON()
      },
    }
    for (const value of [{ toJSON }, [getter], new Proxy({}, { ownKeys: toJSON })]) {
      expect(refusal(value)).toMatchObject({ code: 'invalid-argument', cause })
    }
    const bare = () => {
      throw undefined
    }
    expect(refusal({ toJSON: bare })).toMatchObject({ code: 'invalid-argument' })
  })

  it('counts bytes of UTF-8', () => {
    expect(toJson('é', 'it', 4)).toBe('é')
    expect(refusal('é', 3)).toMatchObject({ code: 'too-large' })
    expect(refusal('é', 3).message).toContain('it would take 4 bytes; the limit is 3')
    expect(toJson('😀', 'it', 6)).toBe('😀')
    expect(refusal('😀', 5)).toMatchObject({ code: 'too-large' })
  })

  it('refuses 10 MB', () => {
    expect(refusal('x'.repeat(1e7), 65_536)).toMatchObject({ code: 'too-large' })
    expect(refusal({ ['x'.repeat(1e7)]: 1 }, 65_536)).toMatchObject({ code: 'too-large' })
    expect(refusal(new Array(5e6).fill(0), 65_536)).toMatchObject({ code: 'too-large' })
  })

  it('takes 64 levels and refuses more, however many', () => {
    expect(toJson(nested(64), 'it', 1e6)).toEqual(nested(64))
    expect(toJson(nested(64, []), 'it', 1e6)).toEqual(nested(64, []))
    for (const depth of [65, 66, 1000, 20_000, 1_000_000]) {
      expect(refusal(nested(depth), 1e7)).toMatchObject({ code: 'invalid-argument' })
    }
  })

  it('refuses lone surrogates in values and keys, and takes pairs', () => {
    for (const value of ['\ud800', 'a\udfff', { '\ud800': 1 }, [['\udc00\ud800']]]) {
      expect(refusal(value)).toMatchObject({ code: 'invalid-argument' })
    }
    expect(toJson({ '😀': '\\ud800' }, 'it', 1000)).toEqual({ '😀': '\\ud800' })
  })

  it('keeps members called like those of every object', () => {
    const odd = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')
    const json = toJson(odd, 'it', 1000) as object
    expect(Object.keys(json)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(json)).toBe(Object.prototype)
  })
})

describe('parseJson', () => {
  it('is total', () => {
    for (const text of [undefined, null, 5, {}, '', '{', '[1,', 'NaN', '\ud800', '"', '[[]']) {
      expect(parseJson(text)).toBe(undefined)
    }
    expect(parseJson('['.repeat(100_000))).toBe(undefined)
    expect(parseJson(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)).toBe(undefined)
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => {
        parseJson(text)
      }),
      runs(500),
    )
  })
})

describe('equalJson', () => {
  it('says of two values what their canonical texts say', () => {
    const json = fc.jsonValue({ maxDepth: 3 }).map(value => JSON.parse(JSON.stringify(value)))
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(equalJson(a, b)).toBe(canonicalJson(a) === canonicalJson(b))
        expect(equalJson(a, JSON.parse(JSON.stringify(a)))).toBe(true)
      }),
      runs(500),
    )
  })

  it('does not look at the order of keys, and looks at that of elements', () => {
    expect(equalJson({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true)
    expect(equalJson([1, 2], [2, 1])).toBe(false)
  })

  it('tells apart what is alike', () => {
    const values: (JSONValue | undefined)[] = [
      undefined,
      null,
      0,
      false,
      '',
      [],
      {},
      [null],
      { a: null },
    ]
    for (const [i, a] of values.entries()) {
      for (const [j, b] of values.entries()) expect(equalJson(a, b)).toBe(i === j)
    }
    const odd = JSON.parse('{"__proto__": null}')
    expect(equalJson(odd, { a: null })).toBe(false)
    expect(equalJson({ toString: 1 }, { b: 1 })).toBe(false)
  })
})

describe('canonicalJson', () => {
  it('keeps a member called __proto__', () => {
    const odd = JSON.parse('{"b": 1, "__proto__": {"y": 1, "x": 2}}')
    expect(JSON.parse(canonicalJson(odd))).toEqual(odd)
    expect(canonicalJson(odd)).toContain('"__proto__":{"x":2,"y":1}')
  })
})

describe('freezeJson', () => {
  it('freezes every depth', () => {
    const value = freezeJson({ a: [{ b: {} }], c: null })
    expect(Object.isFrozen(value)).toBe(true)
    expect(Object.isFrozen(value.a[0]?.b)).toBe(true)
  })
})

describe('isWellFormed', () => {
  it('agrees with what UTF-8 gives back', () => {
    const unit = fc.integer({ min: 0xd7f0, max: 0xe010 }).map(code => String.fromCharCode(code))
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 6 }), units => {
        const text = units.join('')
        const survives = new TextDecoder().decode(new TextEncoder().encode(text)) === text
        // U+FEFF at the front is eaten by the decoder; it is not in this range.
        expect(isWellFormed(text)).toBe(survives)
      }),
      runs(500),
    )
  })
})
