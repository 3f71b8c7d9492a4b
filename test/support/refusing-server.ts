import * as Y from 'yjs'
import type { Hello, RefusedWrite } from '../../src/base/wire/extension.ts'
import type { Transport, TransportContext, TransportHandle } from '../../src/sync/provider.ts'
import { nextTask } from '../../src/testing/task.ts'

/** What somebody wants to write. */
export interface Attempt {
  readonly room: string
  readonly identity: string
  readonly before: Y.Doc
  readonly after: Y.Doc
}

/** A server in memory that may refuse what is written: then nothing of it is applied, and the connection is closed. */
export class RefusingServer {
  judge: (attempt: Attempt) => RefusedWrite | undefined = () => undefined
  hello: Hello | undefined
  saysSaved = false
  refusals = 0
  readonly #rooms = new Map<string, Y.Doc>()
  readonly #visitors = new Set<Visitor>()
  readonly #queue: (() => void)[] = []
  #isRunning = false

  doc(room: string): Y.Doc {
    const doc = this.#rooms.get(room) ?? new Y.Doc()
    this.#rooms.set(room, doc)
    return doc
  }

  transport(identity: string): Transport {
    return context => new Visitor(this, identity, context)
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 3; turns++) {
      if (turns > 5000) throw new Error('It does not settle')
      for (const { context } of this.#visitors) context.flushWrites()
      quiet = this.#queue.length === 0 ? quiet + 1 : 0
      await nextTask()
    }
  }

  /** Later, in order. */
  post(task: () => void): void {
    this.#queue.push(task)
    if (!this.#isRunning) void this.#run()
  }

  enter(visitor: Visitor): void {
    this.#visitors.add(visitor)
  }

  leave(visitor: Visitor): void {
    this.#visitors.delete(visitor)
  }

  /** Whether it was written; undefined = something that it rests on is missing. */
  write(from: Visitor, update: Uint8Array): boolean | undefined {
    const { name: room } = from.context
    const before = this.doc(room)
    const after = new Y.Doc()
    Y.applyUpdate(after, Y.encodeStateAsUpdate(before))
    Y.applyUpdate(after, update)
    if (after.store.pendingStructs || after.store.pendingDs) return undefined
    const refused = this.judge({ room, identity: from.identity, before, after })
    if (refused) {
      this.refusals++
      this.leave(from)
      from.refuse(refused)
      return false
    }
    Y.applyUpdate(before, update)
    for (const one of this.#visitors) {
      if (one !== from && one.context.name === room) one.hear(update)
    }
    return true
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#queue.length > 0) {
      await nextTask()
      for (const task of this.#queue.splice(0)) task()
    }
    this.#isRunning = false
  }
}

class Visitor implements TransportHandle {
  readonly identity: string
  readonly context: TransportContext
  readonly #server: RefusingServer
  /** Of the connection; what is under way for another is lost. */
  #connection = 0
  #isConnected = false
  #unsaved = 0

  constructor(server: RefusingServer, identity: string, context: TransportContext) {
    this.#server = server
    this.identity = identity
    this.context = context
    context.doc.on('update', this.#onUpdate)
  }

  connect(): void {
    if (this.#isConnected) return
    const { doc, name } = this.context
    this.#isConnected = true
    this.#connection++
    this.#unsaved = 0
    this.context.onStatus('connecting')
    this.#post(() => {
      this.#server.enter(this)
      this.context.onStatus('connected')
      if (this.#server.hello) this.context.onHello?.(this.#server.hello)
      const serverDoc = this.#server.doc(name)
      const missing = Y.encodeStateAsUpdate(serverDoc, Y.encodeStateVector(doc))
      const wanted = Y.encodeStateVector(serverDoc)
      this.#post(() => {
        Y.applyUpdate(doc, missing, this)
        this.context.onSynced(true)
        this.#send(Y.encodeStateAsUpdate(doc, wanted))
      })
    })
  }

  disconnect(): void {
    if (!this.#isConnected) return
    this.#end()
    this.context.onStatus('disconnected')
  }

  destroy(): void {
    this.disconnect()
    this.context.doc.off('update', this.#onUpdate)
  }

  hear(update: Uint8Array): void {
    this.#post(() => Y.applyUpdate(this.context.doc, update, this))
  }

  refuse(refused: RefusedWrite): void {
    this.#end()
    this.context.onRefused?.(refused)
    this.context.onStatus('denied')
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin !== this && this.#isConnected) this.#send(update)
  }

  #send(update: Uint8Array): void {
    this.#unsaved++
    if (this.#server.saysSaved) this.context.onSaved?.(false)
    this.#post(() => {
      const isWritten = this.#server.write(this, update)
      if (isWritten === false) return
      this.#unsaved--
      if (!isWritten) return this.#send(this.#allMissing())
      if (this.#unsaved === 0 && this.#server.saysSaved) this.context.onSaved?.(true)
    })
  }

  #allMissing(): Uint8Array {
    const { doc, name } = this.context
    return Y.encodeStateAsUpdate(doc, Y.encodeStateVector(this.#server.doc(name)))
  }

  #end(): void {
    this.#isConnected = false
    this.#connection++
    this.#server.leave(this)
  }

  #post(task: () => void): void {
    const connection = this.#connection
    this.#server.post(() => {
      if (connection === this.#connection) task()
    })
  }
}

/** Joins the sessions of one device, without a network and at once. */
export class Tabs {
  readonly #tabs = new Set<{ context: TransportContext; handle: TransportHandle }>()
  /** How many updates were exchanged. */
  messages = 0

  transport(): Transport {
    return context => {
      const give = (update: Uint8Array, to: TransportContext) => {
        this.messages++
        if (!to.isRefused?.(update)) Y.applyUpdate(to.doc, update, this)
      }
      const others = () =>
        [...this.#tabs].filter(one => one !== tab && one.context.name === context.name)
      const onUpdate = (update: Uint8Array, origin: unknown) => {
        if (origin === this || !this.#tabs.has(tab)) return
        for (const { context: to } of others()) give(update, to)
      }
      context.doc.on('update', onUpdate)
      const handle: TransportHandle = {
        isLocal: true,
        connect: () => {
          if (this.#tabs.has(tab)) return
          this.#tabs.add(tab)
          context.onStatus('connected')
          for (const { context: other } of others()) {
            give(Y.encodeStateAsUpdate(other.doc, Y.encodeStateVector(context.doc)), context)
            give(Y.encodeStateAsUpdate(context.doc, Y.encodeStateVector(other.doc)), other)
          }
          context.onSynced(true)
        },
        disconnect: () => {
          if (this.#tabs.delete(tab)) context.onStatus('disconnected')
        },
        destroy: () => {
          handle.disconnect()
          context.doc.off('update', onUpdate)
        },
      }
      const tab = { context, handle }
      return handle
    }
  }
}
