import type * as Y from 'yjs'
import type { ConversationDocument } from '../../schema/conversation-document.ts'
import { OutboxDocument } from '../../schema/messages/outbox-document.ts'
import type { ServerContext } from '../options.ts'
import type { Room } from '../room.ts'
import { roomKindOf } from '../room-kind.ts'
import { CallQueue } from './call-queue.ts'
import { MessageTeller } from './message-teller.ts'
import { ParticipantWatch } from './participant-watch.ts'
import type { ServerHooks } from './server-hooks.ts'
import { ToldLog, untoldConversations } from './told-log.ts'

/** Hears what is committed in a room. */
export interface RoomWatch {
  onCommitted(isFromClient: boolean): void
  stop(): void
}

/** Calls the hooks of the app, those of one conversation one after the other. */
export class ServerHookCalls {
  readonly hooks: ServerHooks
  readonly #context: Pick<ServerContext, 'storage' | 'clock' | 'log' | 'timings'>
  readonly #queues = new Map<string, CallQueue>()
  readonly #watches = new Map<string, ParticipantWatch>()
  /** Of conversations with a queue: the messages below this index are told of or in it. */
  readonly #queued = new Map<string, number>()
  /** How far messages were told of is being written. */
  readonly #keeping = new Map<string, Promise<void>>()
  #draining: Promise<void> | undefined

  constructor(
    hooks: ServerHooks,
    context: Pick<ServerContext, 'storage' | 'clock' | 'log' | 'timings'>,
  ) {
    this.hooks = hooks
    this.#context = context
  }

  queue(sid: string): CallQueue {
    let queue = this.#queues.get(sid)
    if (!queue) {
      queue = new CallQueue(sid, this.#context, () => {
        this.#queues.delete(sid)
        this.#queued.delete(sid)
      })
      this.#queues.set(sid, queue)
    }
    return queue
  }

  /** How many calls for a conversation have not settled. */
  waiting(sid: string): number {
    return this.#queues.get(sid)?.length ?? 0
  }

  /** The messages of a conversation below this index are in its queue. */
  reach(sid: string, index: number): void {
    this.#queued.set(sid, index)
  }

  /** Nobody reads how far a conversation was told of until this is written. */
  keep(sid: string, keeping: Promise<void>): void {
    const kept = keeping.finally(() => {
      if (this.#keeping.get(sid) === kept) this.#keeping.delete(sid)
    })
    this.#keeping.set(sid, kept)
  }

  async whenKept(): Promise<void> {
    await Promise.all(this.#keeping.values())
  }

  /** Follows a room of any kind; undefined = nothing happens there that is told of. */
  watch(room: string, doc: Y.Doc): RoomWatch | undefined {
    if (roomKindOf(room).kind !== 'conversation') return undefined
    const watch = new ParticipantWatch(room, doc, this.hooks, () => this.queue(room))
    this.#watches.set(room, watch)
    return {
      onCommitted: isFromClient => watch.onCommitted(isFromClient),
      stop: () => {
        watch.stop()
        if (this.#watches.get(room) === watch) this.#watches.delete(room)
      },
    }
  }

  /** Of a conversation whose room is in memory. */
  documentOf(sid: string): ConversationDocument | undefined {
    return this.#watches.get(sid)?.document
  }

  /** @param onRoom see `MessageTeller` */
  async openTeller(
    sid: string,
    outbox: Y.Doc,
    room: () => Room,
    onRoom: () => void,
  ): Promise<MessageTeller | undefined> {
    const { onMessage, onMessageUpdated, onMessageRemoved } = this.hooks
    if (!onMessage && !onMessageUpdated && !onMessageRemoved) return undefined
    await this.#keeping.get(sid)
    const told = onMessage && (await ToldLog.open(this.#context.storage, sid))
    const { count } = new OutboxDocument(outbox).state
    const next = Math.max(told?.untoldFrom ?? count, this.#queued.get(sid) ?? 0)
    return new MessageTeller(sid, this, room, told, next, onRoom)
  }

  /** Conversations with messages that a server which is gone may not have told of. */
  async *untold(): AsyncIterable<string> {
    if (this.hooks.onMessage) yield* untoldConversations(this.#context.storage)
  }

  /** Resolves when nothing waits to be told of, or has to be left; begins no more calls then. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain()
    return this.#draining
  }

  async #drain(): Promise<void> {
    const { clock, timings } = this.#context
    let cancel = () => {}
    const whenLate = new Promise<void>(resolve => {
      cancel = clock.setTimeout(resolve, timings.closeWithinMs)
    })
    await Promise.race([this.#whenIdle(), whenLate])
    cancel()
    for (const queue of this.#queues.values()) queue.stop()
  }

  async #whenIdle(): Promise<void> {
    while (this.#queues.size > 0) {
      await Promise.all([...this.#queues.values()].map(queue => queue.whenIdle()))
    }
  }
}
