import * as Y from 'yjs'
import type { AwarenessState } from './awareness-codec.ts'
import { AwarenessRelay } from './awareness-relay.ts'
import { GOING_AWAY, INTERNAL_ERROR, MALFORMED, Refusal, TOO_LARGE } from './close-codes.ts'
import type { Connection } from './connection.ts'
import { type DocumentListener, DurableDocument, type Submission } from './durable-document.ts'
import type { ServerContext } from './options.ts'
import { encodeSyncStep1, encodeSyncStep2, encodeUpdate, type Message } from './protocol.ts'

/** `Y.mergeUpdates` costs some 10 µs for each update; with more than these, a sender's own are sent along instead. */
const MAX_MERGED = 16

/** One document, its awareness, and who is connected to it. */
export class Room {
  readonly #name: string
  readonly #context: ServerContext
  readonly #onUnused: () => void
  readonly #connections = new Set<Connection>()
  readonly #awareness: AwarenessRelay
  readonly #whenLoaded: Promise<void>
  #document: DurableDocument<Connection> | undefined
  #isOver = false

  /** `onUnused`: it holds nothing any more and may be forgotten, or it has failed and must be. */
  constructor(name: string, context: ServerContext, onUnused: () => void) {
    this.#name = name
    this.#context = context
    this.#onUnused = onUnused
    this.#awareness = new AwarenessRelay(context)
    this.#whenLoaded = this.#load()
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  join(connection: Connection): void {
    this.#connections.add(connection)
    // Before the document is there, nothing is read and nothing answered.
    void this.#whenLoaded.then(() => this.#start(connection))
  }

  sweep(nowMs: number): void {
    if (!this.#document) return
    this.#awareness.sweep(nowMs)
    for (const connection of [...this.#connections]) connection.sweep(nowMs)
  }

  /** Makes durable and announces what was read so far, then ends all connections. */
  async drain(): Promise<void> {
    for (const connection of this.#connections) connection.stopReading()
    await this.#whenLoaded
    await this.#document?.whenIdle()
    this.#closeAll(GOING_AWAY, 'the server is shutting down')
    this.#finish()
  }

  async #load(): Promise<void> {
    try {
      this.#document = await DurableDocument.load(this.#name, this.#context, this.#documentListener)
      this.#unloadIfUnused()
    } catch (error) {
      this.#context.log.error(`${this.#name}: cannot load`, error)
      this.#closeAll(INTERNAL_ERROR, 'cannot load the document')
      this.#finish()
    }
  }

  #start(connection: Connection): void {
    const document = this.#document
    if (!document || this.#isOver) {
      connection.close(INTERNAL_ERROR, 'cannot load the document')
      return
    }
    connection.send(encodeSyncStep1(document.stateVector()))
    this.#awareness.join(connection)
    connection.start({
      onMessage: message => this.#receive(document, connection, message),
      onEnd: () => this.#leave(connection),
    })
  }

  #receive(document: DurableDocument<Connection>, connection: Connection, message: Message): void {
    switch (message.type) {
      case 'sync-step-1':
        connection.send(encodeSyncStep2(document.missingFrom(message.stateVector)))
        break
      case 'update':
        if (document.submit(message.update, message.decoded, connection)) {
          connection.hold(message.update.length)
        }
        break
      case 'awareness':
        this.#checkAwareness(message.states)
        this.#awareness.receive(connection, message.states)
        break
      case 'query-awareness':
        this.#awareness.answer(connection)
    }
  }

  #checkAwareness(states: readonly AwarenessState[]): void {
    const { maxAwarenessState } = this.#context.limits
    if (states.some(({ json }) => json !== null && json.length > maxAwarenessState)) {
      throw new Refusal(TOO_LARGE, `awareness state over ${maxAwarenessState} characters`)
    }
  }

  #leave(connection: Connection): void {
    this.#connections.delete(connection)
    this.#awareness.leave(connection)
    this.#unloadIfUnused()
  }

  readonly #documentListener: DocumentListener<Connection> = {
    onCommitted: (submissions, merged) => {
      release(submissions)
      if (merged) this.#broadcast(submissions, merged)
    },
    onRejected: (submissions, error) => {
      release(submissions)
      this.#context.log.error(`${this.#name}: cannot store ${submissions.length} updates`, error)
      for (const { sender } of submissions) sender.close(INTERNAL_ERROR, 'cannot store the update')
    },
    onBroken: (error, culprit) => {
      this.#context.log.error(`${this.#name}: an update cannot be applied; reloading`, error)
      culprit?.sender.close(MALFORMED, 'the update cannot be applied')
      this.#closeAll(INTERNAL_ERROR, 'reloading the document')
      this.#finish()
    },
    onIdle: () => this.#unloadIfUnused(),
  }

  /** One frame for each connection; a sender's is without its own updates. */
  #broadcast(submissions: readonly Submission<Connection>[], merged: Uint8Array): void {
    const senders = new Set(submissions.map(({ sender }) => sender))
    const frame = encodeUpdate(merged)
    for (const connection of [...this.#connections]) {
      if (!senders.has(connection)) {
        connection.send(frame)
      } else if (senders.size > 1) {
        const others = submissions.filter(({ sender }) => sender !== connection)
        connection.send(
          others.length > MAX_MERGED
            ? frame
            : encodeUpdate(Y.mergeUpdates(others.map(({ update }) => update))),
        )
      }
    }
  }

  #unloadIfUnused(): void {
    if (this.#connections.size === 0 && this.#document?.isIdle) this.#finish()
  }

  #closeAll(code: number, reason: string): void {
    for (const connection of [...this.#connections]) connection.close(code, reason)
    this.#connections.clear()
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#awareness.destroy()
    this.#document?.destroy()
    this.#onUnused()
  }
}

function release(submissions: readonly Submission<Connection>[]): void {
  for (const { update, sender } of submissions) sender.hold(-update.length)
}
