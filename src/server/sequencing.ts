import * as Y from 'yjs'
import { outboxName, parseOutboxName } from '../schema/messages/ids.ts'
import { EMPTY_LOG } from '../schema/messages/log-state.ts'
import { OutboxDocument } from '../schema/messages/outbox-document.ts'
import type { ServerHookCalls } from './hooks/server-hook-calls.ts'
import type { RoomOpener, Workbench } from './open-conversation.ts'
import type { ServerContext } from './options.ts'
import type { Seed } from './room.ts'
import { SequencedConversation, type SequencingContext } from './sequenced-conversation.ts'
import { serverClientId } from './server-client-id.ts'

/** Gives the messages of all conversations their indices, one sequencer for each conversation that has news. */
export class Sequencing {
  readonly #context: SequencingContext
  readonly #active = new Map<string, SequencedConversation>()
  #clientId: Promise<number> | undefined
  #isDrained = false

  /** @param audience how many clients have the outboxes of a conversation open */
  constructor(
    server: ServerContext,
    rooms: RoomOpener,
    audience: (sid: string) => number,
    hooks?: ServerHookCalls,
  ) {
    this.#context = {
      server,
      rooms,
      audience,
      hooks,
      clientId: () => {
        this.#clientId ??= serverClientId(server.storage).catch(error => {
          this.#clientId = undefined
          throw error
        })
        return this.#clientId
      },
      hasWork: sid => {
        const { doc } = rooms.open(outboxName(sid))
        return doc !== undefined && new OutboxDocument(doc).outboxes().length > 0
      },
      onIdle: sid => this.#active.delete(sid),
    }
  }

  /**
   * What is to be in a room of any kind before anybody reads it: that its messages are sequenced. Who sends
   * one waits for its index only where that is so.
   *
   * @param read its state, with everything that is stored
   */
  async seed(room: string, read: () => Promise<Uint8Array>): Promise<Seed | undefined> {
    const sid = parseOutboxName(room)
    if (sid === undefined || isSequenced(await read())) return undefined
    const { storage, timings } = this.#context.server
    const lease = await storage.cluster?.lease(sid, timings.leaseMs)
    // Another server has it open, and has written this, or will.
    if (storage.cluster && !lease) return undefined
    const release = () => void lease?.release().catch(() => {})
    try {
      const state = await read()
      const update = isSequenced(state)
        ? undefined
        : sequencedUpdate(state, await this.#context.clientId())
      if (update) return { update, lease, release }
    } catch (error) {
      release()
      throw error
    }
    release()
    return undefined
  }

  /** Something has happened in a room of any kind. */
  onNews(room: string): void {
    const sid = parseOutboxName(room)
    if (sid === undefined) return
    this.#conversation(sid).wake()
  }

  /** The client id that the server writes under. */
  clientId(): Promise<number> {
    return this.#context.clientId()
  }

  /** See `SequencedConversation.perform`. */
  perform(sid: string, work: (bench: Workbench) => Promise<void>): Promise<void> {
    return this.#conversation(sid).perform(work)
  }

  #conversation(sid: string): SequencedConversation {
    let conversation = this.#active.get(sid)
    if (!conversation) {
      conversation = new SequencedConversation(sid, this.#context)
      this.#active.set(sid, conversation)
    }
    return conversation
  }

  /** Opens the conversations of which messages were not told of, as the server that sequenced them is gone. */
  async resume(): Promise<void> {
    const { hooks, server } = this.#context
    if (!hooks) return
    try {
      for await (const sid of hooks.untold()) if (!this.#isDrained) this.onNews(outboxName(sid))
    } catch (error) {
      if (!this.#isDrained)
        server.log.error('cannot look for messages that were not told of', error)
    }
  }

  sweep(nowMs: number): void {
    for (const conversation of [...this.#active.values()]) conversation.sweep(nowMs)
  }

  /** Finishes what has arrived, as far as it can be stored. */
  async drain(): Promise<void> {
    this.#isDrained = true
    await Promise.all([...this.#active.values()].map(conversation => conversation.drain()))
  }
}

function isSequenced(state: Uint8Array): boolean {
  const doc = new Y.Doc({ guid: '' })
  Y.applyUpdate(doc, state)
  const { sequencedBy } = new OutboxDocument(doc)
  doc.destroy()
  return sequencedBy !== undefined
}

/** Says in a document of outboxes that a server sequences them. */
function sequencedUpdate(state: Uint8Array, clientId: number): Uint8Array {
  const doc = new Y.Doc({ guid: '' })
  Y.applyUpdate(doc, state)
  const before = Y.encodeStateVector(doc)
  doc.clientID = clientId
  new OutboxDocument(doc).acknowledge({ owner: '' }, EMPTY_LOG, new Set(), [])
  const update = Y.encodeStateAsUpdate(doc, before)
  doc.destroy()
  return update
}
