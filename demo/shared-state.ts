import { type DemoConversation, type DemoParticipant, readItems, readProfile } from './profile.ts'

const LAST_MESSAGES = 100

/** Everything that both ends must agree on: what it is → its value as text. */
export type SharedState = Record<string, string>

export async function readSharedState(
  conversation: DemoConversation,
  participants: readonly DemoParticipant[],
): Promise<SharedState> {
  const { items } = await conversation.getMessages(LAST_MESSAGES)
  const state: SharedState = {
    'the topic': conversation.friendlyName ?? '',
    'the list': JSON.stringify(readItems(conversation)),
    'the conversation': JSON.stringify([
      sortKeys(conversation.attributes),
      conversation.dateUpdated,
    ]),
    'the number of messages': String(await conversation.getMessagesCount()),
    'the last messages': JSON.stringify(
      items.map(({ sid, index, author, body, attributes, attachedMedia, deliveryState }) => [
        sid,
        index,
        author,
        body,
        sortKeys(attributes),
        attachedMedia.map(media => media.sid),
        deliveryState,
      ]),
    ),
    'who is in it': JSON.stringify(participants.map(({ sid }) => sid)),
  }
  for (const participant of participants) {
    const { identity, lastReadMessageIndex, lastReadTimestamp, attributes } = participant
    const { dateCreated, dateUpdated, roleSid, bindings } = participant
    const { name, colour, status } = readProfile(participant)
    const whose = `${identity}'s`
    state[`${whose} name`] = name
    state[`${whose} colour`] = colour
    state[`${whose} status`] = status
    state[`what ${identity} has read`] = JSON.stringify([lastReadMessageIndex, lastReadTimestamp])
    state[`${whose} record`] = JSON.stringify([
      sortKeys(attributes),
      dateCreated,
      dateUpdated,
      roleSid,
      bindings,
    ])
  }
  return state
}

/** What differs; the sums that differ only because a part of them does are left out. */
export function differences(a: SharedState, b: SharedState): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  const different = [...names].filter(name => a[name] !== b[name])
  const parts = different.filter(name => !/record$|^the conversation$/.test(name))
  return parts.length > 0 ? parts : different
}

function sortKeys(attributes: unknown): unknown {
  return typeof attributes === 'object' && attributes !== null && !Array.isArray(attributes)
    ? Object.fromEntries(
        Object.entries(attributes)
          .map(([key, value]) => [key, sortKeys(value)] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      )
    : attributes
}
