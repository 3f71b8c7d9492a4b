import { outboxName } from '../schema/messages/ids.ts'
import { RoomPolicies } from './authorization/room-policy.ts'
import { closeReason, GOING_AWAY, Refusal } from './close-codes.ts'
import { Connection } from './connection.ts'
import { ServerHookCalls } from './hooks/server-hook-calls.ts'
import type { Workbench } from './open-conversation.ts'
import type { ServerContext } from './options.ts'
import { Room } from './room.ts'
import { roomNameOf } from './room-name.ts'
import { Sequencing } from './sequencing.ts'
import type { ServerSocket, Visitor } from './visitor.ts'

/** The rooms that are in memory: those with connections, with updates on their way to the log, or being sequenced. */
export class Rooms {
  readonly #context: ServerContext
  readonly #rooms = new Map<string, Room>()
  readonly #sequencing: Sequencing
  /** Undefined = everybody may have and write everything. */
  readonly #policies: RoomPolicies | undefined
  #isDraining = false

  /** Undefined = there are none. */
  readonly #hooks: ServerHookCalls | undefined

  constructor(context: ServerContext) {
    this.#context = context
    const { authorization, clock, hooks, limits } = context
    this.#hooks = hooks && new ServerHookCalls(hooks, context)
    const { maxClockSkewMs } = limits
    this.#policies =
      authorization &&
      new RoomPolicies({ ...authorization, clock, maxClockSkewMs, open: name => this.open(name) })
    const audience = (sid: string) => this.#rooms.get(outboxName(sid))?.connectionCount ?? 0
    this.#sequencing = new Sequencing(context, this, audience, this.#hooks)
    void this.#sequencing.resume()
  }

  get count(): number {
    return this.#rooms.size
  }

  get connectionCount(): number {
    let count = 0
    for (const room of this.#rooms.values()) count += room.connectionCount
    return count
  }

  accept(socket: ServerSocket, requestUrl: string, visitor: Visitor): void {
    try {
      // A multiplexed socket is still there to ask.
      if (this.#isDraining) throw new Refusal(GOING_AWAY, 'the server is shutting down')
      const name = roomNameOf(requestUrl, this.#context.limits.maxRoomName)
      this.open(name).join(new Connection(socket, this.#context, name, visitor))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      // After the handshake, because y-websocket does not see why a handshake fails, and would try for ever.
      socket.on('error', () => {})
      socket.close(error.code, closeReason(error.message))
    }
  }

  /** Does some work on the documents of a conversation; see `SequencedConversation.perform`. */
  perform(sid: string, work: (bench: Workbench) => Promise<void>): Promise<void> {
    return this.#sequencing.perform(sid, work)
  }

  /** The client id that the server writes under. */
  clientId(): Promise<number> {
    return this.#sequencing.clientId()
  }

  sweep(): void {
    const nowMs = this.#context.clock.now()
    for (const room of [...this.#rooms.values()]) room.sweep(nowMs)
    this.#sequencing.sweep(nowMs)
  }

  /** There is another server that shares the storage, or it is heard again. */
  findNodes(): void {
    for (const room of this.#rooms.values()) room.findNodes()
  }

  /** Another server that shares the storage is gone. */
  loseNode(id: string): void {
    for (const room of this.#rooms.values()) room.loseNode(id)
    void this.#sequencing.resume()
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    await Promise.all([...this.#rooms.values()].map(room => room.stopReading()))
    await this.#sequencing.drain()
    await this.#hooks?.drain()
    await Promise.all([...this.#rooms.values()].map(room => room.drain()))
    await this.#hooks?.whenKept()
  }

  open(name: string): Room {
    let room = this.#rooms.get(name)
    if (!room) {
      const opened = new Room(name, this.#context, {
        policy: () => this.#policies?.open(name),
        reservedWriter: () => (this.#policies ? this.#sequencing.clientId() : undefined),
        watch: doc => this.#hooks?.watch(name, doc),
        seed: read => this.#sequencing.seed(name, read),
        onNews: () => this.#sequencing.onNews(name),
        onUnused: () => {
          if (this.#rooms.get(name) === opened) this.#rooms.delete(name)
        },
      })
      this.#rooms.set(name, opened)
      room = opened
    }
    return room
  }
}
