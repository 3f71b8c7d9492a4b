import { ConversationsError } from '../base/errors.ts'
import { type ConversationChanges, ConversationDocument } from '../schema/conversation-document.ts'
import type { Creation } from '../schema/creation.ts'
import { chatKey } from '../schema/format.ts'
import type { Horizon } from '../schema/horizon.ts'
import type { ParticipantEntry } from '../schema/participant-entry.ts'
import {
  isPermitted,
  type Permission,
  type RolePermissions,
  readRolePermissions,
} from '../schema/permissions.ts'
import type { Refusal, Session } from '../sync/session.ts'
import { CoalescedWrite } from './coalesced-write.ts'
import type { Conversation } from './conversation.ts'
import type { ConversationEvents, SharedEvents } from './conversation-events.ts'
import { ConversationMessages } from './conversation-messages.ts'
import type { ConversationOptions } from './conversation-options.ts'
import {
  type ConversationState,
  type ConversationUpdateReason,
  changedReasons,
  readConversationState,
} from './conversation-state.ts'
import type { Host } from './host.ts'
import type { Participant } from './participant.ts'
import { PresenceLink } from './presence-link.ts'
import { Roster } from './roster.ts'

/** The inside of a conversation: brings its views up to date, then announces what changed. */
export class ConversationCore<Attributes> {
  readonly session: Session
  readonly document: ConversationDocument
  readonly roster: Roster<Attributes>
  readonly presence: PresenceLink
  readonly messages: ConversationMessages
  readonly #host: Host
  readonly #conversation: Conversation<Attributes>
  readonly #horizonWrites: CoalescedWrite
  /** What the conversation is created as, if nobody did. */
  readonly #assumed: Creation
  #state: ConversationState
  #isOpen = false
  #isMeOnline = false
  #hasToldReadOnly = false
  #toldUnreadCount = 0
  #toldSaved: boolean | undefined
  /** As the server has said. */
  #permissions: RolePermissions | undefined
  #countedHorizon: Horizon | undefined
  readonly #isSequencer: boolean
  readonly #announcements: (() => void)[] = []

