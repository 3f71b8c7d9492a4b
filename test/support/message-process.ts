import * as Y from 'yjs'
import type { ConversationsError } from '../../src/base/errors.ts'
import { Client } from '../../src/client/client.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import { ROOTS } from '../../src/schema/format.ts'
import { OUTBOX_ROOTS } from '../../src/schema/messages/outbox-document.ts'
import { PAGE_ROOTS } from '../../src/schema/messages/page-document.ts'
import type { Persistence, Transport } from '../../src/sync/provider.ts'
import { type MemoryNetwork, type MemoryStore, memoryPersistence } from '../../src/testing/index.ts'
import { nextTask } from '../../src/testing/task.ts'
import { FakeClock } from './fake-clock.ts'
import { MessageMirror } from './message-mirror.ts'
import type { ReadingHistory, Stamp, Witness } from './reading-history.ts'

export interface ProcessOptions {
  readonly network: MemoryNetwork
  readonly name: string
  readonly identity: string
  readonly store: MemoryStore
  readonly nowMs: number
  readonly isSequencer: boolean
  /** Of its user. */
  readonly history: ReadingHistory
  /** Instead of Yjs' random ones: the same schedule is the same life. */
  nextClientId(): number
}

const nothing = async () => {}

/** A running app with the conversation open, from its start until it is closed or killed. */
export class Process implements Witness {
  readonly identity: string
  readonly isSequencer: boolean
  readonly clock: FakeClock
  readonly errors: ConversationsError[] = []
  readonly name: string
  readonly #network: MemoryNetwork
  readonly #client: Client
  readonly #docs = new Map<string, Y.Doc>()
  #opened: { conversation: Conversation; mirror: MessageMirror } | undefined
  #isKilled = false
  #isClosed = false
  #logCount = 0
  #pageCount = 0
  readonly #history: ReadingHistory
  #lastWrite: Stamp | undefined

  constructor(options: ProcessOptions) {
    const { network, name, identity, store, nowMs, isSequencer } = options
    this.#history = options.history
    this.identity = identity
    this.isSequencer = isSequencer
    this.clock = new FakeClock(nowMs)
    this.name = name
    this.#network = network
    const keep = memoryPersistence(store, { failWrites: () => this.#isKilled })
    // A disk takes a moment: whoever waits for it can be killed meanwhile.
    const persistence: Persistence = context => {
      this.#docs.set(context.name, context.doc)
      context.doc.clientID = options.nextClientId()
      if (this.#isKilled) return { whenLoaded: nothing(), flush: nothing, destroy: nothing }
      const handle = keep(context)
      return { ...handle, flush: () => handle.flush().then(nextTask) }
    }
    const plug = network.transport(name)
    const transport: Transport = context => {
      if (!this.#isKilled) return plug(context)
      return { connect() {}, disconnect() {}, destroy() {} }
    }
    this.#client = new Client({ identity, transport, persistence, clock: this.clock })
    this.#client.on('error', error => {
      if (!this.#isKilled) this.errors.push(error)
    })
  }

  get process(): object {
    return this
  }

  get isKilled(): boolean {
    return this.#isKilled
  }

  get isOver(): boolean {
    return this.#isKilled || this.#isClosed
  }

  get conversation(): Conversation {
    return (this.#opened as { conversation: Conversation }).conversation
  }

  get mirror(): MessageMirror {
    return (this.#opened as { mirror: MessageMirror }).mirror
  }

  async open(): Promise<void> {
    const conversation = await this.#client.openConversation('room', {
      sequencer: this.isSequencer,
    })
    const mirror = new MessageMirror(conversation, await conversation.getParticipants())
    this.#opened = { conversation, mirror }
    this.#doc('').on('afterTransaction', transaction => this.#onTransaction(transaction))
  }

  has = ({ client, clock }: Stamp): boolean => {
    return Y.getState(this.#doc('').store, client) >= clock
  }

  /** Some of what came for the participants' document waits for what is still to come. */
  get isWaiting(): boolean {
    const { pendingStructs, pendingDs } = this.#doc('').store
    return pendingStructs !== null || pendingDs !== null
  }

  /** How many messages the log has, as far as is told here. */
  get logCount(): number {
    for (const change of this.#doc('/o').getArray(OUTBOX_ROOTS.log).toArray()) {
      this.#logCount = Math.max(this.#logCount, (change as [owner: string, count: number])[1])
    }
    return this.#logCount
  }

  /** Nothing is in the log that has not come here. */
  get isComplete(): boolean {
    this.lookAtPage()
    return this.#pageCount >= this.logCount && this.#doc('/o').store.pendingStructs === null
  }

  /** Of a message that is changed the old version may go before the new one comes; it is shown meanwhile. */
  lookAtPage(): void {
    const log = this.#docs.get(`${this.conversation.sid}/m/0`)?.getArray(PAGE_ROOTS.log)
    const indices = new Set(log?.toArray().map(entry => (entry as number[])[0]))
    this.#pageCount = Math.max(this.#pageCount, indices.size)
  }

  /** Does something to the own horizon, at once; says where that was written, if it was already. */
  writes(change: () => Promise<unknown>): { whenDone: Promise<unknown>; stamp: Stamp | undefined } {
    const before = this.#lastWrite
    const whenDone = change()
    return { whenDone, stamp: this.#lastWrite === before ? undefined : this.#lastWrite }
  }

  /** Lets time pass here if something takes long that is done in bounded time. */
  async inTime<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    promise.then(done, done)
    for (let tick = 1; !isDone; tick++) {
      if (tick % 50 === 0) this.clock.advance(6000)
      if (tick > 1000) throw new Error('It takes for ever')
      await nextTask()
    }
    return promise
  }

  /** Stops without a word: nobody is told, and nothing is written any more. */
  kill(): void {
    this.#isKilled = true
    this.#network.crash(this.name)
    this.clock.stop()
    // Frees what it holds; nothing of it gets out.
    this.#client.close().catch(() => {})
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#client.close()
  }

  #doc(channel: string): Y.Doc {
    return this.#docs.get(this.conversation.sid + channel) as Y.Doc
  }

  #onTransaction({ local, changed, doc, afterState }: Y.Transaction): void {
    if (!local || !changed.has(doc.getMap(ROOTS.horizons) as never)) return
    this.#lastWrite = { client: doc.clientID, clock: afterState.get(doc.clientID) ?? 0 }
    this.#history.wrote(this.#lastWrite, this)
  }
}
