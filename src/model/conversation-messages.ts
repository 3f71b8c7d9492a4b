import { checkText } from '../base/arguments.ts'
import { ConversationsError } from '../base/errors.ts'
import { equalJson, type JSONValue, toJson } from '../base/json.ts'
import { until } from '../base/until.ts'
import { diffAttributes, positionSuffix } from '../schema/attributes.ts'
import { timeAfter } from '../schema/format.ts'
import { type MessageContent, messageLayers } from '../schema/messages/content.ts'
import { outboxName, PAGE_SIZE, pageOf } from '../schema/messages/ids.ts'
import type { MediaRecord } from '../schema/messages/media-record.ts'
import type { MessageEntry } from '../schema/messages/message-entry.ts'
import { type MessageChanges, MessageList } from '../schema/messages/message-list.ts'
import { OutboxDocument } from '../schema/messages/outbox-document.ts'
import type { MessageCommand } from '../schema/messages/outbox-entry.ts'
import { isRead } from '../schema/messages/reading.ts'
import type { Permission } from '../schema/permissions.ts'
import type { Session } from '../sync/session.ts'
import { Channels } from './channels.ts'
import type { Conversation } from './conversation.ts'
import type { ConversationCore } from './conversation-core.ts'
import type { Host } from './host.ts'
import { readMediaInput } from './media-input.ts'
import { Message } from './message.ts'
import type { MessageDraft } from './message-builder.ts'
import { MessagePages } from './message-pages.ts'
import { MessageReader } from './message-reader.ts'
import type { Participant } from './participant.ts'
import { Reading } from './reading.ts'
import { Sequencing } from './sequencing.ts'

/** Who was away for more pages than this hears of those on the newest only. */
const MAX_CATCH_UP = 10

export interface LastMessage {
  /** Provisional while the message is pending. */
  readonly index: number
  readonly dateCreated: Date
}

/** What is to be done to a message. */
type Change =
  | Pick<Extract<MessageCommand, { kind: 'body' }>, 'kind' | 'body'>
  | Pick<Extract<MessageCommand, { kind: 'attributes' }>, 'kind' | 'changes'>
  | { readonly kind: 'remove' }

/** The messages of a conversation: what is written here, what comes, and how far it was read. */
export class ConversationMessages {
  readonly channels: Channels
  readonly outboxSession: Session
  readonly reading: Reading
  readonly reader: MessageReader
  readonly #conversation: Conversation
  readonly #host: Host
  readonly #core: ConversationCore<never>
  readonly #outbox: OutboxDocument
  readonly #list: MessageList
  readonly #pages: MessagePages
  readonly #sequencing: Sequencing
  readonly #followers = new Set<() => void>()
  readonly #end = new AbortController()
  #lastMessage: LastMessage | undefined
  /** How long the log was when its sequencer did not answer. */
  #silentAt = -1

