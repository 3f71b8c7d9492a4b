import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { replay } from '../../../src/server/replay.ts'
import { updateOf } from './support/clients.ts'
import { deepDeletion, deepUpdate } from './support/hostile.ts'

const one = updateOf(doc => doc.getMap('map').set('one', 1))
const two = updateOf(doc => doc.getMap('map').set('two', 2))

describe('replay', () => {
  it('builds what the updates say, in one transaction', () => {
    const bad: number[] = []
    const doc = replay([one, two], index => bad.push(index))
    expect(doc.getMap('map').toJSON()).toEqual({ one: 1, two: 2 })
    expect(bad).toEqual([])
  })

  it('leaves out, whole, an update that is damaged or makes Yjs throw, and goes on', () => {
    const bad: number[] = []
    const updates = [one, new Uint8Array([1, 2, 3]), deepUpdate(8_000), deepDeletion, two]
    const doc = replay(updates, index => bad.push(index))
    expect(bad).toEqual([1, 3])
    expect(doc.getMap('map').get('one')).toBe(1)
    expect(doc.getMap('map').get('two')).toBe(2)
    expect(doc.getMap('map').get('deep')).toBeInstanceOf(Y.Map)
  })

  it('returns a document that observes and merges as any other', () => {
    const doc = replay([one, deepUpdate(8_000), deepDeletion], () => {})
    const seen: Uint8Array[] = []
    doc.on('update', update => seen.push(update))
    Y.applyUpdate(doc, two)
    expect(seen).toHaveLength(1)
  })
})