  constructor(
    conversation: Conversation<Attributes>,
    host: Host,
    uniqueName: string | null,
    { doc, awareness, sequencer }: Omit<ConversationOptions, 'participantAttributes'>,
  ) {
    this.#conversation = conversation
    this.#host = host
    const { clock, identity } = host
    this.#isSequencer = sequencer === true
    this.#assumed = { createdBy: identity, dateCreated: clock.now(), uniqueName }
    this.#horizonWrites = new CoalescedWrite(clock, host.timings.horizonIntervalMs, () => {
      // What was read while the document says nothing goes with what was refused.
      if (this.document.isReadOnly || this.session.whenRecovered) return
      this.document.transact(() => this.document.writeHorizon(this.me))
    })
    const flushWrites = () => this.#horizonWrites.flush()
    this.session = host.createSession({ name: conversation.sid, doc, awareness, flushWrites })
    try {
      this.document = new ConversationDocument(this.session.doc, changes => this.#take(changes))
    } catch (error) {
      void this.session.destroy()
      throw error
    }
    this.roster = new Roster(conversation, this.document.entries)
    this.presence = new PresenceLink(this.session, host, {
      onPresence: (typist, isOnline) => this.#tellPresence(typist, isOnline),
      onTyping: (typist, isTyping) => this.#tellTyping(typist, isTyping),
    })
    this.#state = this.#readState()
    this.messages = new ConversationMessages(
      conversation as unknown as Conversation,
      host,
      this as unknown as ConversationCore<never>,
    )
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get state(): ConversationState {
    return this.#state
  }

  /** This user's entry, whether they are a participant or not. */
  get me(): ParticipantEntry {
    return this.document.entry(chatKey(this.#host.identity))
  }

  /** Undefined = nobody says so. */
  get isSaved(): boolean | undefined {
    const all = [this.session.isSaved, this.messages.outboxSession.isSaved]
    return all.find(isSaved => !isSaved) ?? (all.includes(undefined) ? undefined : true)
  }

  /** By what is known here; always, where nobody says what roles may do. */
  isPermitted(permission: Permission): boolean {
    const table = this.#permissions ?? this.#host.permissions
    if (!table) return true
    const { me, document } = this
    const { createdBy } = document.creation ?? this.#assumed
    const roleSid = me.isPresent ? me.roleSid : undefined
    return isPermitted({ isCreator: createdBy === this.#host.identity, roleSid }, permission, table)
  }

  /** @throws {ConversationsError} `forbidden` */
  assertPermitted(permission: Permission): void {
    if (this.isPermitted(permission)) return
    const { me } = this
    const standing = me.isPresent ? `with the role "${me.roleSid}"` : 'who is no participant'
    throw new ConversationsError(
      'forbidden',
      `${this.#host.identity}, ${standing}, lacks the permission "${permission}" in this conversation; ` +
        'somebody with "changeRole" can give another role',
    )
  }

  /** Loads from this device, then connects. */
  async open(): Promise<void> {
    const { session } = this
    session.on('error', error => this.tell('error', [error]))
    session.on('refused', refusal => this.tellRefused(session, refusal))
    session.on('recovering', () => this.document.hold())
    session.on('recovered', () => {
      if (!session.isDestroyed) this.document.reread()
    })
    session.on('saved', () => this.tellSaved())
    session.on('hello', ({ permissions }) => {
      this.#permissions = readRolePermissions(permissions)
    })
    await Promise.all([session.load(), this.messages.load()])
    if (session.isDestroyed) this.assertOpen()
    this.document.start()
    this.#state = this.#readState()
    this.#isOpen = true
    this.#tellReadOnly()
    session.on('status', status => {
      this.#host.onStatus()
      if (this.#isOpen || status === 'disconnected')
        this.#conversation.emit('connectionStatusChanged', status)
      this.#tellOwnPresence()
      if (status === 'disconnected' || status === 'denied') this.#createIfNobodyDid()
    })
    session.on('synced', isSynced => {
      if (isSynced) this.#createIfNobodyDid()
      if (this.#isOpen || !isSynced) this.#conversation.emit('synced', isSynced)
    })
    session.start()
    this.assertOpen()
    this.messages.start(this.#isSequencer)
    this.assertOpen()
    this.#toldUnreadCount = this.messages.unreadCount
    this.presence.start(this.#host.identity)
    // Nobody is asked.
    if (session.status === 'disconnected') this.#createIfNobodyDid()
  }

  /**
   * Applies writes as one transaction, at once; resolves when they are durable on this device.
   *
   * @param permission what it takes, if anything
   * @throws {ConversationsError} `closed`, `read-only`, `forbidden`; then nothing was written
   */
  async write(
    write: (document: ConversationDocument) => void,
    permission?: Permission,
  ): Promise<void> {
    while (this.session.whenRecovered) await this.session.whenRecovered
    this.assertOpen()
    if (permission) this.assertPermitted(permission)
    this.document.write(this.#assumed, () => write(this.document))
    await this.session.flush()
  }

  /**
   * Writes the own horizon soon, if it has moved, together with what it moves until then; resolves when all that is
   * shown of it is durable.
   */
  async writeHorizon(hasMoved: boolean): Promise<void> {
    await (hasMoved ? this.#horizonWrites.schedule() : this.#horizonWrites.whenWritten())
    // It was not written if somebody with a newer version came meanwhile.
    this.document.assertFormat()
    await this.session.flush()
  }

  /** As `writeHorizon`, for nobody who waits. */
  scheduleHorizon(): void {
    // It is of no interest when.
    this.#horizonWrites.schedule().catch(() => {})
  }

  /** Writes the own horizon now, if it has moved. */
  flushHorizon(): void {
    this.#horizonWrites.flush()
  }

  assertOpen(): void {
    if (this.#isOpen) return
    throw new ConversationsError('closed', 'The conversation is closed; open it again to write')
  }

  assertWritable(): void {
    this.assertOpen()
    this.document.assertFormat()
  }

  /** @throws {ConversationsError} `not-a-participant` */
  requireMe(): ParticipantEntry {
    const { me } = this
    if (me.isPresent) return me
    throw new ConversationsError(
      'not-a-participant',
      `${this.#host.identity} is not a participant of this conversation; call join() first`,
    )
  }

  async close(): Promise<void> {
    this.#horizonWrites.close()
    this.#isOpen = false
    this.presence.close()
    await Promise.all([this.messages.close(), this.session.destroy()])
    this.document.stop()
  }

  /** Tells of something when everybody has heard of what came before; the state must be complete. */
  announce(tell: () => void): void {
    this.#announcements.push(tell)
    // Listeners may write: what they cause is told when everybody has heard of what caused it.
    if (this.#announcements.length === 1) this.#tellAll()
  }

  /** Tells of the count of unread messages, if it has changed, and of the last message. */
  tellReading(unreadCount: number, isLastNew: boolean): void {
    const isCountNew = unreadCount !== this.#toldUnreadCount
    if (!isCountNew && !isLastNew) return
    this.#toldUnreadCount = unreadCount
    this.announce(() => {
      if (isCountNew) this.#emit('unreadCountChanged', [unreadCount])
      if (isLastNew) this.#tellUpdated(['lastMessage'])
    })
  }

  tellSaved(): void {
    const { isSaved } = this
    if (isSaved === this.#toldSaved) return
    this.#toldSaved = isSaved
    this.#emit('savedChanged', [isSaved])
  }

  tellRefused({ name }: Session, refusal: Refusal): void {
    const conversation = this.#conversation as unknown as Conversation<never>
    const refused = Object.freeze({ conversation, documentName: name, ...refusal })
    this.tell('writeRefused', [refused])
  }

  /** Of somebody whose message came. */
  endTypingOf(key: string): void {
    const entry = this.document.entries.get(key)
    const identity = entry?.isPresent ? entry.identity : null
    if (identity !== null) this.presence.peers.endTyping(identity)
  }

  /** Only once it is known whether peers have it: every other device would write its own creation otherwise. */
  #createIfNobodyDid(): void {
    // What was refused may have said who did.
    if (!this.#isOpen || this.document.isReadOnly || this.session.isIncomplete) return
    this.document.write(this.#assumed, () => {})
  }

  #readState(): ConversationState {
    return readConversationState(this.document, this.#assumed, this.me)
  }

  #take(changes: ConversationChanges): void {
    const before = this.#state
    const after = this.#concernsState(changes) ? this.#readState() : before
    this.#state = after
    this.roster.take(changes)
    if (before.status === 'joined' && after.status !== 'joined') this.presence.typing.end()
    const concernsReading = this.#isOpen && this.#concernsReading(before, after)
    if (concernsReading) this.messages.reading.count()
    this.announce(() => this.#announce(changes, before, after))
    if (!concernsReading) return
    this.messages.tellReading()
    this.messages.reading.fold()
  }

  #tellAll(): void {
    try {
      for (let next = this.#announcements[0]; next; next = this.#announcements[0]) {
        next()
        this.#announcements.shift()
      }
    } finally {
      // Not empty if a console of the app's own throws what is reported to it.
      if (this.#announcements.shift()) this.#tellAll()
    }
  }

  /** The horizon may say something else though no value of the participant differs: only its tail, in one millisecond. */
  #concernsReading(before: ConversationState, after: ConversationState): boolean {
    const { horizon } = this.me
    const isMoved = horizon !== this.#countedHorizon
    this.#countedHorizon = horizon
    return isMoved || before.status !== after.status
  }

  /** Most changes are what somebody else has read. */
  #concernsState({ whole, joined, left, updated }: ConversationChanges): boolean {
    const { me } = this
    return whole || joined.includes(me) || left.includes(me) || updated.some(([one]) => one === me)
  }

  #announce(
    changes: ConversationChanges,
    before: ConversationState,
    after: ConversationState,
  ): void {
    for (const entry of changes.left) {
      this.#endTyping(entry)
      this.tell('participantLeft', [this.roster.view(entry)])
    }
    for (const entry of changes.joined) {
      const participant = this.roster.view(entry)
      this.tell('participantJoined', [participant])
      // Awareness may be ahead of the document.
      if (!participant.isOnline) continue
      this.tell('participantOnline', [participant])
      if (participant.isTyping) this.#tellTypingOf('typingStarted', entry)
    }
    for (const [entry, mask] of changes.updated) {
      if (!this.#isOpen) return
      this.tell('participantUpdated', this.roster.view(entry).emitUpdated(mask))
    }
    const updateReasons = before === after ? [] : changedReasons(before, after)
    if (updateReasons.length > 0) this.#tellUpdated(updateReasons)
    if (before.status === 'joined' && after.status !== 'joined') {
      this.#emit('removed', [this.#conversation])
    }
    if (changes.whole) this.#tellReadOnly()
  }

  #tellUpdated(reasons: ConversationUpdateReason[]): void {
    const updateReasons = Object.freeze(reasons) as ConversationUpdateReason[]
    this.#emit('updated', [Object.freeze({ conversation: this.#conversation, updateReasons })])
  }

  #tellReadOnly(): void {
    if (!this.#isOpen || this.#hasToldReadOnly || !this.document.isReadOnly) return
    this.#hasToldReadOnly = true
    try {
      this.document.assertFormat()
    } catch (error) {
      this.tell('error', [error as ConversationsError])
    }
  }

  #tellPresence(identity: string, isOnline: boolean): void {
    this.#host.onPresence(this.#conversation, identity, isOnline)
    if (identity === this.#host.identity) this.#tellOwnPresence()
    else this.#tellOnline(identity, isOnline)
  }

  /** This user is here by this device, while it is connected, or by another one. */
  #tellOwnPresence(): void {
    const { identity } = this.#host
    const isOnline = this.session.status === 'connected' || this.presence.peers.isOnline(identity)
    if (isOnline === this.#isMeOnline) return
    this.#isMeOnline = isOnline
    this.#tellOnline(identity, isOnline)
  }

  #tellOnline(identity: string, isOnline: boolean): void {
    const participant = this.roster.byKey(chatKey(identity))
    if (participant) this.tell(isOnline ? 'participantOnline' : 'participantOffline', [participant])
  }

  #tellTyping(identity: string, isTyping: boolean): void {
    const entry = this.document.entries.get(chatKey(identity))
    if (entry?.isPresent) this.#tellTypingOf(isTyping ? 'typingStarted' : 'typingEnded', entry)
  }

  /** Of somebody who is not there any more. */
  #endTyping(entry: ParticipantEntry): void {
    const { identity } = entry
    const { peers } = this.presence
    if (identity === null || identity === this.#host.identity || !peers.isTyping(identity)) return
    peers.endTyping(identity)
    this.#tellTypingOf('typingEnded', entry)
  }

  #tellTypingOf(event: 'typingStarted' | 'typingEnded', entry: ParticipantEntry): void {
    if (!this.#isOpen) return
    const participant = this.roster.view(entry)
    const args: [Participant<Attributes>] = [participant]
    participant.emitAll(event, args)
    this.tell(event, args)
  }

  /** To the client's listeners, then to the conversation's. */
  tell<K extends keyof SharedEvents | 'error' | 'writeRefused'>(
    event: K,
    args: Parameters<ConversationEvents<Attributes>[K]>,
  ): void {
    if (this.#isOpen || event === 'error') this.#host.tell(event, args)
    this.#emit(event, args)
  }

  /** Once it is asked to close, it tells of its end and of trouble on the way. */
  #emit<K extends keyof ConversationEvents>(
    event: K,
    args: Parameters<ConversationEvents<Attributes>[K]>,
  ): void {
    if (this.#isOpen || event === 'error') this.#conversation.emitAll(event, args)
  }
}
