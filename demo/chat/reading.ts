import type { Message } from '../../src/index.ts'
import type { DemoConversation } from '../profile.ts'
import type { Run } from '../ui/section.ts'
import type { MessageWindow } from './message-window.ts'

/** Whether somebody is likely to look at this page: it is on screen and has the focus. */
export function isPageActive(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}

export interface ReadingOptions {
  readonly run: Run
  onChange(): void
}

/**
 * Marks messages as read: up to the last one before which everything was really on screen while this page was active.
 */
export class Reading {
  readonly #options: ReadingOptions
  /** The ends of messages that are on screen now: the whole way, through the frame of the page with both people too. */
  readonly #observer: IntersectionObserver
  readonly #messages = new Map<Element, Message>()
  readonly #visible = new Set<Message>()
  #seen = new WeakSet<Message>()
  #conversation: DemoConversation | undefined
  #window: MessageWindow | undefined
  #horizon = -1
  isActive = isPageActive()
  /** Something was marked as unread; to read on at once would undo it. */
  isPaused = false
  /** The first message that is unread and was not seen. */
  firstUnseen: Message | undefined

  constructor(options: ReadingOptions) {
    this.#options = options
    this.#observer = new IntersectionObserver(entries => this.#look(entries))
    for (const event of ['focus', 'blur']) addEventListener(event, () => this.#onActive())
    document.addEventListener('visibilitychange', () => this.#onActive())
  }

  /** @param end what is on screen when a message was read to its end */
  observe(end: Element, message: Message): void {
    this.#messages.set(end, message)
    this.#observer.observe(end)
  }

  forget(end: Element): void {
    const message = this.#messages.get(end)
    if (message) this.#visible.delete(message)
    this.#messages.delete(end)
    this.#observer.unobserve(end)
  }

  /** Call after anything has changed. */
  update(conversation: DemoConversation, window: MessageWindow): void {
    this.#conversation = conversation
    this.#window = window
    const horizon = conversation.lastReadMessageIndex ?? -1
    // By this page or on another device of the same person.
    if (horizon < this.#horizon) this.pause()
    this.#horizon = horizon
  }

  pause(): void {
    this.isPaused = true
    this.#seen = new WeakSet()
    this.#options.onChange()
  }

  resume(): void {
    this.isPaused = false
    this.#check()
    this.#options.onChange()
  }

  #onActive(): void {
    const isActive = isPageActive()
    if (isActive === this.isActive) return
    this.isActive = isActive
    if (isActive) this.isPaused = false
    this.#check()
    this.#options.onChange()
  }

  #look(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const message = this.#messages.get(target)
      if (message && isIntersecting) this.#visible.add(message)
      else if (message) this.#visible.delete(message)
    }
    this.#check()
  }

  #check(): void {
    const conversation = this.#conversation
    const window = this.#window
    if (!conversation || !window || !this.isActive || this.isPaused) return
    if (conversation.status !== 'joined') return
    for (const message of this.#visible) this.#seen.add(message)
    const unread = window.items.filter(message => !message.isRead)
    const before = this.firstUnseen
    this.firstUnseen = unread.find(message => !this.#seen.has(message))
    if (this.firstUnseen !== before) this.#options.onChange()
    if (!this.#isBeginningHere(conversation, window, unread.length)) return
    const last = this.firstUnseen ? unread[unread.indexOf(this.firstUnseen) - 1] : unread.at(-1)
    if (last) this.#options.run(conversation.advanceLastReadMessageIndex(last.index))
  }

  /** Whether nothing before the window is unread. */
  #isBeginningHere(
    { unreadCount }: DemoConversation,
    { hasNewer, items }: MessageWindow,
    unreadHere: number,
  ): boolean {
    return (!hasNewer && unreadHere === unreadCount) || this.#horizon + 1 >= (items[0]?.index ?? 0)
  }
}
