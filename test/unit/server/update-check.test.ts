import * as encoding from 'lib0/encoding'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { decodeUpdate, isKnown } from '../../../src/server/update-check.ts'
import { deepUpdate } from './support/hostile.ts'

/** One struct of client 1 at clock 0 in the root `r`, written by hand, and one range of deletions. */
function handWritten({
  info = 8,
  rest = [1, 125, 0],
  origin = [] as number[],
  range = [] as number[],
}) {
  return encoding.encode(encoder => {
    const parent = origin.length > 0 ? [] : [1, 1, 'r'.charCodeAt(0)]
    const deletions = range.length > 0 ? [1, 1, 1, ...range] : [0]
    const bytes = [1, 1, 1, 0, info, ...origin, ...parent, ...rest, ...deletions]
    for (const byte of bytes) encoding.writeUint8(encoder, byte)
  })
}

describe('decodeUpdate', () => {
  it('takes what Yjs writes', () => {
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', update => updates.push(update))
    doc.getText('text').insert(0, 'hello')
    doc.getText('text').format(1, 2, { bold: true })
    doc.getText('text').delete(0, 2)
    doc.getMap('map').set('nested', new Y.Map([['key', 1]]))
    doc.getMap('map').delete('nested')
    doc.getArray('array').insert(0, [new Uint8Array(3), null, 1.5, { a: 1 }])
    doc.getArray('array').insert(1, [new Y.Doc()])
    const merged = Y.mergeUpdates([updates[0], updates[3], updates[4]] as Uint8Array[])
    for (const update of [...updates, merged, Y.encodeStateAsUpdate(doc)]) {
      expect(() => decodeUpdate(update)).not.toThrow()
    }
    expect(() => decodeUpdate(handWritten({}))).not.toThrow()
    expect(() => decodeUpdate(handWritten({ range: [0, 1] }))).not.toThrow()
    expect(() => decodeUpdate(deepUpdate(50))).not.toThrow()
  })

  it.each([
    ['an empty run of items', handWritten({ rest: [0] })],
    ['an empty text', handWritten({ info: 4, rest: [0] })],
    ['an item that builds on itself', handWritten({ info: 8 | 128, origin: [1, 0] })],
    ['an item that builds on a later one', handWritten({ info: 8 | 64, origin: [1, 9] })],
    ['an empty deletion', handWritten({ range: [5, 0] })],
    [
      'a run too long to count',
      handWritten({ info: 1, rest: [255, 255, 255, 255, 255, 255, 255, 31] }),
    ],
  ])('refuses %s', (_, update) => {
    // Shows that it is this check that refuses, and that Yjs alone would not.
    expect(() => Y.decodeUpdate(update)).not.toThrow()
    expect(() => decodeUpdate(update)).toThrow('unsound')
  })
})

describe('isKnown', () => {
  function setUp() {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'hello world')
    doc.getText('text').delete(2, 3)
    doc.getMap('map').set('key', 1)
    const server = new Y.Doc()
    Y.applyUpdate(server, Y.encodeStateAsUpdate(doc))
    const known = (update: Uint8Array) => isKnown(server, decodeUpdate(update))
    return { doc, server, known }
  }

  it('holds for a repetition, in whole and in part, and for nothing', () => {
    const { doc, known } = setUp()
    const state = Y.encodeStateAsUpdate(doc)
    expect(known(state)).toBe(true)
    expect(known(Y.diffUpdate(state, Y.encodeStateVector(doc)))).toBe(true)
    expect(known(Y.encodeStateAsUpdate(new Y.Doc()))).toBe(true)
  })

  it('does not hold for a new item, nor for a new deletion alone', () => {
    const { doc, known } = setUp()
    const before = Y.encodeStateVector(doc)
    doc.getText('text').delete(0, 1)
    expect(known(Y.encodeStateAsUpdate(doc, before)), 'deletion').toBe(false)
    doc.getMap('map').set('key', 2)
    expect(known(Y.encodeStateAsUpdate(doc, before)), 'item').toBe(false)
  })

  it('does not hold for a deletion of something it has never seen', () => {
    const { known } = setUp()
    const other = new Y.Doc()
    other.getText('text').insert(0, 'unseen')
    const before = Y.encodeStateVector(other)
    other.getText('text').delete(0, 2)
    expect(known(Y.encodeStateAsUpdate(other, before))).toBe(false)
  })

  it('never changes the document', () => {
    const { doc, server, known } = setUp()
    const before = Y.encodeStateAsUpdate(server)
    doc.getMap('unknown root').set('key', 2)
    known(Y.encodeStateAsUpdate(doc))
    expect(Y.encodeStateAsUpdate(server)).toEqual(before)
    expect([...server.share.keys()]).not.toContain('unknown root')
  })
})
