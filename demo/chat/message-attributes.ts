import type { JSONValue, Message } from '../../src/index.ts'

export const REACTIONS = ['👍', '❤️', '😂', '🎉'] as const

/**
 * Who reacts how, from `attributes.reactions`: `{ "👍": { alice: true } }`. Everybody has a member of their own in it, so
 * what two people add at the same time stays.
 */
export function readReactions({ attributes }: Message): Map<string, string[]> {
  const reactions = new Map<string, string[]>()
  for (const [reaction, who] of Object.entries(membersOf(membersOf(attributes).reactions))) {
    const identities = Object.entries(membersOf(who)).filter(([, isOn]) => isOn === true)
    if (identities.length > 0) {
      reactions.set(
        reaction,
        identities.map(([identity]) => identity),
      )
    }
  }
  return reactions
}

export async function toggleReaction(
  message: Message,
  reaction: string,
  identity: string,
): Promise<void> {
  const attributes = membersOf(message.attributes)
  const reactions = membersOf(attributes.reactions)
  const { [identity]: mine, ...others } = membersOf(reactions[reaction])
  const who = mine === true ? others : { ...others, [identity]: true }
  await message.updateAttributes({ ...attributes, reactions: { ...reactions, [reaction]: who } })
}

/** Changes the text, and says so: that somebody reacted is a change too. */
export async function editMessage(message: Message, body: string): Promise<void> {
  const attributes = { ...membersOf(message.attributes), edited: true }
  await Promise.all([message.updateBody(body), message.updateAttributes(attributes)])
}

export function isEdited({ attributes }: Message): boolean {
  return membersOf(attributes).edited === true
}

/** Total, because any program may have written the attributes. */
function membersOf(value: JSONValue | undefined): Record<string, JSONValue> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}
