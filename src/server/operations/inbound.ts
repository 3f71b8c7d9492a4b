import { randomInt } from 'node:crypto'
import * as Y from 'yjs'
import { ConversationsError } from '../../base/errors.ts'
import { type JSONValue, toJson } from '../../base/json.ts'
import { parseParticipantKey } from '../../schema/format.ts'
import { NO_MEDIA } from '../../schema/messages/content.ts'
import { type MessageId, outboxName, pageName, pageOf } from '../../schema/messages/ids.ts'
import { isInLog } from '../../schema/messages/log-state.ts'
import { OutboxDocument } from '../../schema/messages/outbox-document.ts'
import { PageDocument } from '../../schema/messages/page-document.ts'
import { PendingQueue } from '../../schema/messages/sequence.ts'
import { Standings } from '../authorization/standings.ts'
import type { ServerContext } from '../options.ts'
import type { HeldDocument } from '../room.ts'
import type { Rooms } from '../rooms.ts'
import { checkConversationSid } from './conversation-documents.ts'

export interface InboundMessage {
  /** The key of a participant who is not on chat: `@sms:+15551234`. */
  readonly author: string
  readonly body?: string | null
  readonly subject?: string | null
  readonly attributes?: JSONValue
}

/** Writes what comes in over bridges, as the participants who are not on chat. */
export class Inbound {
  readonly #rooms: Rooms
  readonly #context: Pick<ServerContext, 'clock' | 'limits'>
  /** Yjs client ids by conversation and author: no other server writes under them. */
  readonly #writers = new Map<string, number>()
  /** By conversation, as the next counter follows from what is stored. */
  readonly #storing = new Map<string, Promise<unknown>>()

  constructor(rooms: Rooms, context: Pick<ServerContext, 'clock' | 'limits'>) {
    this.#rooms = rooms
    this.#context = context
  }

  /** See `ConversationsServer.addMessage`. */
  async add(sid: string, message: InboundMessage): Promise<number> {
    checkConversationSid(sid)
    check(message, this.#context.limits.maxPayload)
    const held: HeldDocument[] = []
    let end: (error: Error) => void = () => {}
    const whenOver = new Promise<never>((_, reject) => {
      end = reject
    })
    whenOver.catch(() => {})
    const hold = async (name: string) => {
      const onOver = () =>
        end(new ConversationsError('closed', `${sid} was closed before the message had its index`))
      const document = await this.#rooms.open(name).hold(onOver)
      held.push(document)
      return document
    }
    try {
      this.#checkAuthor(await hold(sid), message.author)
      const { doc } = await hold(outboxName(sid))
      const id = await this.#inTurn(sid, () => this.#store(sid, doc, message))
      const outbox = new OutboxDocument(doc)
      await Promise.race([whenInLog(outbox, id), whenOver])
      for (let page = pageOf(outbox.state.count - 1); page >= 0; page--) {
        const entry = new PageDocument((await hold(pageName(sid, page))).doc).find(id)
        if (entry) return entry.index
      }
      throw new ConversationsError('not-found', 'The message was sequenced, and is not in the log')
    } finally {
      for (const { release } of held) release()
    }
  }

  #checkAuthor({ doc, claims }: HeldDocument, author: string): void {
    const standings = new Standings(doc, claims, () => {})
    const role = standings.roleOf(author)
    standings.stop()
    if (role !== undefined) return
    throw new ConversationsError(
      'not-found',
      `${JSON.stringify(author)} is no participant of the conversation; add them first`,
    )
  }

  async #inTurn<T>(sid: string, work: () => Promise<T>): Promise<T> {
    const before = this.#storing.get(sid)
    const storing = (before ?? Promise.resolve()).catch(() => {}).then(work)
    this.#storing.set(sid, storing)
    try {
      return await storing
    } finally {
      if (this.#storing.get(sid) === storing) this.#storing.delete(sid)
    }
  }

  async #store(sid: string, doc: Y.Doc, message: InboundMessage): Promise<MessageId> {
    const { author, body = null, subject = null, attributes } = message
    const slot = `${sid} ${author}`
    const writer = this.#writers.get(slot) ?? randomInt(1, 2 ** 32)
    this.#writers.set(slot, writer)
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    const before = Y.encodeStateVector(copy)
    copy.clientID = writer
    const outbox = new OutboxDocument(copy)
    const counter = outbox.nextCounter(author)
    const lamport = new PendingQueue(outbox.outboxes(), outbox.state).lamport + 1
    const time = this.#context.clock.now()
    const text = attributes === undefined ? undefined : JSON.stringify(attributes)
    const content = { body, subject, attributes: text, media: NO_MEDIA }
    outbox.push(author, { kind: 'message', counter, lamport, time, content })
    const update = Y.encodeStateAsUpdate(copy, before)
    copy.destroy()
    try {
      await this.#rooms.open(outboxName(sid)).write(update, writer)
    } catch (error) {
      // It may lie in the log all the same: nothing else may be written in its place.
      this.#writers.delete(slot)
      throw error
    }
    return { writer, counter }
  }
}

function check({ author, body, subject, attributes }: InboundMessage, maxBytes: number): void {
  const parsed = typeof author === 'string' ? parseParticipantKey(author) : undefined
  if (!parsed || parsed.type === 'chat') {
    throw new ConversationsError(
      'invalid-argument',
      `${JSON.stringify(author)} is not the key of somebody who is not on chat; pass one like @sms:+15551234`,
    )
  }
  for (const [name, text] of Object.entries({ body, subject })) {
    if (text === undefined || text === null || typeof text === 'string') continue
    throw new ConversationsError('invalid-argument', `The ${name} is no text; pass one, or null`)
  }
  if (attributes !== undefined) toJson(attributes, 'attributes', maxBytes)
}

function whenInLog(outbox: OutboxDocument, id: MessageId): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (!isInLog(id, outbox.state)) return
      stop()
      resolve()
    }
    const stop = outbox.follow(look)
    look()
  })
}
