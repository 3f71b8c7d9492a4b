import type { Client, Message } from '../../src/index.ts'
import { type DemoParticipant, readProfile } from '../profile.ts'
import { card, element } from './element.ts'

const MAX_ENTRIES = 200

/** What the client tells, newest first. */
export function eventLog() {
  const list = element('ol', { class: 'log', role: 'log', tabindex: 0, 'aria-label': 'Events' })

  /** @param reasons which values differ */
  function add(event: string, subject = '', reasons: readonly string[] = []): void {
    const time = element('time', {}, new Date().toLocaleTimeString('en-GB'))
    list.prepend(
      element(
        'li',
        { 'data-event': event },
        time,
        element('span', { class: 'event' }, event),
        subject !== '' && element('span', { class: 'subject' }, subject),
        ...reasons.map(reason => element('span', { class: 'reason' }, reason)),
      ),
    )
    if (list.childElementCount > MAX_ENTRIES) list.lastElementChild?.remove()
  }

  function listen(client: Client): void {
    const events = [
      'participantJoined',
      'participantLeft',
      'typingStarted',
      'typingEnded',
      'participantOnline',
      'participantOffline',
    ] as const
    for (const event of events) client.on(event, participant => add(event, nameOf(participant)))
    client.on('participantUpdated', ({ participant, updateReasons }) => {
      add('participantUpdated', nameOf(participant), updateReasons)
    })
    client.on('messageAdded', message => add('messageAdded', subjectOf(message)))
    client.on('messageUpdated', ({ message, updateReasons }) =>
      add('messageUpdated', subjectOf(message), updateReasons),
    )
    client.on('messageRemoved', message => add('messageRemoved', subjectOf(message)))
    client.on('connectionStatusChanged', status => add('connectionStatusChanged', status))
    client.on('writeRefused', ({ reason }) => add('writeRefused', reason))
    client.on('error', ({ code, reason }) => add('error', reason ? `${code}: ${reason}` : code))
  }

  return { element: card('Events', list), add, listen }
}

function nameOf(participant: unknown): string {
  return readProfile(participant as DemoParticipant).name
}

function subjectOf({ index, author, body, deliveryState }: Message): string {
  const number = deliveryState === 'sent' ? `#${index} ` : ''
  const text = body && body.length > 30 ? `${body.slice(0, 29)}…` : (body ?? '')
  return `${number}${author}: ${text}`
}
