import * as Y from 'yjs'
import type { Submission } from './authorization/admission.ts'
import { writerClaim } from './authorization/claims.ts'
import type { RoomPolicy } from './authorization/room-policy.ts'
import type { AwarenessState } from './awareness-codec.ts'
import { AwarenessRelay } from './awareness-relay.ts'
import { DENIED, GOING_AWAY, INTERNAL_ERROR, MALFORMED, Refusal, TOO_LARGE } from './close-codes.ts'
import { RemoteAwareness } from './cluster/remote-awareness.ts'
import type { Connection } from './connection.ts'
import { type DocumentListener, DurableDocument } from './durable-document.ts'
import type { RoomWatch } from './hooks/server-hook-calls.ts'
import { type Lease, LeaseLostError } from './log/document-log.ts'
import type { ServerContext } from './options.ts'
import { encodeSyncStep1, encodeSyncStep2, encodeUpdate, type Message } from './protocol.ts'
import { ShadowDocument, type UpdateSender } from './shadow-document.ts'

/** The state vector of an empty document. */
const NOTHING = new Uint8Array([0])

/** `Y.mergeUpdates` costs some 10 µs for each update; with more than these, a sender's own are sent along instead. */
const MAX_MERGED = 16

/** A room's document, kept in memory. */
export interface HeldDocument {
  readonly doc: Y.Doc
  /** See `authorization/claims.ts`. */
  readonly claims: ReadonlyMap<string, string>
  release(): void
}

/** What the server itself writes before anybody reads. */
export interface Seed {
  readonly update: Uint8Array
  readonly lease: Lease | undefined
  release(): void
}

export interface RoomListener {
  /** Who may have it and write what in it; undefined = everybody everything. Released when nobody has it open. */
  policy(): RoomPolicy | undefined
  /** The client id under which nobody but the server writes; undefined where nothing is judged. */
  reservedWriter(): Promise<number> | undefined
  /** What is to be added to a document before anybody reads it, if anything. */
  seed(read: () => Promise<Uint8Array>): Promise<Seed | undefined>
  /** Hears what is committed in a document; undefined = nobody wants to. */
  watch(doc: Y.Doc): RoomWatch | undefined
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
  /** On the other servers that share the storage. */
  readonly #remote: RemoteAwareness | undefined
  #unsubscribe = () => {}
  readonly #whenLoaded: Promise<void>
  #document: DurableDocument<UpdateSender> | undefined
  #shadow: ShadowDocument | undefined
  #policy: RoomPolicy | undefined
  #watch: RoomWatch | undefined
  readonly #holders = new Set<() => void>()
  /** A shadow is open, or will be as soon as the document is there. */
  #isShadowed = false
  #isOver = false

  constructor(name: string, context: ServerContext, listener: RoomListener) {
    this.#name = name
    this.#context = context
    this.#listener = listener
    const { cluster } = context.storage
    this.#awareness = new AwarenessRelay(context, states => this.#remote?.tell(states))
    if (cluster && context.nodes) {
      const publish = (message: Uint8Array) => cluster.publish(name, message)
      this.#remote = new RemoteAwareness(this.#awareness, context.nodes.id, publish)
    }
    this.#whenLoaded = this.#load()
  }

