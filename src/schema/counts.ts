import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** A number for each writer (a Yjs client id): a version vector. Who is not in it has 0. */
export type Counts = ReadonlyMap<number, number>

export const NO_COUNTS: Counts = new Map()

/** The greater number of each; `a` itself when `b` adds nothing to it. */
export function joinCounts(a: Counts, b: Counts): Counts {
  let joined: Map<number, number> | undefined
  for (const [writer, n] of b) {
    if (n <= (a.get(writer) ?? 0)) continue
    joined ??= new Map(a)
    joined.set(writer, n)
  }
  return joined ?? a
}

export function equalCounts(a: Counts, b: Counts): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [writer, n] of a) if (b.get(writer) !== n) return false
  return true
}

/** `varUint(size) size × [varUint(writer) varUint(n)]`, sorted by writer. */
export function writeCounts(encoder: encoding.Encoder, counts: Counts): void {
  encoding.writeVarUint(encoder, counts.size)
  for (const [writer, n] of [...counts].sort(([a], [b]) => a - b)) {
    encoding.writeVarUint(encoder, writer)
    encoding.writeVarUint(encoder, n)
  }
}

/** Counts as one value. */
export function encodeCounts(counts: Counts): Uint8Array {
  return encoding.encode(encoder => writeCounts(encoder, counts))
}

/** Total: undefined for whatever are none. */
export function decodeCounts(stored: unknown): Counts | undefined {
  return decodeBytes(stored, readCounts)
}

/** Total: undefined for what is not bytes, and where `read` throws. */
export function decodeBytes<T>(
  stored: unknown,
  read: (decoder: decoding.Decoder) => T,
): T | undefined {
  if (!(stored instanceof Uint8Array)) return undefined
  try {
    return read(decoding.createDecoder(stored))
  } catch {
    return undefined
  }
}

/** @throws where the bytes end; so a forged size cannot make this run long */
export function readCounts(decoder: decoding.Decoder): Counts {
  const counts = new Map<number, number>()
  for (let size = readInteger(decoder); size > 0; size--) {
    const writer = readInteger(decoder)
    const n = readInteger(decoder)
    if (n > 0) counts.set(writer, n)
  }
  return counts
}

/** @throws where the bytes end, and beyond 2^53 - 1 */
export function readInteger(decoder: decoding.Decoder): number {
  return assertSafe(decoding.readVarUint(decoder))
}

export function assertSafe(integer: number): number {
  if (!Number.isSafeInteger(integer)) throw new RangeError('integer out of range')
  return integer
}
