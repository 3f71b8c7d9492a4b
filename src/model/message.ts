import { anyOf, checkArguments, json, literal, ofType } from '../base/arguments.ts'
import { Emitter } from '../base/emitter.ts'
import { ConversationsError } from '../base/errors.ts'
import { mediaSid, messageSid, participantSid } from '../base/ids.ts'
import { freezeJson, type JSONValue } from '../base/json.ts'
import { parseParticipantKey } from '../schema/format.ts'
import type { MediaRecord } from '../schema/messages/media-record.ts'
import {
  MESSAGE_REASONS,
  type MessageEntry,
  type MessageUpdateReason,
} from '../schema/messages/message-entry.ts'
import type { Conversation } from './conversation.ts'
import type { ConversationMessages } from './conversation-messages.ts'
import { Media } from './media.ts'
import type { Participant } from './participant.ts'

/** `sent`: it has its final index, and is in the log for everybody. `pending`: its index is provisional. */
export type DeliveryState = 'pending' | 'sent'

export interface MessageUpdate {
  message: Message
  /** Which values differ from before, in a fixed order. Frozen. */
  updateReasons: MessageUpdateReason[]
}

export type MessageEvents = {
  /** Values changed; once per transaction, when all of them are in place. */
  updated: (update: MessageUpdate) => void
}

/**
 * A message: a live view, one object per message for as long as somebody holds it. Those on pages of the log that
 * nobody has asked for lately keep their last values.
 */
export class Message extends Emitter<MessageEvents> {
  static readonly updated = 'updated'

  readonly conversation: Conversation
  /** @internal */
  readonly entry: MessageEntry
  readonly #messages: ConversationMessages
  #sid: string | undefined
  #media: { records: readonly MediaRecord[]; views: Media[] } | undefined

  /** @internal Messages come from a conversation. */
  constructor(conversation: Conversation, messages: ConversationMessages, entry: MessageEntry) {
    super()
    this.conversation = conversation
    this.#messages = messages
    this.entry = entry
  }

  /** `IM` and 32 hex digits, the same on every device, pending or sent. */
  get sid(): string {
    this.#sid ??= messageSid(this.conversation.sid, this.entry.key)
    return this.#sid
  }

  /**
   * Its place among the messages, from 0. Final, dense and strictly increasing once it is `sent`; before that it is where it
   * would be if nothing else came.
   */
  get index(): number {
    return this.entry.index
  }

  get deliveryState(): DeliveryState {
    return this.entry.isFinal ? 'sent' : 'pending'
  }

  /** Identity of who wrote it. */
  get author(): string | null {
    return nameOf(this.entry.author)
  }

  get subject(): string | null {
    return this.entry.content?.subject ?? null
  }

  /** Null where there is none, and once it is removed. */
  get body(): string | null {
    return this.entry.content?.body ?? null
  }

  get type(): 'text' | 'media' {
    return this.#records.length > 0 ? 'media' : 'text'
  }

  /** When it was written, by its author's clock. */
  get dateCreated(): Date | null {
    return new Date(this.entry.time)
  }

  /** When it was written or last changed, by the clock of who did; for display, not for ordering. */
  get dateUpdated(): Date | null {
    return new Date(this.entry.dateUpdated)
  }

  /** Identity of who changed it last, or null. */
  get lastUpdatedBy(): string | null {
    const by = this.entry.edits?.by
    return by === undefined ? null : nameOf(by)
  }

  /** Frozen, and the same object until it changes; `{}` when none were given. */
  get attributes(): JSONValue {
    return this.entry.attributes
  }

  /** Sid that its author has, or had, as a participant. */
  get participantSid(): string {
    return participantSid(this.conversation.sid, this.entry.author)
  }

  /** Empty where nothing is attached. The same objects for as long as the message is held. */
  get attachedMedia(): Media[] {
    const records = this.#records
    if (this.#media?.records !== records) {
      const load = (hash: string) => this.conversation.host.media.get(hash)
      const views = records.map((one, i) => new Media(mediaSid(this.sid, i), one, load))
      this.#media = { records, views }
    }
    return [...this.#media.views]
  }

  /** @deprecated As `attachedMedia[0]`. */
  get media(): Media | null {
    return this.attachedMedia[0] ?? null
  }

  /** Whether this user has read it; own messages are. */
  get isRead(): boolean {
    return this.conversation.isRead(this)
  }

  /** Which others have read it, by their read horizons. */
  get readBy(): Participant[] {
    return this.#messages.readersOf(this.entry)
  }

  /** @throws {ConversationsError} (rejects) `not-found` if they left */
  async getParticipant(): Promise<Participant> {
    const participant = this.#messages.authorOf(this.entry)
    if (participant) return participant
    throw new ConversationsError(
      'not-found',
      `Participant with SID '${this.participantSid}' or identity '${this.author}' was not found`,
    )
  }

  /**
   * Visible here at once; the promise resolves when it is durable on this device.
   *
   * @throws {ConversationsError} (rejects) `invalid-argument`, `too-large`, `not-found` if it was removed,
   *   `not-a-participant`, `read-only`, `closed`
   */
  async updateBody(body: string | null): Promise<this> {
    checkArguments(arguments, anyOf(ofType('string'), literal(null)))
    await this.#messages.updateBody(this.entry, body)
    return this
  }

  /**
   * Replaces the attributes. What is written is the difference to the current value, so what others add at the same time
   * stays: two people's reactions both count.
   *
   * @throws {ConversationsError} (rejects) as `updateBody`
   */
  async updateAttributes(attributes: JSONValue): Promise<this> {
    checkArguments(arguments, json)
    await this.#messages.updateAttributes(this.entry, attributes)
    return this
  }

  /**
   * Removes it for everybody; its index stays taken.
   *
   * @throws {ConversationsError} (rejects) as `updateBody`
   */
  async remove(): Promise<this> {
    await this.#messages.remove(this.entry)
    return this
  }

  /** @internal */
  emitUpdated(mask: number): [MessageUpdate] {
    const updateReasons = freezeJson(MESSAGE_REASONS.filter((_, i) => mask & (1 << i)))
    const args: [MessageUpdate] = [Object.freeze({ message: this, updateReasons })]
    this.emitAll('updated', args)
    return args
  }

  get #records(): readonly MediaRecord[] {
    return this.entry.content?.media ?? []
  }
}

function nameOf(key: string): string | null {
  const parsed = parseParticipantKey(key)
  return parsed && 'address' in parsed ? parsed.address : (parsed?.identity ?? null)
}
