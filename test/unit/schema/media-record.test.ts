import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_COUNT } from '../../../src/schema/messages/ids.ts'
import {
  decodeMediaRecord,
  encodeMediaRecord,
  type MediaRecord,
} from '../../../src/schema/messages/media-record.ts'
import { runs } from '../../support/runs.ts'

const hash = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const photo: MediaRecord = { hash, contentType: 'image/png', size: 3, filename: 'me.png' }

describe('the record of an attachment', () => {
  it('is a short tuple', () => {
    expect(encodeMediaRecord(photo)).toEqual([hash, 'image/png', 3, 'me.png'])
    expect(encodeMediaRecord({ ...photo, filename: null })).toEqual([hash, 'image/png', 3])
  })

  it('comes back as it was', () => {
    const records = fc.record({
      hash: fc.stringMatching(/^[0-9a-f]{64}$/),
      contentType: fc.string(),
      size: fc.nat({ max: MAX_COUNT }),
      filename: fc.option(fc.string()),
    })
    fc.assert(
      fc.property(records, record => {
        expect(decodeMediaRecord(encodeMediaRecord(record))).toEqual(record)
      }),
      runs(300),
    )
  })

  it.each([
    ['no tuple', { ...photo }],
    ['nothing', undefined],
    ['an empty tuple', []],
    ['a short hash', [hash.slice(1), 'image/png', 3]],
    ['a hash with more behind it', [`${hash}\n`, 'image/png', 3]],
    ['an upper-case hash', [hash.toUpperCase(), 'image/png', 3]],
    ['a path', [`../../${hash}`.slice(0, 64), 'image/png', 3]],
    ['a number as type', [hash, 1, 3]],
    ['no size', [hash, 'image/png']],
    ['a negative size', [hash, 'image/png', -1]],
    ['a size with a fraction', [hash, 'image/png', 1.5]],
    ['an infinite size', [hash, 'image/png', Number.POSITIVE_INFINITY]],
    ['a size that is no number', [hash, 'image/png', Number.NaN]],
    ['a size as text', [hash, 'image/png', '3']],
  ])('with %s is none', (_what, stored) => {
    expect(decodeMediaRecord(stored)).toBeUndefined()
  })

  it('with a file name that is no text has none', () => {
    for (const filename of [3, {}, [], null, undefined, true]) {
      expect(decodeMediaRecord([hash, 'image/png', 3, filename])?.filename).toBeNull()
    }
  })

  it('is read from whatever a peer wrote without throwing', () => {
    const near = fc.tuple(fc.constantFrom(hash, ''), fc.anything(), fc.anything(), fc.anything())
    fc.assert(
      fc.property(fc.oneof(fc.anything(), near), stored => {
        const record = decodeMediaRecord(stored)
        if (record) expect(decodeMediaRecord(encodeMediaRecord(record))).toEqual(record)
      }),
      runs(500),
    )
  })
})
