import type { Conversation, JSONValue, Participant } from '../src/index.ts'

/** Attributes of a participant in this demo. */
export type Profile = { name: string; colour: string; status: string }

export type DemoConversation = Conversation<Profile>
export type DemoParticipant = Participant<Profile>

export const COLOURS = ['teal', 'violet', 'amber', 'rose', 'blue', 'green'] as const

const FAVOURITES = new Map([
  ['alice', 'teal'],
  ['bob', 'violet'],
])

export function initialProfile(identity: string): Profile {
  const name = identity.charAt(0).toUpperCase() + identity.slice(1)
  const codes = [...identity].reduce((sum, letter) => sum + letter.charCodeAt(0), 0)
  const others = COLOURS.slice(2)
  const colour = FAVOURITES.get(identity) ?? others[codes % others.length] ?? 'blue'
  return { name, colour, status: '' }
}

/** Total, because any program may have written the attributes. */
export function readProfile({ identity, attributes }: DemoParticipant): Profile {
  const initial = initialProfile(identity ?? '?')
  const { name, colour, status } = toObject(attributes)
  return {
    name: typeof name === 'string' && name.trim() !== '' ? name : initial.name,
    colour: COLOURS.find(known => known === colour) ?? initial.colour,
    status: typeof status === 'string' ? status : '',
  }
}

/** What the conversation keeps in its attributes: a list that both write. */
export function readItems({ attributes }: DemoConversation): string[] {
  const { items } = toObject(attributes)
  return Array.isArray(items) ? items.filter(item => typeof item === 'string') : []
}

function toObject(value: unknown): Record<string, JSONValue> {
  return typeof value === 'object' && value !== null ? (value as Record<string, JSONValue>) : {}
}
