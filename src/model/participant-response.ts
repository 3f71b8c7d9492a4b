import type { Participant } from './participant.ts'

/** What adding a participant resolves to, in the form of the SDK (which is its server's). */
export interface ParticipantResponse {
  account_sid: string
  chat_service_sid: string
  conversation_sid: string
  role_sid: string
  sid: string
  /** JSON text. */
  attributes: string
  /** ISO 8601. */
  date_created: string
  /** ISO 8601. */
  date_updated: string
  identity: string
  messaging_binding: { type: string; address: string; proxy_address: string } | null
  url: string
  links: { conversation: string }
}

/** Accounts, services and URLs do not exist here and are empty. */
export function toParticipantResponse(participant: Participant<unknown>): ParticipantResponse {
  const { type, bindings } = participant
  const binding = bindings[type]
  return {
    account_sid: '',
    chat_service_sid: '',
    conversation_sid: participant.conversation.sid,
    role_sid: participant.roleSid,
    sid: participant.sid,
    attributes: JSON.stringify(participant.attributes),
    date_created: (participant.dateCreated as Date).toISOString(),
    date_updated: (participant.dateUpdated as Date).toISOString(),
    identity: participant.identity ?? '',
    messaging_binding: binding
      ? { type, address: binding.address, proxy_address: binding.proxyAddress ?? '' }
      : null,
    url: '',
    links: { conversation: '' },
  }
}
