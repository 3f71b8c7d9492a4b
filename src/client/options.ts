import type { Clock } from '../base/clock.ts'
import type { Limits, Timings } from '../model/host.ts'
import type { RolePermissions } from '../schema/permissions.ts'
import type { LocalMediaStore, MediaStore } from '../sync/media/media-store.ts'
import type { Persistence, Transport } from '../sync/provider.ts'

export interface ClientOptions extends Partial<Timings> {
  /** Who the user is. Anything but the empty string; a server may check it. */
  readonly identity: string
  /** Keeps documents on this device; null = nothing is kept. */
  readonly persistence?: Persistence | null | undefined
  /** Carries documents to peers, one way or several; null = nothing is carried. */
  readonly transport?: Transport | readonly Transport[] | null | undefined
  /** Where attachments of messages are kept, and where everybody gets them from. Default: in memory, and nowhere. */
  readonly media?:
    | { local?: LocalMediaStore | undefined; remote?: MediaStore | undefined }
    | undefined
  readonly limits?: Partial<Limits> | undefined
  /**
   * What each role may do, where the server does not say it: what is not permitted is then rejected here, as `forbidden`.
   * Default: everybody may do everything.
   */
  readonly permissions?: RolePermissions | undefined
  /** Time, for tests. */
  readonly clock?: Clock | undefined
  /** As `Math.random`, for tests. */
  readonly random?: (() => number) | undefined
}

export const DEFAULT_LIMITS: Limits = {
  attributesBytes: 65_536,
  textLength: 256,
  bodyLength: 32_768,
  mediaBytes: 16 * 2 ** 20,
}

export const DEFAULT_TIMINGS: Timings = {
  typingWindowMs: 5000,
  typingTimeoutMs: 6000,
  presenceGraceMs: 10_000,
  horizonIntervalMs: 1000,
  sendTimeoutMs: 5000,
  fetchTimeoutMs: 5000,
}
