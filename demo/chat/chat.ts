import type { Message } from '../../src/index.ts'
import { button, element } from '../ui/element.ts'
import type { Run, Section, View } from '../ui/section.ts'
import { composer } from './composer.ts'
import { messageList } from './message-list.ts'
import { Reading } from './reading.ts'
import { typingLine } from './typing-line.ts'

/** The messages of the conversation, what is unread of them, and where new ones are written. */
export function chat(identity: string, run: Run): Section & { followEnd(): void } {
  let current: View | undefined
  let isScheduled = false

  const reading = new Reading({ run, onChange: schedule })
  const list = messageList({ identity, run, reading, onChange: schedule, onMarkUnread })
  const input = composer(run, () => list.onSent())
  const typing = typingLine()
  const badge = element('span', { class: 'badge', role: 'status' })
  const markRead = button('Mark all read', () => {
    reading.resume()
    if (current) run(current.conversation.setAllMessagesRead())
  })
  const state = element('span', { class: 'reading-state' })
  const resume = button('Read on', () => reading.resume(), { class: 'resume' })
  const card = element(
    'section',
    { class: 'card chat', 'aria-label': 'Chat' },
    element(
      'header',
      { class: 'chat-bar' },
      element('h2', {}, 'Messages'),
      badge,
      state,
      resume,
      markRead,
    ),
    list.element,
    typing.element,
    input.element,
  )

  function onMarkUnread({ index }: Message): void {
    reading.pause()
    if (current)
      run(current.conversation.updateLastReadMessageIndex(index === 0 ? null : index - 1))
  }

  function schedule(): void {
    if (!isScheduled) queueMicrotask(show)
    isScheduled = true
  }

  function show(): void {
    isScheduled = false
    if (!current) return
    const { conversation } = current
    for (const part of [list, typing, input]) part.update(current)
    const { unreadCount } = conversation
    setText(badge, unreadCount > 0 ? `${unreadCount.toLocaleString('en')} unread` : '')
    badge.hidden = unreadCount === 0
    markRead.hidden = unreadCount === 0
    resume.hidden = !reading.isPaused || unreadCount === 0
    setText(state, stateText(unreadCount))
    card.dataset.reading = reading.isPaused ? 'paused' : reading.isActive ? 'active' : 'inactive'
  }

  function stateText(unreadCount: number): string {
    if (unreadCount === 0) return ''
    if (reading.isPaused) return 'Kept unread'
    return reading.isActive ? '' : 'Click to read'
  }

  return {
    element: card,
    followEnd: list.onSent,
    update: view => {
      current = view
      show()
    },
  }
}

function setText(shown: HTMLElement, text: string): void {
  if (shown.textContent !== text) shown.textContent = text
}
