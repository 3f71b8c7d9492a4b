import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { assertSafe, NO_COUNTS, readCounts, readInteger, writeCounts } from './counts.ts'
import { MAX_TIME } from './format.ts'
import { byDot, type Epoch, type Horizon, isPlain } from './horizon.ts'

/*
 * A horizon in one binary value, because an advance on the wire is little more than this value:
 *
 *   plain:  varUint(index + 1), time          only the initial epoch lives, which has read something
 *   full:   0, counts(seen), varUint(epochs), epochs × [varUint(writer), varUint(n), varUint(index + 1), counts(tail)], time
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
    encoding.writeVarUint(encoder, first.index + 1)
  } else {
    encoding.writeVarUint(encoder, 0)
    writeCounts(encoder, horizon.seen)
    encoding.writeVarUint(encoder, horizon.live.length)
    for (const { writer, n, index, tail } of horizon.live) {
      encoding.writeVarUint(encoder, writer)
      encoding.writeVarUint(encoder, n)
      encoding.writeVarUint(encoder, index + 1)
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
  if (!(value instanceof Uint8Array)) return undefined
  const decoder = decoding.createDecoder(value)
  try {
    const first = readIndex(decoder)
    if (first >= 0) {
      const live = [{ writer: 0, n: 0, index: first }]
      return { live, seen: NO_COUNTS, time: readTime(decoder) }
    }
    const seen = readCounts(decoder)
    const live: Epoch[] = []
    for (let count = readInteger(decoder); count > 0; count--) {
      const writer = readInteger(decoder)
      const n = readInteger(decoder)
      const index = readIndex(decoder)
      const tail = readCounts(decoder)
      // Lawful states have seen what lives; anything else would break the algebra.
      if (n > (seen.get(writer) ?? 0) || (n === 0 && writer !== 0)) return undefined
      live.push(tail.size > 0 ? { writer, n, index, tail } : { writer, n, index })
    }
    live.sort(byDot)
    if (live.some((epoch, i) => i > 0 && byDot(epoch, live[i - 1] as Epoch) === 0)) return undefined
    return { live, seen, time: readTime(decoder) }
  } catch {
    return undefined
  }
}

function readIndex(decoder: decoding.Decoder): number {
  return readInteger(decoder) - 1
}

function readTime(decoder: decoding.Decoder): number {
  const { arr, pos } = decoder
  let zigzag = 0
  for (let i = arr.length; i > pos; ) zigzag = zigzag * 256 + (arr[--i] as number)
  assertSafe(zigzag)
  return Math.min(EPOCH_MS + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2), MAX_TIME)
}
