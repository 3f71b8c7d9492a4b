import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  anyOf,
  checkArguments,
  checkText,
  instanceOf,
  json,
  literal,
  nonEmptyString,
  nonNegativeInteger,
  ofType,
  optionalJson,
  optionalObject,
  positiveInteger,
  type Rule,
  shorten,
} from '../base/arguments.ts'
import { Emitter } from '../base/emitter.ts'
import { ConversationsError } from '../base/errors.ts'
import { isObject, type JSONValue } from '../base/json.ts'
import { keepPromise } from '../base/keep-promise.ts'
import type { ConversationDocument } from '../schema/conversation-document.ts'
import { chatKey, nonChatKey } from '../schema/format.ts'
import type { Reach } from '../schema/horizon.ts'
import type { ParticipantEntry } from '../schema/participant-entry.ts'
import type { ParticipantBinding } from '../schema/participant-record.ts'
import { PERMISSIONS, type Permission } from '../schema/permissions.ts'
import type { ConnectionStatus } from '../sync/status.ts'
import { checkAttributes } from './attributes-schema.ts'
import { ConversationCore } from './conversation-core.ts'
import type { ConversationEvents } from './conversation-events.ts'
import type { LastMessage } from './conversation-messages.ts'
import type { ConversationOptions } from './conversation-options.ts'
import type { ConversationStatus } from './conversation-state.ts'
import type { Host } from './host.ts'
import { mediaRules, type SendMediaOptions } from './media-input.ts'
import { Message } from './message.ts'
import { MessageBuilder } from './message-builder.ts'
import type { Paginator } from './paginator.ts'
import { Participant } from './participant.ts'
import { type ParticipantResponse, toParticipantResponse } from './participant-response.ts'

/** How a participant who is not on chat appears in an e-mail. */
export interface ParticipantBindingOptions {
  email?: { name?: string; level?: 'to' | 'cc' }
}

/**
 * A conversation and its participants: a live view of one document. Everything reads and writes with no network.
 * Writes are visible at once; their promises resolve when they are durable on this device.
 *
 * Every method may reject with a `ConversationsError`: `invalid-argument`, `too-large`, `closed`, `read-only`, `forbidden`.
 * Then nothing was written.
 */
export class Conversation<Attributes = JSONValue> extends Emitter<ConversationEvents<Attributes>> {
  static readonly participantJoined = 'participantJoined'
  static readonly participantLeft = 'participantLeft'
  static readonly participantUpdated = 'participantUpdated'
  static readonly typingStarted = 'typingStarted'
  static readonly typingEnded = 'typingEnded'
  static readonly messageAdded = 'messageAdded'
  static readonly messageUpdated = 'messageUpdated'
  static readonly messageRemoved = 'messageRemoved'
  static readonly unreadCountChanged = 'unreadCountChanged'
  static readonly updated = 'updated'
  static readonly removed = 'removed'

  /** `CH` and 32 hex digits, the same on every device for the same name. */
  readonly sid: string
  /** @internal */
  readonly host: Host
  readonly #schema: StandardSchemaV1 | undefined
  readonly #core: ConversationCore<Attributes>
  #whenClosed: Promise<void> | undefined

  /** @internal Conversations come from a client. */
  constructor(
    host: Host,
    sid: string,
    uniqueName: string | null,
    options: ConversationOptions<Attributes>,
  ) {
    super()
    this.host = host
    this.sid = sid
    this.#schema = options.participantAttributes
    this.#core = new ConversationCore(this, host, uniqueName, options)
  }

  /** @internal Resolves when what this device has is loaded. */
  open(): Promise<void> {
    return this.#core.open()
  }

