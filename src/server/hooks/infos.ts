import { messageSid, participantSid } from '../../base/ids.ts'
import type { ConversationDocument } from '../../schema/conversation-document.ts'
import { parseParticipantKey } from '../../schema/format.ts'
import { messageKey } from '../../schema/messages/ids.ts'
import type { LogEntry } from '../../schema/messages/log-entry.ts'
import { MessageEntry } from '../../schema/messages/message-entry.ts'
import type { ParticipantEntry } from '../../schema/participant-entry.ts'
import type { ConversationSummary, MessageInfo, ParticipantInfo } from './server-hooks.ts'

export function conversationSummary(
  sid: string,
  { whole, creation }: ConversationDocument,
): ConversationSummary {
  return Object.freeze({
    sid,
    uniqueName: whole.field('uniqueName')
      ? whole.text('uniqueName')
      : (creation?.uniqueName ?? null),
    friendlyName: whole.text('friendlyName'),
  })
}

export function participantInfo(conversation: string, entry: ParticipantEntry): ParticipantInfo {
  const { key, identity, type, bindings, attributes, roleSid } = entry
  const sid = participantSid(conversation, key)
  return Object.freeze({ sid, identity, type, bindings, attributes, roleSid })
}

export function messageInfo(conversation: string, entry: LogEntry): MessageInfo {
  const { content, index, author, time } = entry
  return Object.freeze({
    sid: messageSid(conversation, messageKey(entry)),
    index,
    author: nameOf(author),
    participantSid: participantSid(conversation, author),
    body: content?.body ?? null,
    subject: content?.subject ?? null,
    attributes: new MessageEntry(entry, entry).attributes,
    media: Object.freeze((content?.media ?? []).map(record => Object.freeze({ ...record }))),
    dateCreated: new Date(time),
  })
}

function nameOf(participantKey: string): string | null {
  const parsed = parseParticipantKey(participantKey)
  return parsed && 'address' in parsed ? parsed.address : (parsed?.identity ?? null)
}
