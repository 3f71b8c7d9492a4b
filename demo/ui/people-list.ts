import { type DemoParticipant, readProfile } from '../profile.ts'
import { avatar } from './avatar.ts'
import { card, element } from './element.ts'
import type { Section, View } from './section.ts'

/** Who is in the conversation: online or not, status, how far they have read. */
export function peopleList(): Section {
  const list = element('ul', { class: 'people' })

  function row(participant: DemoParticipant, { me, isConnected }: View): HTMLElement {
    const profile = readProfile(participant)
    const { name, status } = profile
    const presence = presenceOf(participant, participant === me, isConnected)
    return element(
      'li',
      { 'data-identity': participant.identity ?? '', 'data-presence': presence },
      avatar(profile),
      element(
        'span',
        { class: 'who' },
        element('strong', {}, name),
        participant === me && element('span', { class: 'quiet' }, ' (you)'),
        status !== '' && element('span', { class: 'status' }, status),
      ),
      element('span', { class: 'horizon' }, horizonOf(participant)),
      element('span', { class: 'presence' }, presence),
    )
  }

  return {
    element: card('People', list),
    update: view => {
      const rows = view.participants.map(participant => row(participant, view))
      list.replaceChildren(
        ...(rows.length > 0 ? rows : [element('li', { class: 'quiet' }, 'Nobody has joined.')]),
      )
    },
  }
}

/** Who has no connection cannot know of others. */
function presenceOf(participant: DemoParticipant, isMe: boolean, isConnected: boolean): string {
  if (isConnected || isMe) return participant.isOnline ? 'online' : 'offline'
  return participant.isOnline ? 'was online' : 'out of reach'
}

function horizonOf({ lastReadMessageIndex }: DemoParticipant): string {
  return lastReadMessageIndex === null ? 'nothing read' : `read up to #${lastReadMessageIndex}`
}