  /** Undefined until it is loaded. */
  get doc(): Y.Doc | undefined {
    return this.#document?.doc
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Whether somebody is connected; undefined = it is not known who is. */
  isConnected(identity: string): boolean | undefined {
    if (!this.#context.authorization) return undefined
    return [...this.#connections].some(({ visitor }) => visitor.identity === identity)
  }

  join(connection: Connection): void {
    this.#connections.add(connection)
    // Before the document is there, nothing is read and nothing answered.
    void this.#admit(connection)
  }

  /**
   * Keeps the document in memory.
   *
   * @param onOver it is over all the same: it is to be loaded anew
   * @throws if it cannot be loaded
   */
  async hold(onOver: () => void): Promise<HeldDocument> {
    this.#holders.add(onOver)
    await this.#whenLoaded
    const document = this.#document
    if (!document || this.#isOver) throw new Error(`${this.#name}: cannot load the document`)
    const release = () => {
      if (this.#holders.delete(onOver)) this.#unloadIfUnused()
    }
    return { doc: document.doc, claims: document.claims, release }
  }

  /**
   * A copy of the document for the server itself to write in, one at a time. The room stays in memory until it is
   * closed.
   *
   * @param lease what is written is only kept while it holds
   * @throws if the document cannot be loaded
   */
  async openShadow(clientId: number, lease?: Lease): Promise<ShadowDocument> {
    this.#isShadowed = true
    await this.#whenLoaded
    const document = this.#document
    if (!document || this.#isOver) throw new Error(`${this.#name}: cannot load the document`)
    // What the server before has written, under the same client id.
    if (lease && !(await document.catchUp())) {
      this.#isShadowed = false
      this.#unloadIfUnused()
      throw new Error(`${this.#name}: cannot read what other servers wrote`)
    }
    const room = {
      submit: (update: Uint8Array, shadow: UpdateSender) => document.write(update, shadow, lease),
      onClosed: () => {
        this.#shadow = undefined
        this.#isShadowed = false
        this.#unloadIfUnused()
      },
    }
    this.#shadow = new ShadowDocument(this.#context, room, document.missingFrom(NOTHING), clientId)
    return this.#shadow
  }

  /**
   * Takes an update of the server's own, made of what is in the document, under a client id that is nobody else's from now on;
   * resolves when it is durable.
   *
   * @throws if it cannot be stored
   */
  async write(update: Uint8Array, writer: number): Promise<void> {
    await this.#whenLoaded
    const document = this.#document
    if (!document || this.#isOver) throw new Error(`${this.#name}: cannot load the document`)
    await new Promise<void>((resolve, reject) => {
      const onRefused = (_update: Uint8Array, _code: number, reason: string) =>
        reject(new Error(reason))
      const onForbidden = () => reject(new Error('the client id is taken'))
      // No identity is empty.
      const claims = { owner: '', keys: [writerClaim(writer)] }
      const sender = { onStored: () => resolve(), onRefused, onForbidden }
      document.write(update, sender, undefined, claims)
    })
  }

  /** See `DurableDocument.fold`. */
  async fold(): Promise<void> {
    await this.#document?.fold()
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
    // All rooms end, each with this reason.
    this.#holders.clear()
    this.#closeAll(GOING_AWAY, 'the server is shutting down')
    this.#finish()
  }

  async #load(): Promise<void> {
    try {
      await this.#subscribe()
      const document = await DurableDocument.load(this.#name, this.#context, this.#documentListener)
      const reserved = await this.#listener.reservedWriter()
      if (reserved !== undefined) document.owners.set(reserved, '')
      await this.#seed(document)
      this.#document = document
      this.#watch = this.#listener.watch(document.doc)
      // What was told before it was there.
      if (this.#remote) void document.catchUp()
      this.#listener.onNews()
      this.#unloadIfUnused()
    } catch (error) {
      this.#context.log.error(`${this.#name}: cannot load`, error)
      this.#closeAll(INTERNAL_ERROR, 'cannot load the document')
      this.#finish()
    }
  }

  async #subscribe(): Promise<void> {
    const { cluster } = this.#context.storage
    if (!cluster) return
    this.#unsubscribe = await cluster.subscribe(this.#name, {
      onAppended: (seq, updates) => this.#document?.hear(seq, updates),
      onMessage: message => this.#remote?.receive(message),
      onGap: () => {
        void this.#document?.catchUp()
        this.#remote?.reintroduce()
      },
    })
    this.#remote?.query()
  }

  /** There is another server that shares the storage, or it is heard again. */
  findNodes(): void {
    this.#remote?.reintroduce()
  }

  /** Another server that shares the storage is gone. */
  loseNode(id: string): void {
    this.#remote?.lose(id)
  }

  /** @throws if it cannot be stored: it may lie in the log all the same, and must not be written in another form */
  async #seed(document: DurableDocument<UpdateSender>): Promise<void> {
    const seed = await this.#listener.seed(async () => {
      if (this.#remote && !(await document.catchUp())) {
        throw new Error('cannot read what other servers wrote')
      }
      return document.missingFrom(NOTHING)
    })
    if (!seed) return
    try {
      await new Promise<void>((resolve, reject) => {
        const onRefused = (_update: Uint8Array, _code: number, reason: string) =>
          reject(new Error(reason))
        document.write(seed.update, { onStored: () => resolve(), onRefused }, seed.lease)
      })
    } finally {
      seed.release()
    }
  }

  async #admit(connection: Connection): Promise<void> {
    await this.#whenLoaded
    try {
      await this.#openPolicy()?.whenReady
    } catch (error) {
      this.#endPolicy(error)
    }
    this.#start(connection)
  }

  /** Once it is needed: the policy of a conversation rests on its document, which is a room itself. */
  #openPolicy(): RoomPolicy | undefined {
    const document = this.#document
    if (this.#policy || !document || this.#isOver) return this.#policy
    const policy = this.#listener.policy()
    if (!policy) return undefined
    this.#policy = policy
    const gate = policy.gateOf(document)
    if (gate) document.guard(gate)
    policy.follow({
      onStandingsChanged: () => {
        for (const connection of [...this.#connections]) this.#expel(connection)
        document.reconsider()
      },
      onProgress: () => document.reconsider(),
      onOver: error => this.#endPolicy(error),
    })
    return policy
  }

  /** Ends the connection of somebody who may not have the document; says whether it did. */
  #expel(connection: Connection): boolean {
    const { identity } = connection.visitor
    const reason = identity === undefined ? undefined : this.#policy?.whyNotRead(identity)
    if (reason === undefined) return false
    connection.close(DENIED, reason)
    return true
  }

  /** It cannot be told who may do what: everybody has to come again. */
  #endPolicy(error: unknown): void {
    this.#context.log.error(`${this.#name}: cannot tell who may do what`, error)
    this.#closeAll(INTERNAL_ERROR, 'reloading the conversation')
    this.#finish()
  }

  #start(connection: Connection): void {
    const document = this.#document
    if (!document || this.#isOver) {
      connection.close(INTERNAL_ERROR, 'cannot load the document')
      return
    }
    if (this.#expel(connection)) {
      this.#leave(connection)
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
        if (document.isTooLarge) {
          throw new Refusal(
            TOO_LARGE,
            `the document is over ${this.#context.limits.maxDocumentSize} bytes`,
          )
        }
        if (document.submit(message.update, message.decoded, connection)) {
          connection.hold(message.update.length)
        }
        break
      case 'awareness':
        this.#checkAwareness(message.states)
        this.#awareness.receive(connection, message.states, connection.visitor.identity)
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
    onCommitted: (submissions, merged, isMore) => {
      const isForeign = submissions.length === 0
      const isNews =
        isForeign || isMore || submissions.some(({ sender }) => sender !== this.#shadow)
      this.#watch?.onCommitted(!isForeign)
      if (merged && isNews) this.#shadow?.receive(merged)
      if (merged) this.#broadcast(submissions, merged, isMore)
      for (const { update, sender } of submissions) sender.onStored(update)
      if (isNews) this.#listener.onNews()
    },
    onRejected: (submissions, error) => {
      this.#context.log.error(`${this.#name}: cannot store ${submissions.length} updates`, error)
      for (const { update, sender } of submissions) {
        // Maybe one of before, which is closed: the shadow that is open now may have another lease.
        if (error instanceof LeaseLostError && sender === this.#shadow) this.#shadow.end(error)
        sender.onRefused(update, INTERNAL_ERROR, 'cannot store the update')
      }
    },
    onRefused: (submissions, refused) => {
      this.#context.metrics.updatesRefused.add(1, { reason: refused.code })
      for (const { update, sender } of submissions) sender.onForbidden?.(update, refused)
    },
    onGap: submissions => {
      this.#context.metrics.gaps.add()
      const [{ sender }] = submissions as [Submission<UpdateSender>]
      const document = this.#document as DurableDocument<UpdateSender>
      sender.onGap?.(
        submissions.map(({ update }) => update),
        () => encodeSyncStep1(document.stateVector()),
      )
    },
    onBroken: (error, culprit) => {
      this.#context.log.error(`${this.#name}: an update cannot be applied; reloading`, error)
      culprit?.sender.onRefused(culprit.update, MALFORMED, 'the update cannot be applied')
      this.#closeAll(INTERNAL_ERROR, 'reloading the document')
      this.#finish()
    },
    onReplaced: () => {
      this.#context.log.warn(`${this.#name}: erased elsewhere, or lost by the storage; reloading`)
      this.#closeAll(INTERNAL_ERROR, 'reloading the document')
      this.#finish()
    },
    onIdle: () => this.#unloadIfUnused(),
  }

  /** One frame for each connection; a sender's is without its own updates, unless there is more than them. */
  #broadcast(
    submissions: readonly Submission<UpdateSender>[],
    merged: Uint8Array,
    isMore: boolean,
  ): void {
    const senders = new Set<UpdateSender>(isMore ? [] : submissions.map(({ sender }) => sender))
    const frame = encodeUpdate(merged)
    this.#context.metrics.updatesAccepted.add(submissions.length)
    this.#context.metrics.deliveries.add(submissions.length * (this.#connections.size - 1))
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
    if (this.#connections.size > 0 || this.#isShadowed || !this.#document?.isIdle) return
    // It may rest on this very document, and let go of it now.
    const policy = this.#policy
    this.#policy = undefined
    policy?.release()
    if (this.#holders.size === 0) this.#finish()
  }

  #closeAll(code: number, reason: string): void {
    for (const connection of [...this.#connections]) connection.close(code, reason)
    this.#connections.clear()
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#remote?.close()
    this.#unsubscribe()
    this.#policy?.release()
    this.#watch?.stop()
    this.#awareness.destroy()
    this.#document?.destroy()
    this.#shadow?.end(new Error(`${this.#name}: the document was unloaded`))
    this.#listener.onUnused()
    for (const onOver of [...this.#holders]) onOver()
  }
}
