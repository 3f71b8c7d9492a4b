import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Conversation } from '../../src/model/conversation.ts'
import type { Message } from '../../src/model/message.ts'
import type { Paginator } from '../../src/model/paginator.ts'
import type { Participant } from '../../src/model/participant.ts'

type Values = Record<string, unknown>

/** In the order in which they are told. */
const valuesOf = (message: Message): Values => ({
  body: message.body,
  subject: message.subject,
  lastUpdatedBy: message.lastUpdatedBy,
  author: message.author,
  dateUpdated: message.dateUpdated?.getTime(),
  dateCreated: message.dateCreated?.getTime(),
  attributes: message.attributes,
  index: message.index,
  deliveryState: message.deliveryState,
})

/**
 * What an app shows that asks for the messages when it opens a conversation, and then follows events only: an update
 * copies the values that its reasons name, and no other.
 */
export class MessageMirror {
  readonly conversation: Conversation
  /** What went wrong inside a listener, whose exceptions nobody sees. */
  readonly failures: unknown[] = []
  /** How many events of each kind there were. */
  readonly counts: Record<string, number> = {}
  readonly #shown = new Map<Message, Values>()
  readonly #removed = new Set<Message>()
  readonly #everRemoved = new Set<string>()
  #unreadCount: number
  #isLoaded = false
  /** Older ones could not be had when it was opened. */
  #isCut = false

  readonly #participants: readonly Participant[]

  /** Call when the conversation is open, before anything comes; nobody joins later. */
  constructor(conversation: Conversation, participants: readonly Participant[]) {
    this.conversation = conversation
    this.#participants = participants
    this.#unreadCount = conversation.unreadCount
    this.#listen()
    void conversation.getMessages(1000).then(
      ({ items, hasPrevPage }) => {
        this.#isLoaded = true
        this.#isCut = hasPrevPage
        for (const message of items) {
          if (!this.#removed.has(message) && !this.#shown.has(message)) this.#show(message)
        }
      },
      error => {
        // It is closed already, perhaps.
        if (!conversation.isClosing) this.failures.push(error)
      },
    )
  }

  get isLoaded(): boolean {
    return this.#isLoaded
  }

  /** By index. */
  get messages(): Message[] {
    return [...this.#shown.keys()].sort((a, b) => a.index - b.index)
  }

  get removed(): ReadonlySet<Message> {
    return this.#removed
  }

  /** Sids of all whose removal was told of. */
  get everRemoved(): ReadonlySet<string> {
    return this.#everRemoved
  }

  /** Nothing has changed that was not told of. */
  check(): void {
    if (this.failures.length > 0) throw this.failures[0]
    for (const [message, values] of this.#shown) {
      const now = valuesOf(message)
      if (!isDeepStrictEqual(now, values)) expect(values, 'as it was told').toEqual(now)
    }
    expect(this.#unreadCount, 'unread as it was told').toBe(this.conversation.unreadCount)
  }

  /** It shows what somebody sees who asks now; only when all that goes on has come to its end. */
  checkAll({ items, hasNextPage, hasPrevPage }: Paginator<Message>, isComplete: boolean): void {
    expect(this.#isLoaded, 'getMessages() has resolved').toBe(true)
    this.check()
    // Who was given a part of them asks for the rest.
    if (this.#isCut) for (const message of items) if (!this.#shown.has(message)) this.#show(message)
    this.#isCut = this.#isCut && hasPrevPage
    // What cannot be had now ends it: there may be others beyond that.
    const expected = isComplete ? this.messages : this.messages.filter(one => items.includes(one))
    expect(items.map(valuesOf)).toEqual(expected.map(valuesOf))
    for (const message of items) expect(this.#shown.has(message), 'one object each').toBe(true)
    if (isComplete) expect([hasNextPage, hasPrevPage]).toEqual([false, false])
  }

  #listen(): void {
    const { conversation } = this
    const hear = <A>(name: string, listener: (argument: A) => void) => {
      return (argument: A) => {
        this.counts[name] = (this.counts[name] ?? 0) + 1
        try {
          listener(argument)
        } catch (error) {
          this.failures.push(error)
        }
      }
    }
    conversation.on(
      'messageAdded',
      hear('messageAdded', (message: Message) => {
        expect(this.#shown.has(message), 'added twice').toBe(false)
        // What came of its removal may be a part of that only, at first.
        this.#removed.delete(message)
        this.#show(message)
        const author = this.#participants.find(({ identity }) => identity === message.author)
        expect(author?.isTyping, 'typing still').toBe(false)
      }),
    )
    conversation.on(
      'messageUpdated',
      hear('messageUpdated', ({ message, updateReasons }) => {
        const known = this.#shown.get(message)
        if (!known && !this.#isLoaded) return
        expect(known, 'updated, but is not there').toBeDefined()
        if (known) this.#copy(known, valuesOf(message), updateReasons)
      }),
    )
    conversation.on(
      'messageRemoved',
      hear('messageRemoved', (message: Message) => {
        const wasShown = this.#shown.delete(message)
        if (this.#isLoaded) expect(wasShown, 'removed, but was not there').toBe(true)
        this.#removed.add(message)
        this.#everRemoved.add(message.sid)
      }),
    )
    conversation.on(
      'unreadCountChanged',
      hear('unreadCountChanged', (count: number) => {
        expect(count, 'another count').not.toBe(this.#unreadCount)
        expect(count).toBe(conversation.unreadCount)
        this.#unreadCount = count
      }),
    )
  }

  /** The reasons must be the values that differ, all of them, in the documented order. */
  #copy(known: Values, actual: Values, reasons: string[]): void {
    const differing = Object.keys(actual).filter(
      name => !isDeepStrictEqual(known[name], actual[name]),
    )
    expect(reasons).toEqual(differing)
    expect(reasons.length).toBeGreaterThan(0)
    if (known.deliveryState === 'sent') {
      expect(actual.deliveryState, 'pending again').toBe('sent')
      expect(actual.index, 'a final index moved').toBe(known.index)
    }
    for (const name of reasons) known[name] = actual[name]
  }

  #show(message: Message): void {
    this.#shown.set(message, valuesOf(message))
  }
}
