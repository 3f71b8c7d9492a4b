import { isContentHash } from '../../base/ids.ts'
import { isCount } from './ids.ts'

/** What a message says of an attachment; the content lies elsewhere, under its hash. */
export interface MediaRecord {
  /** SHA-256 of the content, 64 hex digits. */
  readonly hash: string
  /** As the sender says. */
  readonly contentType: string
  /** In bytes, as the sender says. */
  readonly size: number
  readonly filename: string | null
}

/** `[hash, contentType, size, filename?]` */
export function encodeMediaRecord({ hash, contentType, size, filename }: MediaRecord): unknown[] {
  return filename === null ? [hash, contentType, size] : [hash, contentType, size, filename]
}

/** Total: undefined for whatever is no record of ours. */
export function decodeMediaRecord(stored: unknown): MediaRecord | undefined {
  if (!Array.isArray(stored)) return undefined
  const [hash, contentType, size, filename] = stored
  return isContentHash(hash) && typeof contentType === 'string' && isCount(size)
    ? { hash, contentType, size, filename: typeof filename === 'string' ? filename : null }
    : undefined
}
