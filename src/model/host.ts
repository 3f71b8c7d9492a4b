import type { Clock } from '../base/clock.ts'
import type { RolePermissions } from '../schema/permissions.ts'
import type { MediaLibrary } from '../sync/media/media-library.ts'
import type { Session, SessionOptions } from '../sync/session.ts'
import type { User } from './user.ts'

export interface Limits {
  /** Of the JSON text of any attributes, in bytes of UTF-8. Default 65536. */
  readonly attributesBytes: number
  /** Of identities, names, addresses and role sids, in UTF-16 units. Default 256. */
  readonly textLength: number
  /** Of the body of a message, in UTF-16 units. Default 32768. */
  readonly bodyLength: number
  /** Of an attachment, in bytes. Default 16 MiB. */
  readonly mediaBytes: number
}

export interface Timings {
  /** Typing is told to others at most once in so many ms. Default 5000. */
  readonly typingWindowMs: number
  /** Typing that is not refreshed ends after so many ms; more than `typingWindowMs`. Default 6000. */
  readonly typingTimeoutMs: number
  /** After our own connection was lost, others count as online for so many ms. Default 10000. */
  readonly presenceGraceMs: number
  /** Read horizons that move forward are written at most once in so many ms. Default 1000. */
  readonly horizonIntervalMs: number
  /** `sendMessage()` waits at most so many ms for the final index while a sequencer can be reached. Default 5000. */
  readonly sendTimeoutMs: number
  /** Messages that are not on this device are waited for at most so many ms. Default 5000. */
  readonly fetchTimeoutMs: number
}

/** What the model needs of the client it belongs to. */
export interface Host {
  readonly identity: string
  readonly clock: Clock
  /** As `Math.random`. */
  readonly random: () => number
  readonly limits: Limits
  readonly timings: Timings
  readonly media: MediaLibrary
  /** What each role may do, where the server does not say it. */
  readonly permissions: RolePermissions | undefined
  /** A document of that name with the client's providers. */
  createSession(options: Omit<SessionOptions, 'persistence' | 'transports'>): Session
  getUser(identity: string): Promise<User>
  /** An event of a conversation or user, for the client's own listeners. */
  tell(event: string, args: unknown[]): void
  onPresence(source: object, identity: string, isOnline: boolean): void
  onStatus(): void
  onClosed(conversation: object): void
}
