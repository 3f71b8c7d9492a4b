import type { ConversationChanges } from '../schema/conversation-document.ts'
import { type ParticipantEntry, REASON_BIT } from '../schema/participant-entry.ts'
import type { Conversation } from './conversation.ts'
import { Participant } from './participant.ts'

/** The participants of a conversation: one object for each, made when somebody first looks. */
export class Roster<Attributes> {
  readonly #conversation: Conversation<Attributes>
  readonly #entries: ReadonlyMap<string, ParticipantEntry>
  #present: Participant<Attributes>[] | undefined

  constructor(
    conversation: Conversation<Attributes>,
    entries: ReadonlyMap<string, ParticipantEntry>,
  ) {
    this.#conversation = conversation
    this.#entries = entries
  }

  /** Those who are there, the first who came first; the array is reused until somebody comes or goes. */
  get present(): readonly Participant<Attributes>[] {
    this.#present ??= [...this.#entries.values()]
      .filter(entry => entry.isPresent)
      .sort((a, b) => a.dateCreated - b.dateCreated || (a.key < b.key ? -1 : 1))
      .map(entry => this.view(entry))
    return this.#present
  }

  byKey(key: string): Participant<Attributes> | undefined {
    const entry = this.#entries.get(key)
    return entry?.isPresent ? this.view(entry) : undefined
  }

  bySid(sid: string): Participant<Attributes> | undefined {
    return this.present.find(participant => participant.sid === sid)
  }

  view(entry: ParticipantEntry): Participant<Attributes> {
    entry.view ??= new Participant(this.#conversation, entry)
    return entry.view as Participant<Attributes>
  }

  /** Call before anybody is told of the changes. */
  take({ joined, left, updated }: ConversationChanges): void {
    const isOrdered = joined.length === 0 && left.length === 0
    // The order only depends on dates that hardly ever change.
    if (!isOrdered || updated.some(([, mask]) => mask & REASON_BIT.dateCreated))
      this.#present = undefined
  }
}
