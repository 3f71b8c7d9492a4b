import type { Refusal } from '../sync/session.ts'
import type { Conversation } from './conversation.ts'
import type { User } from './user.ts'

/** Something that this device wrote in a document was refused by a server, and none of it counts there. */
interface RefusedWrite extends Refusal {
  /** Which document it was: sid of the conversation or user, or of a part of the conversation. */
  readonly documentName: string
}

/** Of a conversation. */
export interface RefusedConversationWrite extends RefusedWrite {
  readonly conversation: Conversation<never>
}

/** Of a user. */
export interface RefusedUserWrite extends RefusedWrite {
  readonly user: User
}