  /**
   * Leaves the document; what was written before is durable when it resolves. The participant stays one. Nothing more
   * is told from now on, but that the connection ends, and errors.
   */
  close(): Promise<void> {
    if (this.#whenClosed) return this.#whenClosed
    const keep = (promise: Promise<void>) => {
      this.#whenClosed = promise
    }
    return keepPromise(keep, () => this.#core.close().then(() => this.host.onClosed(this)))
  }

  /** @internal */
  get isClosing(): boolean {
    return this.#whenClosed !== undefined
  }

  get uniqueName(): string | null {
    return this.#core.state.uniqueName
  }

  get friendlyName(): string | null {
    return this.#core.state.friendlyName
  }

  /** Frozen, and the same object until it changes. */
  get attributes(): JSONValue {
    return this.#core.state.attributes
  }

  /** Identity of who created it. */
  get createdBy(): string {
    return this.#core.state.createdBy
  }

  get dateCreated(): Date | null {
    return new Date(this.#core.state.dateCreated)
  }

  get dateUpdated(): Date | null {
    return new Date(this.#core.state.dateUpdated)
  }

  /** Whether this user is a participant. */
  get status(): ConversationStatus {
    return this.#core.state.status
  }

  /** This user's own read horizon: index of the last message read (the first has 0), or null. */
  get lastReadMessageIndex(): number | null {
    return this.#core.state.lastReadMessageIndex
  }

  /**
   * How many messages of others this user has not read: exact, offline too, and kept up to date
   * (`unreadCountChanged`). All of them if nothing was read yet; 0 for who is no participant.
   */
  get unreadCount(): number {
    return this.#core.messages.unreadCount
  }

  /** Index and date of the last message; undefined where there is none. */
  get lastMessage(): LastMessage | undefined {
    return this.#core.messages.lastMessage
  }

  get connectionStatus(): ConnectionStatus {
    return this.#core.session.status
  }

  /** Whether everything about participants was exchanged with peers since connecting. */
  get isSynced(): boolean {
    return this.#core.session.isSynced
  }

  /**
   * Whether a server keeps everything that was written here, messages too, so that it survives this device: false from
   * a write on until it is acknowledged as durable, also without a connection. Undefined as long as no server has said
   * anything: since this conversation was opened none was reached, or it is of a kind that does not say.
   */
  get isSaved(): boolean | undefined {
    return this.#core.isSaved
  }

  /**
   * Whether this user may do something here, as far as it is known: true where nobody says what roles may do. For showing
   * and hiding buttons; methods reject with `forbidden` by the same rule, and a server has the last word.
   *
   * @throws {ConversationsError} `invalid-argument`
   */
  isPermitted(permission: Permission): boolean {
    checkArguments([permission], literal(...PERMISSIONS))
    return this.#core.isPermitted(permission)
  }

  /** The document is of a newer format than this version writes. */
  get isReadOnly(): boolean {
    return this.#core.document.isReadOnly
  }

  async getAttributes(): Promise<JSONValue> {
    return this.attributes
  }

  /** Replaces the conversation's attributes; merges as those of participants do. */
  async updateAttributes(attributes: JSONValue): Promise<this> {
    checkArguments(arguments, json)
    const next = checkAttributes(attributes, undefined, this.host.limits.attributesBytes)
    const write = (document: ConversationDocument) => document.setAttributes(next, this.#now())
    await this.#write(write, 'editConversation')
    return this
  }

  async updateFriendlyName(friendlyName: string): Promise<this> {
    checkArguments(arguments, ofType('string'))
    return this.#setText('friendlyName', friendlyName)
  }

  /** The sid stays, and so does the name that opens the conversation. */
  async updateUniqueName(uniqueName: string | null): Promise<this> {
    checkArguments(arguments, anyOf(ofType('string'), literal(null)))
    return this.#setText('uniqueName', uniqueName ?? '')
  }

  /** Becomes a participant; nothing happens if this user is one already. */
  async join(attributes?: Attributes): Promise<this> {
    checkArguments(arguments, optionalJson)
    await this.#add(chatKey(this.host.identity), attributes, undefined)
    return this
  }

  /** Stops being a participant; nothing happens if this user is none. */
  async leave(): Promise<this> {
    this.#core.assertOpen()
    const { me } = this.#core
    // Afterwards a server may refuse it.
    this.#core.flushHorizon()
    if (me.isPresent) await this.#write(document => document.removeParticipant(me))
    else await this.#core.session.flush()
    return this
  }

  /** Adds a user; resolves to the participant there is if they are one already. */
  async add(identity: string, attributes?: Attributes): Promise<ParticipantResponse> {
    checkArguments(arguments, nonEmptyString, optionalJson)
    this.#checkName(identity, 'identity')
    return this.#add(chatKey(identity), attributes, undefined)
  }

  /**
   * Adds somebody who is reached at an address: `whatsapp:…` over WhatsApp, an e-mail address by e-mail, anything
   * else by SMS. Delivering to them is a matter of a bridge on a server.
   */
  async addNonChatParticipant(
    proxyAddress: string,
    address: string,
    attributes?: Attributes,
    bindingOptions?: ParticipantBindingOptions,
  ): Promise<ParticipantResponse> {
    checkArguments(arguments, nonEmptyString, nonEmptyString, optionalJson, bindingRule)
    checkArguments([proxyAddress, address], addressRule, addressRule)
    this.#checkName(proxyAddress, 'proxyAddress')
    this.#checkName(address, 'address')
    const type = typeOfAddress(address)
    const binding: ParticipantBinding = { address, proxyAddress }
    if (type === 'email') {
      const { name, level = 'to' } = bindingOptions?.email ?? {}
      if (name !== undefined) this.#checkName(name, 'name')
      Object.assign(binding, name === undefined ? { level } : { name, level })
    }
    return this.#add(nonChatKey(type, address), attributes, binding)
  }

  /** @param participant a participant, or an identity or sid of one */
  async removeParticipant(participant: Participant<Attributes> | string): Promise<void> {
    checkArguments(arguments, anyOf(nonEmptyString, instanceOf(Participant)))
    const { roster } = this.#core
    const found =
      typeof participant === 'string'
        ? (roster.byKey(chatKey(participant)) ?? roster.bySid(participant))
        : participant
    if (!found) throw notFound(`Participant ${shorten(String(participant))} was not found`)
    const entry = this.#entryOf(found)
    const permission = entry === this.#core.me ? undefined : 'removeParticipant'
    await this.#write(document => document.removeParticipant(entry), permission)
  }

  async getParticipants(): Promise<Participant<Attributes>[]> {
    return [...this.#core.roster.present]
  }

  async getParticipantsCount(): Promise<number> {
    return this.#core.roster.present.length
  }

  /** @throws {ConversationsError} (rejects) `not-found` */
  async getParticipantBySid(participantSid: string): Promise<Participant<Attributes> | null> {
    checkArguments(arguments, nonEmptyString)
    const participant = this.#core.roster.bySid(participantSid)
    if (!participant)
      throw notFound(`Participant with SID ${shorten(participantSid)} was not found`)
    return participant
  }

  /** @throws {ConversationsError} (rejects) `not-found` */
  async getParticipantByIdentity(
    identity?: string | null,
  ): Promise<Participant<Attributes> | null> {
    checkArguments(arguments.length === 0 ? [undefined] : arguments, nonEmptyString)
    const participant = this.#core.roster.byKey(chatKey(identity as string))
    if (!participant)
      throw notFound(`Participant with identity ${shorten(String(identity))} was not found`)
    return participant
  }

  /**
   * Sends a message. It is there at once (`messageAdded`), offline too, and stays through a reload; where it gets its final
   * index from can be reached later.
   *
   * @param message the body; or an attachment, as a form with one file or as media options
   * @returns the index: final if what gives it can be reached within `sendTimeoutMs`, or else a provisional one
   * @throws {ConversationsError} (rejects) `not-a-participant`
   */
  async sendMessage(
    message: string | null | FormData | SendMediaOptions,
    messageAttributes?: JSONValue,
    emailOptions?: { subject?: string },
  ): Promise<number> {
    const text = anyOf(ofType('string'), literal(null), ...mediaRules)
    checkArguments(arguments, text, optionalJson, optionalObject)
    const subject = emailOptions?.subject ?? null
    checkArguments([subject], anyOf(ofType('string'), literal(null)))
    const isText = message === null || typeof message === 'string'
    return this.#core.messages.send({
      body: isText ? message : null,
      subject,
      attributes: messageAttributes,
      media: isText ? [] : [message],
    })
  }

  /** Puts a message together step by step, with a subject and several attachments. */
  prepareMessage(): MessageBuilder {
    return new MessageBuilder(draft => this.#core.messages.send(draft))
  }

  /**
   * Messages in ascending order; pending ones are behind the others. Those of older pages come from the network if they are
   * not on this device; what cannot be had now is not waited for.
   *
   * @param pageSize how many there are on a page of the paginator, at most. Default 30.
   * @param anchor index of the last one, or of the first one if `direction` is `forward`. Default: the end.
   */
  async getMessages(
    pageSize?: number,
    anchor?: number | 'end',
    direction?: 'backwards' | 'forward',
  ): Promise<Paginator<Message>> {
    const [size = 30, from = 'end', way = 'backwards'] = [pageSize, anchor, direction]
    checkArguments(arguments.length > 3 ? arguments : [size, from, way], ...pageRules)
    this.#core.assertOpen()
    const { messages } = this.#core
    await messages.whenReadable()
    const index = from === 'end' ? messages.length - 1 : from
    return way === 'forward'
      ? messages.reader.from(Math.max(0, index), size)
      : messages.reader.upTo(index, size)
  }

  /** How many messages there are, pending ones included and removed ones not. */
  async getMessagesCount(): Promise<number> {
    return this.#core.messages.count
  }

  /** @returns the count of unread messages as `unreadCount`; null where this user has read nothing yet */
  async getUnreadMessagesCount(): Promise<number | null> {
    this.#core.assertOpen()
    this.#core.requireMe()
    const { reading } = this.#core.messages
    await reading.whenCounted()
    return reading.hasHorizon ? reading.unreadCount : null
  }

  /** Whether this user has read a message; own ones are read. */
  isRead(message: Message): boolean {
    checkArguments([message], instanceOf(Message))
    return this.#core.messages.reading.isRead(message.entry)
  }

  /**
   * Moves the own read horizon forward to `index`; never back, whatever other devices do at the same time, and never beyond
   * the messages that are there.
   *
   * Writes are coalesced to one per second: the horizon moves at once, and the promise resolves when it is durable,
   * at the latest after that second. (`horizonIntervalMs` of the client sets another.)
   *
   * @returns the count of unread messages
   * @throws {ConversationsError} (rejects) `not-a-participant`
   */
  async advanceLastReadMessageIndex(index: number): Promise<number> {
    checkArguments(arguments, nonNegativeInteger)
    await this.#advance(index)
    return this.unreadCount
  }

  /**
   * Sets the own read horizon to `index`, back too; null = nothing read. Going back is never lost to another
   * device that moves forward without having seen it.
   *
   * @returns the count of unread messages; null where nothing is read
   * @throws {ConversationsError} (rejects) `not-a-participant`
   */
  async updateLastReadMessageIndex(index: number | null): Promise<number | null> {
    checkArguments(arguments, anyOf(literal(null), nonNegativeInteger))
    const { reading } = this.#core.messages
    if (index !== null && !reading.isBack(index)) await this.#advance(index)
    else {
      const me = this.#core.requireMe()
      const reach = index === null ? { index: -1 } : reading.reachUpTo(index)
      const isNothing = index === null && !reading.hasHorizon
      await this.#write(document => {
        if (!isNothing) document.rewindHorizon(me, reach, this.#now())
      })
      await reading.whenCounted()
    }
    return reading.hasHorizon ? this.unreadCount : null
  }

  /**
   * Moves the own read horizon to the last message that is here, if there is one.
   *
   * @returns the count of unread messages
   * @throws {ConversationsError} (rejects) `not-a-participant`
   */
  async setAllMessagesRead(): Promise<number> {
    this.#core.assertOpen()
    this.#core.requireMe()
    const { messages } = this.#core
    if (messages.length > 0) await this.#advanceTo(messages.reading.reachOfAll())
    return this.unreadCount
  }

  /** @returns null: without a read horizon there is no count */
  setAllMessagesUnread(): Promise<number | null> {
    return this.updateLastReadMessageIndex(null)
  }

  /**
   * Tells others that this user types. Call it as often as keys are pressed; it is sent once in five seconds.
   *
   * @throws {ConversationsError} (rejects) `not-a-participant`
   */
  async typing(): Promise<void> {
    this.#core.assertOpen()
    this.#core.requireMe()
    this.#core.presence.typing.refresh()
  }

  /** Connects, after `disconnect()` or when the status is `denied`. */
  connect(): void {
    this.#core.messages.channels.connect()
  }

  /** Cuts the network; tabs of this device stay joined unless `tabs` is set. */
  disconnect(options?: { tabs?: boolean }): void {
    this.#core.messages.channels.disconnect(options)
  }

  /** @internal */
  isTyping({ entry }: Participant<Attributes>): boolean {
    const { identity } = entry
    return (
      identity !== null &&
      identity !== this.host.identity &&
      entry.isPresent &&
      this.#core.presence.peers.isTyping(identity)
    )
  }

  /** @internal */
  isOnline({ identity }: Participant<Attributes>): boolean {
    if (identity === null) return false
    const isMe = identity === this.host.identity && this.connectionStatus === 'connected'
    return isMe || this.#core.presence.peers.isOnline(identity)
  }

  /** @internal */
  async writeAttributes(
    participant: Participant<Attributes>,
    attributes: Attributes,
  ): Promise<void> {
    const next = checkAttributes(attributes, this.#schema, this.host.limits.attributesBytes)
    const entry = this.#entryOf(participant)
    const write = (document: ConversationDocument) =>
      document.setParticipantAttributes(entry, next, this.#now())
    await this.#write(write, entry === this.#core.me ? undefined : 'editParticipant')
  }

  /** @internal */
  async writeRole(participant: Participant<Attributes>, roleSid: string): Promise<void> {
    this.#checkName(roleSid, 'roleSid')
    const entry = this.#entryOf(participant)
    await this.#write(document => document.setRole(entry, roleSid, this.#now()), 'changeRole')
  }

  async #setText(field: 'friendlyName' | 'uniqueName', text: string): Promise<this> {
    this.#checkName(text, field)
    await this.#write(document => {
      if ((this[field] ?? '') !== text) document.whole.setField(field, text, this.#now())
    }, 'editConversation')
    return this
  }

  async #add(
    key: string,
    attributes: Attributes | undefined,
    binding: ParticipantBinding | undefined,
  ): Promise<ParticipantResponse> {
    // A schema may ask for attributes, or have defaults.
    const given = attributes === undefined && this.#schema ? {} : attributes
    const next =
      given === undefined
        ? undefined
        : checkAttributes(given, this.#schema, this.host.limits.attributesBytes)
    this.#core.assertOpen()
    if (!this.#core.roster.byKey(key)) {
      const incarnation = Math.floor(this.host.random() * 2 ** 31)
      const write = (document: ConversationDocument) =>
        document.addParticipant(key, next, binding, this.#now(), incarnation)
      await this.#write(write, key === this.#core.me.key ? 'join' : 'addParticipant')
    } else await this.#core.session.flush()
    return toParticipantResponse(this.#core.roster.view(this.#core.document.entry(key)))
  }

  async #advance(index: number): Promise<void> {
    await this.#advanceTo(this.#core.messages.reading.reachUpTo(index))
  }

  async #advanceTo(reach: Reach): Promise<void> {
    const { session } = this.#core
    while (session.whenRecovered) await session.whenRecovered
    const me = this.#core.requireMe()
    this.#core.assertWritable()
    await this.#core.writeHorizon(this.#core.document.advanceHorizon(me, reach, this.#now()))
    await this.#core.messages.reading.whenCounted()
  }

  #write(write: (document: ConversationDocument) => void, permission?: Permission): Promise<void> {
    return this.#core.write(write, permission)
  }

  #entryOf({ entry, conversation, sid }: Participant<Attributes>): ParticipantEntry {
    if (conversation === this && entry.isPresent) return entry
    throw notFound(`Participant with SID ${sid} was not found`)
  }

  #checkName(text: string, what: string): void {
    checkText(text, what, this.host.limits.textLength)
  }

  #now(): number {
    return this.host.clock.now()
  }
}

const pageRules = [
  positiveInteger,
  anyOf(nonNegativeInteger, literal('end')),
  literal('backwards', 'forward'),
]

const addressRule: Rule = {
  accepts: value => value !== 'whatsapp:',
  expected: 'an address behind "whatsapp:"',
}

const bindingRule: Rule = {
  accepts: (options = {}) => {
    if (!isObject(options)) return false
    const { email = {} } = options
    if (!isObject(email)) return false
    const { name = '', level = 'to' } = email
    return typeof name === 'string' && (level === 'to' || level === 'cc')
  },
  expected: 'an optional { email?: { name?: string; level?: "to" | "cc" } }',
}

function typeOfAddress(address: string): 'whatsapp' | 'email' | 'sms' {
  if (address.startsWith('whatsapp:')) return 'whatsapp'
  return /^[^\s@]+@[^\s@]+$/.test(address) ? 'email' : 'sms'
}

function notFound(message: string): ConversationsError {
  return new ConversationsError('not-found', message)
}
