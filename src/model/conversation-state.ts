import { equalJson, freezeJson, type JSONValue } from '../base/json.ts'
import type { ConversationDocument } from '../schema/conversation-document.ts'
import type { Creation } from '../schema/creation.ts'
import type { ParticipantEntry } from '../schema/participant-entry.ts'

export type ConversationStatus = 'joined' | 'notParticipating'

/** The values of a conversation, as one user sees them. Frozen; the keys are in the order in which reasons are told. */
export type ConversationState = Readonly<{
  attributes: JSONValue
  createdBy: string
  /** In ms since 1970. */
  dateCreated: number
  /** In ms since 1970. */
  dateUpdated: number
  friendlyName: string | null
  lastReadMessageIndex: number | null
  status: ConversationStatus
  uniqueName: string | null
}>

export type ConversationUpdateReason = keyof ConversationState | 'lastMessage'

/** @param assumed what a conversation that nobody created yet will be created as */
export function readConversationState(
  document: ConversationDocument,
  assumed: Creation,
  me: ParticipantEntry | undefined,
): ConversationState {
  const { whole, creation = assumed } = document
  const isJoined = me?.isPresent ?? false
  return Object.freeze({
    attributes: whole.attributes,
    createdBy: creation.createdBy,
    dateCreated: creation.dateCreated,
    dateUpdated: Math.max(whole.dateUpdated, creation.dateCreated),
    friendlyName: whole.text('friendlyName'),
    lastReadMessageIndex: isJoined ? (me?.lastReadMessageIndex ?? null) : null,
    status: isJoined ? 'joined' : 'notParticipating',
    uniqueName: whole.field('uniqueName') ? whole.text('uniqueName') : creation.uniqueName,
  })
}

export function changedReasons(
  before: ConversationState,
  after: ConversationState,
): ConversationUpdateReason[] {
  return freezeJson(
    (Object.keys(after) as (keyof ConversationState)[]).filter(
      reason => !equalJson(before[reason], after[reason]),
    ),
  )
}
