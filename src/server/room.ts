import * as Y from 'yjs'
import type { AwarenessState } from './awareness-codec.ts'
import { AwarenessRelay } from './awareness-relay.ts'
import { GOING_AWAY, INTERNAL_ERROR, MALFORMED, Refusal, TOO_LARGE } from './close-codes.ts'
import type { Connection } from './connection.ts'
import { type DocumentListener, DurableDocument, type Submission } from './durable-document.ts'
import type { ServerContext } from './options.ts'
import { encodeSyncStep1, encodeSyncStep2, encodeUpdate, type Message } from './protocol.ts'
import { ShadowDocument, type UpdateSender } from './shadow-document.ts'

/** The state vector of an empty document. */
const NOTHING = new Uint8Array([0])

/** `Y.mergeUpdates` costs some 10 µs for each update; with more than these, a sender's own are sent along instead. */
const MAX_MERGED = 16

export interface RoomListener {
  /** What is to be added to a document before anybody reads it, if anything. */
  seed(state: Uint8Array): Promise<Uint8Array | undefined>
  /** It has been loaded, or somebody else than the server itself has changed it. */
  onNews(): void
  /** It holds nothing any more and may be forgotten, or it has failed and must be. */
  onUnused(): void
}

/** One document, its awareness, and who is connected to it. */
export class Room {
  readonly #name: string
  readonly #context: ServerContext
  readonly #listener: RoomListener
  readonly #connections = new Set<Connection>()
  readonly #awareness: AwarenessRelay
  readonly #whenLoaded: Promise<void>
  #document: DurableDocument<UpdateSender> | undefined
  #shadow: ShadowDocument | undefined
  /** A shadow is open, or will be as soon as the document is there. */
  #isShadowed = false
  #isOver = false

  constructor(name: string, context: ServerContext, listener: RoomListener) {
    this.#name = name
    this.#context = context
    this.#listener = listener
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

  /**
   * A copy of the document for the server itself to write in, one at a time. The room stays in memory until it is
   * closed.
   *
   * @throws if the document cannot be loaded
   */
  async openShadow(clientId: number): Promise<ShadowDocument> {
    this.#isShadowed = true
    await this.#whenLoaded
    const document = this.#document
    if (!document || this.#isOver) throw new Error(`${this.#name}: cannot load the document`)
    const room = {
      submit: (update: Uint8Array, shadow: UpdateSender) => document.write(update, shadow),
      onClosed: () => {
        this.#shadow = undefined
        this.#isShadowed = false
        this.#unloadIfUnused()
      },
    }
    this.#shadow = new ShadowDocument(this.#context, room, document.missingFrom(NOTHING), clientId)
    return this.#shadow
  }

  sweep(nowMs: number): void {
    if (!this.#document) return
    this.#awareness.sweep(nowMs)
    for (const connection of [...this.#connections]) connection.sweep(nowMs)
  }

  /** Reads no more, and makes durable and announces what was read so far. */
  async stopReading(): Promise<void> {
    for (const connection of this.#connections) connection.stopReading()
    await this.#whenLoaded
    await this.#document?.whenIdle()
  }

  /** Ends all connections, when everything is durable. */
  async drain(): Promise<void> {
    await this.stopReading()
    this.#closeAll(GOING_AWAY, 'the server is shutting down')
    this.#finish()
  }

  async #load(): Promise<void> {
    try {
      const document = await DurableDocument.load(this.#name, this.#context, this.#documentListener)
      await this.#seed(document)
      this.#document = document
      this.#listener.onNews()
      this.#unloadIfUnused()
    } catch (error) {
      this.#context.log.error(`${this.#name}: cannot load`, error)
      this.#closeAll(INTERNAL_ERROR, 'cannot load the document')
      this.#finish()
    }
  }

  /** @throws if it cannot be stored: it may lie in the log all the same, and must not be written in another form */
  async #seed(document: DurableDocument<UpdateSender>): Promise<void> {
    const seed = await this.#listener.seed(document.missingFrom(NOTHING))
    if (!seed) return
    await new Promise<void>((resolve, reject) => {
      const onRefused = (_update: Uint8Array, _code: number, reason: string) =>
        reject(new Error(reason))
      document.write(seed, { onStored: () => resolve(), onRefused })
    })
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

  #receive(
    document: DurableDocument<UpdateSender>,
    connection: Connection,
    message: Message,
  ): void {
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

  readonly #documentListener: DocumentListener<UpdateSender> = {
    onCommitted: (submissions, merged) => {
      const isNews = submissions.some(({ sender }) => sender !== this.#shadow)
      if (merged && isNews) this.#shadow?.receive(merged)
      if (merged) this.#broadcast(submissions, merged)
      for (const { update, sender } of submissions) sender.onStored(update)
      if (isNews) this.#listener.onNews()
    },
    onRejected: (submissions, error) => {
      this.#context.log.error(`${this.#name}: cannot store ${submissions.length} updates`, error)
      for (const { update, sender } of submissions) {
        sender.onRefused(update, INTERNAL_ERROR, 'cannot store the update')
      }
    },
    onBroken: (error, culprit) => {
      this.#context.log.error(`${this.#name}: an update cannot be applied; reloading`, error)
      culprit?.sender.onRefused(culprit.update, MALFORMED, 'the update cannot be applied')
      this.#closeAll(INTERNAL_ERROR, 'reloading the document')
      this.#finish()
    },
    onIdle: () => this.#unloadIfUnused(),
  }

  /** One frame for each connection; a sender's is without its own updates. */
  #broadcast(submissions: readonly Submission<UpdateSender>[], merged: Uint8Array): void {
    const senders = new Set<UpdateSender>(submissions.map(({ sender }) => sender))
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
    if (this.#connections.size > 0 || this.#isShadowed) return
    if (this.#document?.isIdle) this.#finish()
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
    this.#shadow?.end(new Error(`${this.#name}: the document was unloaded`))
    this.#listener.onUnused()
  }
}
