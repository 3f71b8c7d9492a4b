import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type * as Y from 'yjs'
import type { Conversation } from '../../src/model/conversation.ts'
import type { ConversationUpdateReason } from '../../src/model/conversation-state.ts'
import type { Participant } from '../../src/model/participant.ts'
import { PARTICIPANT_REASONS } from '../../src/schema/participant-entry.ts'

type Values = Record<string, unknown>

/** In the order in which they are told. */
const CONVERSATION_REASONS: readonly ConversationUpdateReason[] = [
  'attributes',
  'createdBy',
  'dateCreated',
  'dateUpdated',
  'friendlyName',
  'lastReadMessageIndex',
  'status',
  'uniqueName',
]

const participantValues = (participant: Participant): Values => ({
  attributes: participant.attributes,
  dateUpdated: participant.dateUpdated?.getTime(),
  dateCreated: participant.dateCreated?.getTime(),
  roleSid: participant.roleSid,
  lastReadMessageIndex: participant.lastReadMessageIndex,
  lastReadTimestamp: participant.lastReadTimestamp?.getTime(),
  bindings: participant.bindings,
  isTyping: participant.isTyping,
  isOnline: participant.isOnline,
})

const conversationValues = (conversation: Conversation): Values => ({
  attributes: conversation.attributes,
  createdBy: conversation.createdBy,
  dateCreated: conversation.dateCreated?.getTime(),
  dateUpdated: conversation.dateUpdated?.getTime(),
  friendlyName: conversation.friendlyName,
  lastReadMessageIndex: conversation.lastReadMessageIndex,
  status: conversation.status,
  uniqueName: conversation.uniqueName,
})

/**
 * A copy of a conversation that is fed by its events alone: an update copies the values that its reasons name, and
 * no other. Asserts with every event that the story is whole and holds nothing that did not happen.
 */
export class EventView {
  readonly conversation: Conversation
  readonly #participants = new Map<Participant, Values>()
  #values: Values
  /** How many events of each kind there were. */
  readonly counts: Record<string, number> = {}
  /** Who was told of as changed by the transaction that goes on. */
  #updated = new Set<unknown>()
  /** Everything, as it was when the first event of the transaction was told; called again to see it now. */
  #atFirstEvent: { seen: unknown; look: () => unknown } | undefined
  /** What went wrong inside a listener, whose exceptions nobody sees. */
  readonly failures: unknown[] = []

  /** Call when the conversation is open; `participants` is what `getParticipants()` gave. */
  constructor(conversation: Conversation, participants: Participant[], doc: Y.Doc) {
    this.conversation = conversation
    this.#values = conversationValues(conversation)
    for (const participant of participants) {
      this.#participants.set(participant, participantValues(participant))
    }
    this.#listen()
    doc.on('beforeAllTransactions', () => this.#forgetTransaction())
    // Views follow the document since before, so all events of the transaction are told by now.
    doc.on('afterAllTransactions', () => {
      const first = this.#atFirstEvent
      const now = first?.look()
      if (!isDeepStrictEqual(now, first?.seen)) {
        this.#try(() => expect(now, 'at the last event').toEqual(first?.seen))
      }
      this.#forgetTransaction()
    })
  }

  /** Asserts that the copy is the same as the state. */
  assert(participants: Participant[]): void {
    if (this.failures.length > 0) throw this.failures[0]
    const { identity } = this.conversation.host
    const expected = participants.map(one => [one.identity, participantValues(one)])
    const copy = participants.map(one => [one.identity, this.#participants.get(one)])
    if (!isDeepStrictEqual(copy, expected)) expect(copy, `of ${identity}`).toEqual(expected)
    expect(this.#participants.size).toBe(participants.length)
    expect(this.#values).toEqual(conversationValues(this.conversation))
  }

  #listen(): void {
    const { conversation } = this
    const hear = <A>(name: string, listener: (argument: A) => void) => {
      return (argument: A) => {
        this.counts[name] = (this.counts[name] ?? 0) + 1
        if (!this.#atFirstEvent) {
          const look = this.#lookAtAll()
          this.#atFirstEvent = { seen: look(), look }
        }
        this.#try(() => listener(argument))
      }
    }
    conversation.on(
      'participantJoined',
      hear('participantJoined', (participant: Participant) => {
        expect(this.#participants.has(participant), 'joined twice').toBe(false)
        // Of these they are told afterwards.
        const values = { ...participantValues(participant), isOnline: false, isTyping: false }
        this.#participants.set(participant, values)
      }),
    )
    conversation.on(
      'participantLeft',
      hear('participantLeft', (participant: Participant) => {
        expect(this.#participants.delete(participant), 'left, but was not there').toBe(true)
        expect(participant.isTyping).toBe(false)
      }),
    )
    conversation.on(
      'participantUpdated',
      hear('participantUpdated', ({ participant, updateReasons }) => {
        const known = this.#participants.get(participant) as Values
        expect(known, 'updated, but is not there').toBeDefined()
        this.#copy(known, participantValues(participant), updateReasons, PARTICIPANT_REASONS)
        this.#once(participant)
      }),
    )
    conversation.on(
      'updated',
      hear('updated', ({ updateReasons }) => {
        // Messages are the business of other mirrors.
        if (updateReasons[0] === 'lastMessage') return
        const values = conversationValues(conversation)
        this.#copy(this.#values, values, updateReasons, CONVERSATION_REASONS)
        this.#once(conversation)
      }),
    )
    conversation.on(
      'removed',
      hear('removed', () => expect(conversation.status).toBe('notParticipating')),
    )
    for (const [name, value, isOn] of [
      ['typingStarted', 'isTyping', true],
      ['typingEnded', 'isTyping', false],
      ['participantOnline', 'isOnline', true],
      ['participantOffline', 'isOnline', false],
    ] as const) {
      conversation.on(
        name,
        hear(name, (participant: Participant) => {
          const known = this.#participants.get(participant)
          // Of somebody who leaves, typing ends first; they are not among the participants any more.
          expect(known, `${name}, but is not there`).toBeDefined()
          // Only typing is told again while it goes on.
          if (name !== 'typingStarted') expect(known?.[value], name).toBe(!isOn)
          if (known) known[value] = isOn
        }),
      )
    }
  }

  /** The reasons must be the values that differ, all of them, in the documented order. */
  #copy(known: Values, actual: Values, reasons: string[], order: readonly string[]): void {
    const differing = order.filter(name => !isDeepStrictEqual(known[name], actual[name]))
    expect(reasons).toEqual(differing)
    expect(reasons.length).toBeGreaterThan(0)
    for (const name of reasons) known[name] = actual[name]
  }

  #once(entity: unknown): void {
    expect(this.#updated.has(entity), 'told twice of one transaction').toBe(false)
    this.#updated.add(entity)
  }

  #forgetTransaction(): void {
    this.#updated = new Set()
    this.#atFirstEvent = undefined
  }

  #lookAtAll(): () => unknown {
    const all = [...this.#participants.keys()]
    return () => [conversationValues(this.conversation), all.map(participantValues)]
  }

  #try(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.failures.push(error)
    }
  }
}
