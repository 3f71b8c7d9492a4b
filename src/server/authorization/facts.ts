import type { Incarnation } from '../../schema/format.ts'
import type { RolePermissions } from '../../schema/permissions.ts'

/** Who is who in a conversation, as its document says; without what is admitted and not applied. */
export interface StandingFacts {
  /** The identity whose creation the server accepted first; undefined = nobody has created it yet. */
  readonly creator: string | undefined
  /** `''` = a participant without a role; undefined = no participant. */
  roleOf(participantKey: string): string | undefined
  readonly permissions: RolePermissions
}

/** By which times are judged, in ms since 1970. */
export interface TimeFacts {
  /** The newest that the document has; 0 = none. What is written next to it may be a little newer, whatever the clocks. */
  readonly newestTime: number
  readonly nowMs: number
  /** How far ahead the clock of a device may be. */
  readonly maxClockSkewMs: number
}

/** How great values may be; the clients' own limits have the same names. */
export interface ValueLimits {
  /** Of attributes as JSON in UTF-8, and of each value in them. */
  readonly attributesBytes: number
  /** Characters of names, subjects and the like. */
  readonly textLength: number
  /** Characters of a message's body. */
  readonly bodyLength: number
}

export const DEFAULT_VALUE_LIMITS: ValueLimits = {
  attributesBytes: 65_536,
  textLength: 256,
  bodyLength: 32_768,
}

/** What writes in a conversation's document are judged by. */
export interface ConversationFacts extends StandingFacts, TimeFacts {
  /** The time of the creation that is shown, the earliest; of no meaning while there is no creator. */
  readonly createdMs: number
  /** The memberships of a participant that are there, see `ParticipantEntry.records`. */
  recordsOf(participantKey: string): readonly { writer: number; incarnation: Incarnation }[]
  /** How many messages the log has; undefined = not known. */
  readonly messageCount: number | undefined
  readonly limits: ValueLimits
}

/** What writes in the document of the outboxes are judged by. */
export interface OutboxFacts extends StandingFacts, TimeFacts {
  /** The participant key of who writes under this client id, see `OutboxDocument.authors`. */
  authorOf(writer: number): string | undefined
  readonly limits: ValueLimits
}
