import { checkArguments, checkText, nonEmptyString, optionalObject } from '../base/arguments.ts'
import { systemClock } from '../base/clock.ts'
import { Emitter } from '../base/emitter.ts'
import { ConversationsError } from '../base/errors.ts'
import { conversationSid } from '../base/ids.ts'
import type { JSONValue } from '../base/json.ts'
import { Conversation } from '../model/conversation.ts'
import type { SharedEvents } from '../model/conversation-events.ts'
import { type ConversationOptions, readOptions } from '../model/conversation-options.ts'
import type { Host } from '../model/host.ts'
import type { RefusedConversationWrite, RefusedUserWrite } from '../model/refused-write.ts'
import { User, type UserUpdate } from '../model/user.ts'
import { readRolePermissions } from '../schema/permissions.ts'
import { MediaLibrary } from '../sync/media/media-library.ts'
import { memoryMedia } from '../sync/media/memory-media.ts'
import type { Persistence, Transport } from '../sync/provider.ts'
import { Session, type SessionOptions } from '../sync/session.ts'
import { type ConnectionStatus, worstOf } from '../sync/status.ts'
import { type ClientOptions, DEFAULT_LIMITS, DEFAULT_TIMINGS } from './options.ts'

export type ClientEvents = SharedEvents & {
  userUpdated: (update: UserUpdate) => void
  connectionStatusChanged: (status: ConnectionStatus) => void
  /** A server has refused for good something that was written here: see the conversation's event. */
  writeRefused: (refused: RefusedConversationWrite | RefusedUserWrite) => void
  /** Trouble with storage or network of any document; nothing an app has written is undone by it. */
  error: (error: ConversationsError) => void
}

/** One user on one device. */
export class Client extends Emitter<ClientEvents> {
  readonly identity: string
  readonly #persistence: Persistence | undefined
  readonly #transports: readonly Transport[]
  readonly #host: Host
  readonly #media: MediaLibrary
  readonly #sessions = new Set<Session>()
  readonly #conversations = new Map<
    string,
    { conversation: Conversation; options: ConversationOptions<never>; whenOpen: Promise<void> }
  >()
  readonly #users = new Map<string, User>()
  /** Where an identity is online: in which conversations. */
  readonly #online = new Map<string, Set<object>>()
  #connectionStatus: ConnectionStatus = 'disconnected'
  #isConnectionWanted = true
  #isClosed = false

