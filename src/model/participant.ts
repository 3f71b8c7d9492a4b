import { checkArguments, json, ofType } from '../base/arguments.ts'
import { Emitter } from '../base/emitter.ts'
import { ConversationsError } from '../base/errors.ts'
import { participantSid } from '../base/ids.ts'
import { freezeJson, type JSONValue } from '../base/json.ts'
import {
  PARTICIPANT_REASONS,
  type ParticipantBindings,
  type ParticipantEntry,
  type ParticipantUpdateReason,
} from '../schema/participant-entry.ts'
import type { Conversation } from './conversation.ts'
import type { User } from './user.ts'

export type ParticipantType = 'chat' | 'sms' | 'whatsapp' | 'email' | (string & {})

export interface ParticipantUpdate<Attributes = JSONValue> {
  participant: Participant<Attributes>
  /** Which values differ from before, in a fixed order. Frozen. */
  updateReasons: ParticipantUpdateReason[]
}

export type ParticipantEvents<Attributes = JSONValue> = {
  /** Somebody else began to type, or goes on typing. */
  typingStarted: (participant: Participant<Attributes>) => void
  typingEnded: (participant: Participant<Attributes>) => void
  /** Values changed; once per transaction, when all of them are in place. */
  updated: (update: ParticipantUpdate<Attributes>) => void
}

/**
 * Somebody in a conversation: a live view, one object per participant for as long as the conversation is open.
 * After the participant has left, it keeps its last values, except for what arrives of how far they had read.
 */
export class Participant<Attributes = JSONValue> extends Emitter<ParticipantEvents<Attributes>> {
  static readonly typingStarted = 'typingStarted'
  static readonly typingEnded = 'typingEnded'
  static readonly updated = 'updated'

  readonly conversation: Conversation<Attributes>
  /** @internal */
  readonly entry: ParticipantEntry
  #sid: string | undefined
  /** Of the last update: the rest of what would be told again is made when somebody asks. */
  #lastMask = 0

  /** @internal Participants come from a conversation. */
  constructor(conversation: Conversation<Attributes>, entry: ParticipantEntry) {
    super()
    this.conversation = conversation
    this.entry = entry
  }

  /** `MB` and 32 hex digits, the same on every device. */
  get sid(): string {
    this.#sid ??= participantSid(this.conversation.sid, this.entry.key)
    return this.#sid
  }

  /** Frozen, and the same object until it changes; `{}` when none were given. */
  get attributes(): Attributes {
    return this.entry.attributes as Attributes
  }

  /** When the participant was added, by the clock of the device that did. */
  get dateCreated(): Date | null {
    return new Date(this.entry.dateCreated)
  }

  /** The newest time among all values of the participant; for display, not for ordering. */
  get dateUpdated(): Date | null {
    return new Date(this.entry.dateUpdated)
  }

  /** Null for participants who are not on chat. */
  get identity(): string | null {
    return this.entry.identity
  }

  /** Never true for oneself. */
  get isTyping(): boolean {
    return this.conversation.isTyping(this)
  }

  /** Whether a device of theirs is here: connected, with this conversation open. */
  get isOnline(): boolean {
    return this.conversation.isOnline(this)
  }

  /** Index of the last message that was read (the first has 0), or null. */
  get lastReadMessageIndex(): number | null {
    return this.entry.lastReadMessageIndex
  }

  /** When the read horizon last moved, by the clock of the device that moved it. */
  get lastReadTimestamp(): Date | null {
    const time = this.entry.lastReadTime
    return time === null ? null : new Date(time)
  }

  /** `''` where there is none. */
  get roleSid(): string {
    return this.entry.roleSid
  }

  get type(): ParticipantType {
    return this.entry.type
  }

  /** By type, for participants who are not on chat; `{}` otherwise. */
  get bindings(): ParticipantBindings {
    return this.entry.bindings
  }

  /** @throws {ConversationsError} (rejects) `unsupported` for participants who are not on chat */
  async getUser(): Promise<User> {
    const { identity, type } = this
    if (identity === null) {
      throw new ConversationsError(
        'unsupported',
        `Getting User is not supported for this Participant type: ${type}`,
      )
    }
    return this.conversation.host.getUser(identity)
  }

  /** Removes the participant from the conversation. */
  remove(): Promise<void> {
    return this.conversation.removeParticipant(this)
  }

  /**
   * Replaces the attributes. What is written is the difference to the current value, so keys (at any depth) and
   * array elements that others add at the same time stay. The value is visible at once; the promise resolves when
   * it is durable on this device.
   *
   * @throws {ConversationsError} (rejects) `invalid-argument`, `too-large`, `not-found` if they left, `read-only`, `closed`
   */
  async updateAttributes(attributes: Attributes): Promise<this> {
    checkArguments(arguments, json)
    await this.conversation.writeAttributes(this, attributes)
    return this
  }

  /**
   * Sets the role, `''` for none. An addition to the SDK, where only a server can.
   *
   * @throws {ConversationsError} (rejects) `invalid-argument`, `not-found` if they left, `read-only`, `closed`
   */
  async updateRole(roleSid: string): Promise<this> {
    checkArguments(arguments, ofType('string'))
    await this.conversation.writeRole(this, roleSid)
    return this
  }

  /** @internal */
  emitUpdated(mask: number): [ParticipantUpdate<Attributes>] {
    this.#lastMask = mask
    const args = this.#updated(mask)
    this.dispatch('updated', args)
    return args
  }

  /** @internal */
  override replayOf(event: keyof ParticipantEvents<Attributes>): unknown[] | undefined {
    if (event !== 'updated') return super.replayOf(event)
    return this.#lastMask === 0 ? undefined : this.#updated(this.#lastMask)
  }

  #updated(mask: number): [ParticipantUpdate<Attributes>] {
    return [Object.freeze({ participant: this, updateReasons: reasonsOf(mask) })]
  }
}

const reasonsByMask: ParticipantUpdateReason[][] = []

function reasonsOf(mask: number): ParticipantUpdateReason[] {
  // Frozen, as whole updates are: all listeners get the same one.
  reasonsByMask[mask] ??= freezeJson(PARTICIPANT_REASONS.filter((_, i) => mask & (1 << i)))
  return reasonsByMask[mask]
}
