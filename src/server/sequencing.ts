import { parseOutboxName } from '../schema/messages/ids.ts'
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