  /** @throws {ConversationsError} `invalid-argument`, `too-large` */
  constructor(options: ClientOptions) {
    super()
    checkArguments([options?.identity], nonEmptyString)
    const limits = readNumbers(DEFAULT_LIMITS, options.limits)
    checkText(options.identity, 'identity', limits.textLength)
    const timings = readNumbers(DEFAULT_TIMINGS, options)
    if (timings.typingWindowMs >= timings.typingTimeoutMs) {
      throw new ConversationsError(
        'invalid-argument',
        'typingWindowMs must be less than typingTimeoutMs',
      )
    }
    this.identity = options.identity
    this.#persistence = options.persistence ?? undefined
    this.#transports = [options.transport ?? []].flat()
    const { clock = systemClock, random = Math.random, media } = options
    this.#media = new MediaLibrary({
      local: media?.local ?? memoryMedia(),
      remote: media?.remote,
      onError: error => this.emit('error', error),
      clock,
      random,
    })
    this.#media.connect()
    const permissions = readRolePermissions(options.permissions)
    if (!permissions && options.permissions !== undefined) {
      throw new ConversationsError(
        'invalid-argument',
        'permissions must be lists of permissions by role',
      )
    }
    this.#host = this.#createHost({ clock, random, limits, timings, permissions })
  }

  /** The worst status of all open documents. */
  get connectionStatus(): ConnectionStatus {
    return this.#connectionStatus
  }

  /**
   * This client's own user; its document is opened when it is first asked for.
   *
   * @throws {ConversationsError} `closed`
   */
  get user(): User {
    return this.#openUser(this.identity)
  }

  /**
   * Opens a conversation by name, or by sid; creates it if nobody has. It is there as soon as this device has loaded
   * what it knows, without waiting for the network. The same name gives the same object until it is closed; options that
   * are given again must be the same ones.
   *
   * @throws {ConversationsError} (rejects) `invalid-argument`, `too-large`, `closed`, `duplicate-yjs`
   */
  async openConversation<Attributes = JSONValue>(
    name: string,
    options: ConversationOptions<Attributes> = {},
  ): Promise<Conversation<Attributes>> {
    checkArguments([name, options], nonEmptyString, optionalObject)
    checkText(name, 'name', this.#host.limits.textLength)
    const used = readOptions(options) as ConversationOptions<never>
    this.#assertOpen()
    const sid = conversationSid(name)
    // Two at a time of one document would be two tabs.
    while (this.#conversations.get(sid)?.conversation.isClosing) {
      await this.#conversations.get(sid)?.conversation.close()
      this.#assertOpen()
    }
    let known = this.#conversations.get(sid)
    if (!known) {
      const conversation = new Conversation(this.#host, sid, name === sid ? null : name, used)
      known = { conversation, options: used, whenOpen: this.#open(conversation) }
      this.#conversations.set(sid, known)
    }
    for (const [key, value] of Object.entries(used)) {
      if (value === undefined || value === known.options[key as keyof ConversationOptions]) continue
      throw new ConversationsError(
        'invalid-argument',
        `The conversation is open with another ${key}; close it first`,
      )
    }
    await known.whenOpen
    return known.conversation as unknown as Conversation<Attributes>
  }

  /**
   * A user; the same object for the same identity.
   *
   * @throws {ConversationsError} (rejects) `invalid-argument`, `too-large`, `closed`
   */
  async getUser(identity: string): Promise<User> {
    checkArguments(arguments, nonEmptyString)
    checkText(identity, 'identity', this.#host.limits.textLength)
    this.#assertOpen()
    const user = this.#openUser(identity)
    await user.whenLoaded
    return user
  }

  /** Connects all documents, after `disconnect()` or when the status is `denied`. */
  connect(): void {
    this.#isConnectionWanted = true
    this.#media.connect()
    for (const session of this.#sessions) session.connect()
  }

  /** Cuts the network; tabs of this device stay joined unless `tabs` is set. */
  disconnect(options?: { tabs?: boolean }): void {
    this.#isConnectionWanted = false
    this.#media.disconnect()
    for (const session of this.#sessions) session.disconnect(options)
  }

  /** Closes everything; what was written before is durable when it resolves. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([
      ...[...this.#conversations.values()].map(({ conversation }) => conversation.close()),
      ...[...this.#users.values()].map(user => user.close()),
    ])
    this.#media.close()
    this.#onStatus()
  }

  async #open(conversation: Conversation): Promise<void> {
    try {
      await conversation.open()
    } catch (error) {
      await conversation.close()
      throw error
    }
  }

  #openUser(identity: string): User {
    let user = this.#users.get(identity)
    if (!user) {
      this.#assertOpen()
      user = new User(this.#host, identity)
      this.#users.set(identity, user)
      user.setOnline(this.#isOnline(identity))
    }
    return user
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new ConversationsError('closed', 'The client is closed; create another')
  }

  #createSession(options: Omit<SessionOptions, 'persistence' | 'transports'>): Session {
    const session = new Session({
      ...options,
      owner: this.identity,
      persistence: this.#persistence,
      transports: this.#transports,
      isConnectionWanted: () => this.#isConnectionWanted,
      clock: this.#host.clock,
    })
    this.#sessions.add(session)
    session.once('destroyed', () => {
      this.#sessions.delete(session)
      this.#onStatus()
    })
    return session
  }

  /** Of the documents that are loaded. */
  #statuses(): ConnectionStatus[] {
    return [...this.#sessions]
      .filter(({ isActive, isSecondary }) => isActive && !isSecondary)
      .map(({ status }) => status)
  }

  #onStatus(): void {
    const status = worstOf(this.#statuses())
    if (status !== this.#connectionStatus) {
      this.#connectionStatus = status
      if (status === 'connected') this.#media.connect()
      this.emit('connectionStatusChanged', status)
    }
    this.#users.get(this.identity)?.setOnline(this.#isOnline(this.identity))
  }

  #onPresence(source: object, identity: string, isOnline: boolean): void {
    const sources = this.#online.get(identity) ?? new Set()
    if (isOnline) this.#online.set(identity, sources.add(source))
    else sources.delete(source)
    if (sources.size === 0) this.#online.delete(identity)
    this.#users.get(identity)?.setOnline(this.#isOnline(identity))
  }

  #isOnline(identity: string): boolean {
    const isMe = identity === this.identity && this.#statuses().includes('connected')
    return isMe || this.#online.has(identity)
  }

  #createHost(
    settings: Pick<Host, 'clock' | 'random' | 'limits' | 'timings' | 'permissions'>,
  ): Host {
    return {
      identity: this.identity,
      ...settings,
      media: this.#media,
      createSession: options => this.#createSession(options),
      getUser: identity => this.getUser(identity),
      tell: (event, args) => this.emitAll(event as 'error', args as [ConversationsError]),
      onPresence: (source, identity, isOnline) => this.#onPresence(source, identity, isOnline),
      onStatus: () => this.#onStatus(),
      onClosed: conversation => {
        const { sid } = conversation as Conversation
        if (this.#conversations.get(sid)?.conversation === conversation)
          this.#conversations.delete(sid)
        for (const identity of this.#online.keys()) this.#onPresence(conversation, identity, false)
      },
    }
  }
}

function readNumbers<T extends object>(defaults: T, given: Partial<T> | undefined): T {
  const numbers = { ...defaults }
  for (const name of Object.keys(defaults) as (keyof T & string)[]) {
    const value: unknown = given?.[name]
    if (value === undefined) continue
    if (!(Number.isFinite(value) && (value as number) >= 0)) {
      throw new ConversationsError(
        'invalid-argument',
        `${name} must be a number from 0, but got ${String(value)}`,
      )
    }
    numbers[name] = value as T[typeof name]
  }
  return numbers
}
