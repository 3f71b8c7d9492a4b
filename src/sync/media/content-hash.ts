import { digest } from 'lib0/hash/sha256'
import { toHex } from '../../base/ids.ts'

/** The SHA-256 of some content, as 64 hex digits: its name in every media store. */
export async function contentHash(content: ArrayBuffer): Promise<string> {
  // A page from a plain http address has no `subtle`, except from localhost.
  const hashed = globalThis.crypto?.subtle
    ? new Uint8Array(await crypto.subtle.digest('SHA-256', content))
    : digest(new Uint8Array(content))
  return toHex(hashed)
}
