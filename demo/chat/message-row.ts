import type { Message } from '../../src/index.ts'
import { type DemoParticipant, initialProfile, readProfile } from '../profile.ts'
import { avatar } from '../ui/avatar.ts'
import { element } from '../ui/element.ts'
import { icon } from '../ui/icon.ts'
import type { Run, View } from '../ui/section.ts'
import { attachment } from './attachment.ts'
import { formatDay, formatMoment, formatTime } from './dates.ts'
import { editForm } from './edit-form.ts'
import { messageActions } from './message-actions.ts'
import { editMessage, isEdited, toggleReaction } from './message-attributes.ts'
import { reactionBar } from './reaction-bar.ts'
import { dateOf, type TimelineEntry } from './timeline.ts'

export interface MessageRowOptions {
  readonly message: Message
  readonly identity: string
  readonly run: Run
  onMarkUnread(message: Message): void
}

export interface MessageRow {
  readonly element: HTMLElement
  /** What is in sight when the message was read to its end. */
  readonly end: HTMLElement
  update(entry: TimelineEntry, view: View): void
  discard(): void
}

/** One message, with what stands above and below it. Texts of others are never taken for markup. */
export function messageRow({
  message,
  identity,
  run,
  onMarkUnread,
}: MessageRowOptions): MessageRow {
  const isOwn = message.author === identity
  const day = element('p', { class: 'day', hidden: true })
  const divider = element('p', { class: 'divider', hidden: true }, 'New messages')
  const face = element('span', { class: 'face' })
  const author = element('strong', { class: 'author' })
  const body = element('p', { class: 'body' })
  const edited = element('span', { class: 'edited', hidden: true }, 'edited')
  const number = element('span', { class: 'index' })
  const mark = element('span', { class: 'mark', role: 'img' })
  const date = dateOf(message)
  const time = element(
    'time',
    { datetime: date.toISOString(), title: formatMoment(date) },
    formatTime(date),
  )
  const meta = element('span', { class: 'meta' }, edited, number, time, isOwn && mark)
  const attachments = message.attachedMedia.map(media => attachment(media, run))
  const bubble = element(
    'div',
    { class: 'bubble' },
    author,
    ...attachments.map(one => one.element),
    body,
    meta,
  )
  const readers = element('p', { class: 'read-by', hidden: true })
  const reactions = reactionBar(react)
  const actions = messageActions({
    isOwn,
    onReact: react,
    onEdit: edit,
    onRemove: () => run(message.remove()),
    onMarkUnread: () => onMarkUnread(message),
  })
  const row = element(
    'li',
    { class: isOwn ? 'message is-own' : 'message', 'data-sid': message.sid },
    day,
    divider,
    element('div', { class: 'said' }, !isOwn && face, bubble, actions.opener),
    actions.bar,
    reactions.element,
    readers,
  )

  function react(reaction: string): void {
    run(toggleReaction(message, reaction, identity))
  }

  function edit(): void {
    const form = editForm({
      text: message.body ?? '',
      onSave: text => run(editMessage(message, text)),
      onEnd: () => {
        form.replaceWith(body)
        actions.opener.focus()
      },
    })
    body.replaceWith(form)
  }

  function update(entry: TimelineEntry, { participants, me }: View): void {
    const { isNewDay, isDivided, isGrouped } = entry
    const profileOf = (one: string) => {
      const participant = participants.find(participant => participant.identity === one)
      return participant ? readProfile(participant) : initialProfile(one)
    }
    const profile = profileOf(message.author ?? '?')
    const { deliveryState, index } = message
    setText(day, isNewDay ? formatDay(date) : '')
    day.hidden = !isNewDay
    divider.hidden = !isDivided
    row.classList.toggle('is-grouped', isGrouped)
    row.dataset.colour = profile.colour
    row.dataset.delivery = deliveryState
    if (face.title !== profile.name || face.dataset.colour !== profile.colour) {
      face.title = profile.name
      face.dataset.colour = profile.colour
      face.replaceChildren(avatar(profile))
    }
    setText(author, isOwn ? 'You' : profile.name)
    setText(body, message.body ?? '')
    body.hidden = message.body === null
    edited.hidden = !isEdited(message)
    setText(number, deliveryState === 'sent' ? `#${index}` : '')
    showMark(deliveryState === 'sent' ? 'Sent' : 'Pending')
    reactions.update(message, identity, one => profileOf(one).name)
    actions.update(index, me !== undefined)
    showReaders(entry.readers)
  }

  function showMark(text: 'Sent' | 'Pending'): void {
    if (mark.ariaLabel === text) return
    mark.ariaLabel = text
    mark.title = text === 'Sent' ? 'Sent: it has its final place' : 'Pending: only on this device'
    mark.replaceChildren(icon(text === 'Sent' ? 'tick' : 'clock'))
  }

  function showReaders(who: readonly DemoParticipant[]): void {
    const profiles = who.map(readProfile)
    const shown = JSON.stringify(profiles)
    if (readers.dataset.shown === shown) return
    readers.dataset.shown = shown
    const names = new Intl.ListFormat('en').format(profiles.map(({ name }) => name))
    const have = profiles.length === 1 ? 'has' : 'have'
    readers.hidden = profiles.length === 0
    readers.replaceChildren(
      ...profiles.map(avatar),
      element('span', { class: 'unseen' }, `${names} ${have} read up to here`),
    )
  }

  return {
    element: row,
    end: meta,
    update,
    discard: () => {
      for (const { revoke } of attachments) revoke()
    },
  }
}

function setText(shown: HTMLElement, text: string): void {
  if (shown.textContent !== text) shown.textContent = text
}
