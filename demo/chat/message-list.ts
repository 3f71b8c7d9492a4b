import type { Message } from '../../src/index.ts'
import type { DemoConversation } from '../profile.ts'
import { button, element } from '../ui/element.ts'
import { icon } from '../ui/icon.ts'
import type { Run, Section, View } from '../ui/section.ts'
import { type MessageRow, messageRow } from './message-row.ts'
import { MessageWindow } from './message-window.ts'
import type { Reading } from './reading.ts'
import { Scroll } from './scroll.ts'
import { timeline } from './timeline.ts'

export interface MessageListOptions {
  readonly identity: string
  readonly run: Run
  readonly reading: Reading
  onChange(): void
  onMarkUnread(message: Message): void
}

/** The messages, from those that are in sight on as far as anybody scrolls. */
export function messageList({
  identity,
  run,
  reading,
  onChange,
  onMarkUnread,
}: MessageListOptions) {
  let window: MessageWindow | undefined
  let current: View | undefined
  let divider: Message | undefined
  let isAllRead = true
  /** Once it is there, the divider is to be shown. */
  let isDividerWanted = false
  const rows = new Map<Message, MessageRow>()
  const list = element('ol', {})
  const top = element('p', { class: 'beginning' })
  const scroller = element(
    'div',
    { class: 'scroller', role: 'log', tabindex: 0, 'aria-label': 'Messages' },
    top,
    list,
  )
  const scroll = new Scroll({
    scroller,
    list,
    isEnd: () => window?.hasNewer === false,
    onOlderWanted: () => run(window?.loadOlder() ?? Promise.resolve()),
    onNewerWanted: () => run(window?.loadNewer() ?? Promise.resolve()),
    onChange,
  })
  const latest = element(
    'button',
    { type: 'button', class: 'jump latest', hidden: true, onclick: () => run(showEnd()) },
    icon('down'),
    'Latest',
  )
  const firstUnread = element(
    'button',
    { type: 'button', class: 'jump', hidden: true, onclick: () => run(showFirstUnread()) },
    icon('up'),
    'First unread',
  )

  function open(conversation: DemoConversation): MessageWindow {
    const created = new MessageWindow({
      conversation,
      isFollowing: () => scroll.isFollowing,
      onChange,
    })
    const { lastReadMessageIndex, unreadCount } = conversation
    const isMiddle = lastReadMessageIndex !== null && unreadCount > 0
    isDividerWanted = isMiddle
    run(isMiddle ? created.showAround(lastReadMessageIndex + 1) : created.showEnd())
    return created
  }

  async function showEnd(): Promise<void> {
    if (window?.hasNewer) await window.showEnd()
    scroll.toEnd()
    onChange()
  }

  async function showFirstUnread(): Promise<void> {
    const found = window?.items.find(message => !message.isRead)
    if (!window || !current) return
    if (!found || isUnreadBefore()) {
      await window.showAround((current.conversation.lastReadMessageIndex ?? -1) + 1)
    }
    divider = window.items.find(message => !message.isRead)
    isDividerWanted = true
    onChange()
  }

  /** Whether something is unread that is older than what is shown. */
  function isUnreadBefore(): boolean {
    const [first] = window?.items ?? []
    if (!current || !first || !window?.hasOlder || first.isRead) return false
    return (current.conversation.lastReadMessageIndex ?? -1) + 1 < first.index
  }

  /** The divider stays where it is while somebody reads on. */
  function placeDivider({ items }: MessageWindow, unreadCount: number): void {
    if (unreadCount > 0 && isAllRead) divider = undefined
    isAllRead = unreadCount === 0
    const unread = items.find(message => !message.isRead)
    const isStill = !reading.isActive || reading.isPaused || isDividerWanted
    if (isStill) divider = unread
    else if (divider && unread && unread.index < divider.index) divider = unread
    else if (!divider && reading.firstUnseen === unread) divider = unread
  }

  function update(view: View): void {
    current = view
    window ??= open(view.conversation)
    reading.update(view.conversation, window)
    const { items, hasOlder, isLoading, isStuck } = window
    placeDivider(window, view.conversation.unreadCount)
    scroll.keep(() => show(items, view))
    top.replaceChildren(...beginning({ isEmpty: items.length === 0, hasOlder, isLoading, isStuck }))
    list.setAttribute('aria-busy', String(isLoading))
    latest.hidden = scroll.isFollowing || isLoading
    firstUnread.hidden = view.conversation.unreadCount === 0 || !isFarFromUnread()
    const row = divider && rows.get(divider)
    if (isDividerWanted && row && !isLoading) {
      isDividerWanted = false
      scroll.toElement(row.element)
    }
    scroll.fetch()
  }

  function isFarFromUnread(): boolean {
    if (isUnreadBefore()) return true
    const unread = window?.items.find(message => !message.isRead)
    const row = unread && rows.get(unread)
    return row ? row.element.offsetTop < scroller.scrollTop : false
  }

  function show(items: readonly Message[], view: View): void {
    const others = view.participants.filter(participant => participant !== view.me)
    const kept = new Set(items)
    for (const [message, row] of rows) {
      if (kept.has(message)) continue
      reading.forget(row.end)
      row.discard()
      row.element.remove()
      rows.delete(message)
    }
    for (const [i, entry] of timeline(items, divider, others).entries()) {
      const row = rows.get(entry.message) ?? create(entry.message)
      row.update(entry, view)
      const at = list.children[i]
      if (at !== row.element) list.insertBefore(row.element, at ?? null)
    }
  }

  function create(message: Message): MessageRow {
    const row = messageRow({ message, identity, run, onMarkUnread })
    rows.set(message, row)
    reading.observe(row.end, message)
    return row
  }

  interface Beginning {
    isEmpty: boolean
    hasOlder: boolean
    isLoading: boolean
    isStuck: boolean
  }

  function beginning({ isEmpty, hasOlder, isLoading, isStuck }: Beginning): (Node | string)[] {
    if (isStuck) {
      const again = button('Try again', () => {
        if (window) window.isStuck = false
        run(window?.loadOlder() ?? Promise.resolve())
      })
      return ['Earlier messages are not on this device. ', again]
    }
    if (isLoading && (isEmpty || hasOlder)) return ['Loading…']
    if (hasOlder) return []
    return [isEmpty ? 'No messages yet.' : 'This is the beginning of the conversation.']
  }

  const section: Section = {
    element: element('div', { class: 'list' }, scroller, firstUnread, latest),
    update,
  }
  return {
    ...section,
    /** What was unread is not new any more once somebody has answered. */
    onSent: () => {
      if (current?.conversation.unreadCount === 0) divider = undefined
      run(showEnd())
    },
  }
}