  constructor(conversation: Conversation, host: Host, core: ConversationCore<never>) {
    this.#conversation = conversation
    this.#host = host
    this.#core = core
    this.channels = new Channels(host, core.session, {
      onError: error => core.tell('error', [error]),
      onRefused: (session, refusal) => core.tellRefused(session, refusal),
    })
    this.outboxSession = this.channels.create(outboxName(conversation.sid))
    this.#outbox = new OutboxDocument(this.outboxSession.doc)
    this.#list = new MessageList(this.#outbox, changes => this.#take(changes))
    this.#pages = new MessagePages(conversation.sid, host, this.channels, this.#list)
    this.reader = new MessageReader(this.#list, this.#pages, entry => this.view(entry))
    this.reading = new Reading({
      outbox: this.#outbox,
      list: this.#list,
      pages: this.#pages,
      me: () => core.me,
      replaceHorizon: horizon => {
        // It is read anew soon, and then brought into another form again.
        if (core.session.whenRecovered) return
        if (core.document.replaceHorizon(core.me, horizon)) core.scheduleHorizon()
      },
      onCounted: () => this.tellReading(),
    })
    this.#sequencing = new Sequencing({
      sid: conversation.sid,
      session: this.outboxSession,
      outbox: this.#outbox,
      list: this.#list,
      pages: this.#pages,
      owner: core.me.key,
      isCreator: () => core.state.createdBy === host.identity,
      onError: error => core.tell('error', [error]),
      signal: this.#end.signal,
    })
  }

  get lastMessage(): LastMessage | undefined {
    return this.#lastMessage
  }

  get unreadCount(): number {
    return this.reading.unreadCount
  }

  /** How many messages there are; removed ones do not count. */
  get count(): number {
    const { count, removed, pending } = this.#list
    return count - removed.length + pending.filter(({ content }) => content !== null).length
  }

  /** One more than the index of the last one. */
  get length(): number {
    return this.#list.length
  }

  load(): Promise<void> {
    return this.outboxSession.load()
  }

  /** Follows the messages from now on, and begins to open the newest page. */
  start(isSequencer: boolean): void {
    const { outboxSession } = this
    this.reading.count()
    this.#readLast()
    outboxSession.on('synced', () => this.#onNews())
    outboxSession.on('status', () => this.#onNews())
    outboxSession.on('recovering', () => this.#list.hold())
    outboxSession.on('recovered', () => {
      if (!outboxSession.isDestroyed) this.#list.reread()
    })
    outboxSession.on('saved', () => this.#core.tellSaved())
    if (isSequencer) this.#sequencing.name()
    this.channels.start(outboxSession)
    this.#pages.startAt(this.#list.lastPage)
    this.#followEdge()
    this.#sequencing.start()
    this.#onNews()
  }

  async close(): Promise<void> {
    this.#end.abort()
    this.#pages.close()
    this.#onNews()
    await this.channels.close()
    this.#list.stop()
  }

  view(entry: MessageEntry): Message {
    entry.view ??= new Message(this.#conversation, this, entry)
    return entry.view as Message
  }

  /** @throws {ConversationsError} `invalid-argument`, `too-large`, `forbidden` */
  async send({ body, subject, attributes, media }: MessageDraft): Promise<number> {
    const { limits } = this.#host
    checkText(body ?? '', 'body', limits.bodyLength)
    checkText(subject ?? '', 'subject', limits.textLength)
    const json =
      attributes === undefined
        ? undefined
        : JSON.stringify(toJson(attributes, 'attributes', limits.attributesBytes))
    const inputs = media.map(input => readMediaInput(input, limits))
    this.#core.assertWritable()
    this.#core.requireMe()
    this.#core.assertPermitted('sendMessage')
    const records: MediaRecord[] = []
    for (const { blob, filename, contentType } of inputs) {
      const hash = await this.#host.media.put(blob)
      records.push({ hash, contentType, size: blob.size, filename })
    }
    while (this.outboxSession.whenRecovered) await this.outboxSession.whenRecovered
    this.#core.assertWritable()
    const entry = this.#push({ body, subject, attributes: json, media: records })
    await this.outboxSession.flush()
    await this.#whenSent(entry)
    if (entry.index >= 0) return entry.index
    const message =
      'A server has refused what was written here, and this message with it: see "writeRefused"'
    throw new ConversationsError('forbidden', message)
  }

  async updateBody(entry: MessageEntry, body: string | null): Promise<void> {
    checkText(body ?? '', 'body', this.#host.limits.bodyLength)
    await this.#change(entry, 'editMessage', () => {
      return entry.content?.body === body ? undefined : { kind: 'body', body }
    })
  }

  async updateAttributes(entry: MessageEntry, attributes: JSONValue): Promise<void> {
    const next = toJson(attributes, 'attributes', this.#host.limits.attributesBytes)
    const isEditor = this.#core.isPermitted('editMessage')
    await this.#change(entry, isEditor ? 'editMessage' : 'editMessageAttributes', () => {
      if (!entry.content || equalJson(next, entry.attributes)) return undefined
      const layers = messageLayers(entry.content, entry.edits)
      const changes = diffAttributes(layers, next, positionSuffix(this.#outbox.writer))
      return { kind: 'attributes', changes }
    })
  }

  remove(entry: MessageEntry): Promise<void> {
    return this.#change(entry, 'removeMessage', () => ({ kind: 'remove' }))
  }

  authorOf({ author }: MessageEntry): Participant | undefined {
    return this.#core.roster.byKey(author)
  }

  readersOf(message: MessageEntry): Participant[] {
    return this.#core.roster.present.filter(
      ({ entry }) => entry.key !== message.author && isRead(entry.horizon, message),
    )
  }

  /** Resolves when there is something to read, or it is known that there is not. */
  async whenReadable(): Promise<void> {
    const { outboxSession } = this
    await this.#until(() => {
      const { isOnline } = outboxSession
      return this.#list.length > 0 || this.#sequencing.wasSynced || !isOnline
    }, this.#host.timings.fetchTimeoutMs)
    const { count, lastPage } = this.#list
    if (count > 0) await this.#pages.fill(lastPage, count - 1)
    // What it has though it is not known yet is there by then, as nobody is told of it.
    else await this.#pages.open(lastPage)
  }

  /** Tells of the count of unread messages if it has changed. */
  tellReading(): void {
    if (this.#core.isOpen) this.#core.tellReading(this.unreadCount, false)
  }

  #push(content: MessageContent): MessageEntry {
    const { key } = this.#core.me
    this.#core.presence.typing.end()
    const id = { writer: this.#outbox.writer, counter: this.#outbox.nextCounter(key) }
    const time = this.#host.clock.now()
    const lamport = this.#list.nextLamport
    this.#pages.store()
    this.outboxSession.doc.transact(() => {
      this.#outbox.push(key, { kind: 'message', counter: id.counter, lamport, time, content })
    }, this)
    const entry = this.#list.find(id)
    if (!entry) throw new ConversationsError('closed', 'The conversation is closed')
    return entry
  }

  /**
   * At once, where its page is open.
   *
   * @param permission what it takes if the message is somebody else's
   */
  async #change(
    entry: MessageEntry,
    permission: Permission,
    changeNow: () => Change | undefined,
  ): Promise<void> {
    const isOwn = entry.author === this.#core.me.key
    const opening = this.#open(entry, isOwn ? 'sendMessage' : permission)
    if (opening) await opening
    if (this.outboxSession.whenRecovered) {
      while (this.outboxSession.whenRecovered) await this.outboxSession.whenRecovered
      await this.#open(entry, isOwn ? 'sendMessage' : permission)
    }
    const change = changeNow()
    if (change) this.#command(entry, change)
    await this.outboxSession.flush()
  }

  #command(entry: MessageEntry, change: Change): void {
    const { writer, counter, index, isFinal } = entry
    const command: MessageCommand = {
      ...change,
      target: { writer, counter },
      index: isFinal ? index : null,
      time: timeAfter(entry.dateUpdated, this.#host.clock.now()),
    }
    const { key } = this.#core.me
    this.#pages.store()
    this.outboxSession.doc.transact(() => this.#outbox.push(key, command), this)
  }

  /** Makes sure that what is done to a message shows; undefined where that is so already. */
  #open(entry: MessageEntry, permission: Permission): Promise<void> | undefined {
    const check = () => {
      this.#core.assertWritable()
      this.#core.requireMe()
      this.#core.assertPermitted(permission)
      if (entry.content) return
      throw new ConversationsError('not-found', 'The message was removed')
    }
    check()
    if (!entry.isFinal || this.#list.at(entry.index) === entry) return undefined
    return this.#pages.open(pageOf(entry.index)).then(check)
  }

  /** Resolves when a message has its final index, or nobody is there to give it one. */
  async #whenSent(entry: MessageEntry): Promise<void> {
    const isDone = () => entry.isFinal || !entry.isShown || !this.#isSequencerNear()
    const isInTime = await this.#until(isDone, this.#host.timings.sendTimeoutMs)
    if (!isInTime) this.#silentAt = this.#list.count
  }

  #isSequencerNear(): boolean {
    if (this.#end.signal.aborted || this.#silentAt === this.#list.count) return false
    if (this.#sequencing.isEnabled) return this.#sequencing.wasSynced
    const { status, isSynced, whenRecovered } = this.outboxSession
    if (status === 'connecting' || whenRecovered) return true
    return status === 'connected' && (!isSynced || this.#outbox.sequencedBy !== undefined)
  }

  #until(isSo: () => boolean, timeoutMs: number): Promise<boolean> {
    const follow = (onNews: () => void) => {
      this.#followers.add(onNews)
      return () => this.#followers.delete(onNews)
    }
    return until(isSo, follow, this.#host.clock, timeoutMs)
  }

  #onNews(): void {
    for (const follower of [...this.#followers]) follower()
    this.#sequencing.wake()
  }

  #take(changes: MessageChanges): void {
    if (!this.#core.isOpen) return
    if (changes.isAddedOnly) this.reading.add(changes.added)
    else this.reading.count()
    const isLastNew = this.#readLast()
    this.#core.announce(() => this.#announce(changes))
    this.#core.tellReading(this.unreadCount, isLastNew)
    if (!changes.isAddedOnly) {
      this.reading.fold()
      this.#followEdge()
    }
    this.#onNews()
  }

  #announce({ added, updated, removed }: MessageChanges): void {
    for (const entry of added) {
      this.#core.endTypingOf(entry.author)
      this.#core.tell('messageAdded', [this.view(entry)])
    }
    for (const [entry, mask] of updated) {
      this.#core.tell('messageUpdated', this.view(entry).emitUpdated(mask))
    }
    for (const entry of removed) this.#core.tell('messageRemoved', [this.view(entry)])
  }

  /** Whether the last message is another one now. */
  #readLast(): boolean {
    const last = this.#findLast()
    const before = this.#lastMessage
    const isNew =
      last?.index !== before?.index || last?.dateCreated.getTime() !== before?.dateCreated.getTime()
    if (isNew) this.#lastMessage = last
    return isNew
  }

  #findLast(): LastMessage | undefined {
    const pending = this.#list.pending.at(-1)
    const index = this.#list.length - 1
    if (index < 0) return undefined
    const { lastTime } = this.#outbox.state
    const time = pending?.time ?? this.#list.at(index)?.time ?? lastTime
    return Object.freeze({ index, dateCreated: new Date(time) })
  }

  /** Opens the pages on which messages come, and lets older ones go. */
  #followEdge(): void {
    const { edge, end, lastPage, newestPage } = this.#list
    const isEmpty = end === edge * PAGE_SIZE && !this.#list.at(end - 1)
    const isFar = newestPage - edge > MAX_CATCH_UP
    if (newestPage > edge && (isEmpty || isFar)) {
      this.#pages.startAt(lastPage)
    } else if (pageOf(end) > edge + 1) this.#list.startAt(pageOf(end) - 1)
    for (let page = this.#list.edge; page <= newestPage; page++) {
      if (!this.#pages.has(page)) void this.#pages.open(page)
    }
  }
}
