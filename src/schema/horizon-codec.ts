import type * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import {
  assertSafe,
  decodeBytes,
  NO_COUNTS,
  readCounts,
  readInteger,
  writeCounts,
} from './counts.ts'
import { MAX_TIME } from './format.ts'
import { byDot, type Epoch, type Horizon, isPlain, type Reach } from './horizon.ts'

/*
 * A horizon in one binary value, because an advance on the wire is little more than this value:
 *
 *   plain:  reach, time          only the initial epoch lives, which has read something
 *   full:   0, counts(seen), varUint(epochs), epochs × [varUint(writer), varUint(n), reach, counts(tail)], time
 *   reach:  varUint(2 × (index + 1) + 1) varUint(others), or varUint(2 × (index + 1)) where these are not known
 *   counts: varUint(size), size × [varUint(writer), varUint(n)]
 *   time:   the rest of the bytes, little-endian: ms since 2025, zigzag (5 bytes until 2042)
 *
 * Integers beyond 2^53 - 1 make it unreadable.
 */

const EPOCH_MS = Date.UTC(2025, 0, 1)

export function encodeHorizon(horizon: Horizon): Uint8Array {
  const encoder = encoding.createEncoder()
  const [first] = horizon.live
  if (first && first.index >= 0 && isPlain(horizon)) {
    writeReach(encoder, first)
  } else {
    encoding.writeVarUint(encoder, 0)
    writeCounts(encoder, horizon.seen)
    encoding.writeVarUint(encoder, horizon.live.length)
    for (const epoch of horizon.live) {
      const { writer, n, tail } = epoch
      encoding.writeVarUint(encoder, writer)
      encoding.writeVarUint(encoder, n)
      writeReach(encoder, epoch)
      writeCounts(encoder, tail ?? NO_COUNTS)
    }
  }
  const ms = Math.round(horizon.time) - EPOCH_MS
  for (let rest = ms < 0 ? -2 * ms - 1 : 2 * ms; rest > 0; rest = Math.floor(rest / 256)) {
    encoding.write(encoder, rest % 256)
  }
  return encoding.toUint8Array(encoder)
}

/** Total: undefined for whatever is not an encoded horizon. */
export function decodeHorizon(value: unknown): Horizon | undefined {
  return decodeBytes(value, readHorizon)
}

function readHorizon(decoder: decoding.Decoder): Horizon | undefined {
  const first = readReach(decoder)
  if (first.index >= 0) {
    const live = [{ writer: 0, n: 0, ...first }]
    return { live, seen: NO_COUNTS, time: readTime(decoder) }
  }
  if (first.others !== undefined) return undefined
  const seen = readCounts(decoder)
  const live: Epoch[] = []
  for (let count = readInteger(decoder); count > 0; count--) {
    const writer = readInteger(decoder)
    const n = readInteger(decoder)
    const reach = readReach(decoder)
    const tail = readCounts(decoder)
    // Lawful states have seen what lives; anything else would break the algebra.
    if (n > (seen.get(writer) ?? 0) || (n === 0 && writer !== 0)) return undefined
    live.push(tail.size > 0 ? { writer, n, ...reach, tail } : { writer, n, ...reach })
  }
  live.sort(byDot)
  if (live.some((epoch, i) => i > 0 && byDot(epoch, live[i - 1] as Epoch) === 0)) return undefined
  return { live, seen, time: readTime(decoder) }
}

function writeReach(encoder: encoding.Encoder, { index, others }: Reach): void {
  const isKnown = others !== undefined
  encoding.writeVarUint(encoder, 2 * (index + 1) + (isKnown ? 1 : 0))
  if (isKnown) encoding.writeVarUint(encoder, others)
}

function readReach(decoder: decoding.Decoder): Reach {
  const first = readInteger(decoder)
  const index = Math.floor(first / 2) - 1
  return first % 2 === 0 ? { index } : { index, others: readInteger(decoder) }
}

function readTime(decoder: decoding.Decoder): number {
  const { arr, pos } = decoder
  let zigzag = 0
  for (let i = arr.length; i > pos; ) zigzag = zigzag * 256 + (arr[--i] as number)
  assertSafe(zigzag)
  return Math.min(EPOCH_MS + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2), MAX_TIME)
}
