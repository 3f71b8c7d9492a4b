import { describe, expect, it } from 'vitest'
import { MAX_TIME } from '../../../src/schema/format.ts'
import {
  advance,
  type Horizon,
  join,
  MAX_INDEX,
  rewind,
  UNREAD,
} from '../../../src/schema/horizon.ts'
import { decodeHorizon, encodeHorizon } from '../../../src/schema/horizon-codec.ts'

const now = Date.UTC(2026, 5, 1)
const writer = 0xfedcba98

function size(horizon: Horizon): number {
  expect(decodeHorizon(encodeHorizon(horizon))).toEqual(horizon)
  return encodeHorizon(horizon).length
}

describe('an encoded horizon', () => {
  it('of somebody who never went back takes 6 to 8 bytes', () => {
    expect(size(advance(UNREAD, { index: 0 }, now))).toBe(6)
    expect(size(advance(UNREAD, { index: 62 }, now))).toBe(6)
    expect(size(advance(UNREAD, { index: 63 }, now))).toBe(7)
    expect(size(advance(UNREAD, { index: 8190 }, now))).toBe(7)
    expect(size(advance(UNREAD, { index: 1_000_000 }, now))).toBe(8)
  })

  it('that knows how many of the messages are of others takes one to three more', () => {
    expect(size(advance(UNREAD, { index: 62, others: 60 }, now))).toBe(7)
    expect(size(advance(UNREAD, { index: 8190, others: 8000 }, now))).toBe(9)
    expect(size(advance(UNREAD, { index: 1_000_000, others: 900_000 }, now))).toBe(11)
  })

  it('of somebody who went back takes two client ids more', () => {
    expect(size(rewind(advance(UNREAD, { index: 100 }, now), writer, { index: 50 }, now))).toBe(22)
  })

  it('keeps what was read of pending messages', () => {
    expect(size(advance(UNREAD, { index: 3, tail: new Map([[writer, 2]]) }, now))).toBeLessThan(24)
  })

  it('keeps any time there can be', () => {
    for (const time of [
      0,
      -1,
      1,
      now,
      Date.UTC(2025, 0, 1),
      Date.UTC(2024, 11, 31),
      Date.UTC(2120, 0, 1),
      MAX_TIME,
    ]) {
      expect(decodeHorizon(encodeHorizon(advance(UNREAD, { index: 1 }, time)))?.time).toBe(time)
    }
  })

  it('keeps any index that an app may give, up to one that nobody reaches', () => {
    const given = advance(UNREAD, { index: Number.MAX_SAFE_INTEGER }, now)
    expect(given.live[0]?.index).toBe(MAX_INDEX)
    for (const index of [0, 2 ** 31, 2 ** 32, MAX_INDEX]) {
      expect(decodeHorizon(encodeHorizon(advance(UNREAD, { index }, now)))?.live[0]?.index).toBe(
        index,
      )
    }
  })
})

describe('decoding', () => {
  it('gives nothing for what is no horizon', () => {
    for (const value of [
      undefined,
      null,
      5,
      'x',
      [1, 2],
      {},
      new ArrayBuffer(8),
      new Uint8Array(),
    ]) {
      expect(decodeHorizon(value)).toBe(undefined)
    }
  })

  it('refuses an epoch that its own author has not seen, and one that stands there twice', () => {
    const epoch = { writer: 1, n: 1, index: 5 }
    const encode = (live: Horizon['live'], seen: [number, number][]) =>
      encodeHorizon({ live, seen: new Map(seen), time: now })
    expect(decodeHorizon(encode([epoch], [[1, 1]]))).toBeDefined()
    expect(decodeHorizon(encode([epoch], []))).toBe(undefined)
    expect(decodeHorizon(encode([{ writer: 1, n: 0, index: 5 }], []))).toBe(undefined)
    expect(decodeHorizon(encode([epoch, epoch], [[1, 1]]))).toBe(undefined)
  })

  it('is not held up by forged counts', () => {
    expect(decodeHorizon(Uint8Array.from([0, 0, 255, 255, 255, 255, 255, 255, 15]))).toBe(undefined)
    expect(decodeHorizon(Uint8Array.from([0, 255, 255, 255, 255, 255, 255, 15]))).toBe(undefined)
    expect(decodeHorizon(new Uint8Array(100_000).fill(1))).toBe(undefined)
  })

  it('of forged horizons with very many epochs joins them in time that grows with their number', () => {
    const forge = (first: number): Horizon => {
      const live = Array.from({ length: 50_000 }, (_, i) => ({
        writer: first + 2 * i,
        n: 1,
        index: i,
      }))
      return { live, seen: new Map(live.map(({ writer: id }) => [id, 1])), time: now }
    }
    const [even, odd] = [forge(0), forge(1)].map(
      one => decodeHorizon(encodeHorizon(one)) as Horizon,
    )
    expect(join(even as Horizon, odd as Horizon).live).toHaveLength(100_000)
  })
})
