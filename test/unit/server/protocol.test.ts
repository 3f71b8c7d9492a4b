import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { Refusal } from '../../../src/server/close-codes.ts'
import { decodeMessage, encodeUpdate, noOpMessage } from '../../../src/server/protocol.ts'
import { awarenessMessage, syncMessage, updateOf } from './support/clients.ts'

const update = updateOf(doc => doc.getMap('map').set('key', ['value', new Uint8Array(9)]))
const wellFormed = [
  syncMessage(0, Y.encodeStateVector(new Y.Doc())),
  syncMessage(1, update),
  syncMessage(2, update),
  awarenessMessage([1, 2, { typing: 3 }], [2, 1, null]),
  new Uint8Array([3]),
]

function refusalOf(data: Uint8Array): Refusal | undefined {
  try {
    decodeMessage(data)
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

describe('decodeMessage', () => {
  it('knows the messages of y-websocket', () => {
    expect(wellFormed.map(data => decodeMessage(data).type)).toEqual([
      'sync-step-1',
      'update',
      'update',
      'awareness',
      'query-awareness',
    ])
    expect(decodeMessage(encodeUpdate(update))).toMatchObject({ update })
    expect(decodeMessage(noOpMessage)).toEqual({ type: 'awareness', states: [] })
    expect([...noOpMessage]).toEqual([1, 1, 0])
  })

  it('leaves awareness states as they came, and takes null for no state', () => {
    expect(decodeMessage(awarenessMessage([1, 2, { a: [1] }], [7, 0, null]))).toEqual({
      type: 'awareness',
      states: [
        { clientId: 1, clock: 2, json: '{"a":[1]}' },
        { clientId: 7, clock: 0, json: null },
      ],
    })
  })

  it('refuses every message that is cut short, or goes on after its end', () => {
    for (const data of wellFormed) {
      for (let length = 0; length < data.length; length++) {
        expect(refusalOf(data.slice(0, length))?.code, `${data} cut to ${length}`).toBe(4400)
      }
      expect(refusalOf(new Uint8Array([...data, 0]))?.code).toBe(4400)
    }
  })

  it('reads nothing beyond a message that lies in a larger buffer', () => {
    const short = wellFormed[2] as Uint8Array
    const pool = new Uint8Array(1_000).fill(65)
    pool.set(short, 100)
    expect(refusalOf(pool.subarray(100, 100 + short.length - 4))?.code).toBe(4400)
  })

  it.each([
    ['an unknown type', [4]],
    ['a message for clients only', [2, 0, 1, 65]],
    ['an unknown kind of sync', [0, 3, 0]],
    ['awareness that is not JSON', [1, 5, 1, 1, 1, 1, 123]],
    ['awareness that is not UTF-8', [1, 5, 1, 1, 1, 1, 255]],
    ['more awareness than there is', [1, 2, 200, 1]],
    ['an absurd length', [0, 2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]],
    ['an update that is none', [0, 2, 3, 1, 1, 1]],
  ])('refuses %s', (_, bytes) => {
    expect(refusalOf(new Uint8Array(bytes))?.code).toBe(4400)
  })

  it('either decodes or refuses whatever bytes come, with a reason that fits into a close frame', () => {
    const mutated = fc
      .tuple(
        fc.constantFrom(...wellFormed),
        fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      )
      .map(([data, changes]) => {
        const copy = data.slice()
        for (const [at, value] of changes) copy[at % copy.length] = value
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), data => {
        const refusal = refusalOf(data)
        if (refusal) expect(Buffer.byteLength(refusal.message)).toBeLessThanOrEqual(123)
      }),
      { numRuns: 2_000 },
    )
  })
})
