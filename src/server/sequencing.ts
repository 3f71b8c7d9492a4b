import * as Y from 'yjs'
import { parseOutboxName } from '../schema/messages/ids.ts'
import { EMPTY_LOG } from '../schema/messages/log-state.ts'
import { OutboxDocument } from '../schema/messages/outbox-document.ts'
import type { RoomOpener } from './open-conversation.ts'
import type { ServerContext } from './options.ts'
import { SequencedConversation, type SequencingContext } from './sequenced-conversation.ts'
import { serverClientId } from './server-client-id.ts'

/** Gives the messages of all conversations their indices, one sequencer for each conversation that has news. */
export class Sequencing {
  readonly #context: SequencingContext
  readonly #active = new Map<string, SequencedConversation>()
  #clientId: Promise<number> | undefined

  /** @param audience how many clients have the outboxes of a conversation open */
  constructor(server: ServerContext, rooms: RoomOpener, audience: (sid: string) => number) {
    this.#context = {
      server,
      rooms,
      audience,
      clientId: () => {
        this.#clientId ??= serverClientId(server.storage).catch(error => {
          this.#clientId = undefined
          throw error
        })
        return this.#clientId
      },
      onIdle: sid => this.#active.delete(sid),
    }
  }

  /**
   * What is to be in a room of any kind before anybody reads it: that its messages are sequenced. Who sends
   * one waits for its index only where that is so.
   */
  async seed(room: string, state: Uint8Array): Promise<Uint8Array | undefined> {
    if (parseOutboxName(room) === undefined) return undefined
    const doc = new Y.Doc()
    Y.applyUpdate(doc, state)
    const outbox = new OutboxDocument(doc)
    if (outbox.sequencedBy !== undefined) return undefined
    doc.clientID = await this.#context.clientId()
    let seed: Uint8Array | undefined
    doc.on('update', (update: Uint8Array) => {
      seed = update
    })
    outbox.acknowledge({ owner: '' }, EMPTY_LOG, new Set(), [])
    doc.destroy()
    return seed
  }

  /** Something has happened in a room of any kind. */
  onNews(room: string): void {
    const sid = parseOutboxName(room)
    if (sid === undefined) return
    const known = this.#active.get(sid)
    const conversation = known ?? new SequencedConversation(sid, this.#context)
    if (!known) this.#active.set(sid, conversation)
    conversation.wake()
  }

  sweep(nowMs: number): void {
    for (const conversation of [...this.#active.values()]) conversation.sweep(nowMs)
  }

  /** Finishes what has arrived, as far as it can be stored. */
  async drain(): Promise<void> {
    await Promise.all([...this.#active.values()].map(conversation => conversation.drain()))
  }
}
