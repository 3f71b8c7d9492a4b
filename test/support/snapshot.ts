import type { Conversation } from '../../src/model/conversation.ts'
import type { Participant } from '../../src/model/participant.ts'

/** Everything a participant says that is the same for everybody. */
export function participantSnapshot(participant: Participant) {
  const { sid, identity, type, attributes, roleSid, lastReadMessageIndex, bindings } = participant
  const { dateCreated, dateUpdated, lastReadTimestamp } = participant
  return {
    sid,
    identity,
    type,
    attributes,
    roleSid,
    lastReadMessageIndex,
    bindings,
    dateCreated: dateCreated?.getTime(),
    dateUpdated: dateUpdated?.getTime(),
    lastReadTimestamp: lastReadTimestamp?.getTime() ?? null,
  }
}

/** Everything a conversation says that is the same for everybody. */
export async function snapshot(conversation: Conversation) {
  const { sid, uniqueName, friendlyName, attributes, createdBy, dateCreated, dateUpdated } =
    conversation
  const participants = await conversation.getParticipants()
  return {
    sid,
    uniqueName,
    friendlyName,
    attributes,
    createdBy,
    dateCreated: dateCreated?.getTime(),
    dateUpdated: dateUpdated?.getTime(),
    participants: participants.map(participantSnapshot),
  }
}
