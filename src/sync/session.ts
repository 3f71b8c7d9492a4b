import { uint32 } from 'lib0/random'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { type Clock, systemClock } from '../base/clock.ts'
import { Emitter } from '../base/emitter.ts'
import { ConversationsError } from '../base/errors.ts'
import { keepPromise } from '../base/keep-promise.ts'
import type { Hello, RefusedWrite } from '../base/wire/extension.ts'
import { listenToPage } from './page.ts'
import type { Persistence, PersistenceHandle, Transport, TransportHandle } from './provider.ts'
import { Recovery } from './recovery.ts'
import {
  bestOf,
  type ConnectionEvent,
  type ConnectionState,
  type ConnectionStatus,
  TRANSITIONS,
  toStatus,
} from './status.ts'
import { WriterLease } from './writer-lease.ts'

export interface SessionOptions {
  readonly name: string
  readonly persistence: Persistence | undefined
  readonly transports: readonly Transport[]
  /** Whose sessions go on under each other's client ids. Default: everybody's. */
  readonly owner?: string | undefined
  /** An app's own document and awareness; they are used and not destroyed, and the document keeps its client id. */
  readonly doc?: Y.Doc | undefined
  readonly awareness?: Awareness | undefined
  /** Of a document beside another: it is not looked at for the status of the client. Default false. */
  readonly isSecondary?: boolean
  /** Writes what the model holds back for a moment into the document. */
  readonly flushWrites: () => void
  /** Whether to connect when the document is loaded. Default true. */
  readonly isConnectionWanted?: () => boolean
  readonly clock?: Clock | undefined
}

/** What a server refuses of a document, and all that was in it: this state was set aside. */
export interface Refusal {
  readonly code: RefusedWrite['code']
  /** For people. */
  readonly reason: string
  /** A Yjs update (v1) of the whole document as it was. */
  readonly update: Uint8Array
}

// A type, not an interface: event maps need an index signature that interfaces do not have.
export type SessionEvents = {
  status: (status: ConnectionStatus) => void
  synced: (isSynced: boolean) => void
  error: (error: ConversationsError) => void
  /** Nothing of the document counts until it is `recovered`: a server has refused something in it. */
  recovering: () => void
  refused: (refusal: Refusal) => void
  /** The document is to be read anew. */
  recovered: () => void
  saved: (isSaved: boolean | undefined) => void
  hello: (hello: Hello) => void
  destroyed: () => void
}

export interface OfflineOptions {
  /** Whether tabs of this device are cut off too. */
  readonly tabs?: boolean
}

interface Connection {
  readonly handle: TransportHandle
  state: ConnectionState
  isSynced: boolean
  /** Undefined = the other side does not say. */
  isSaved: boolean | undefined
}

/**
 * One open document and what keeps and carries it. The order is: views subscribe, the document is loaded from this
 * device, then it is connected; and when it ends: presence goes, transports, persistence, document.
 */
export class Session extends Emitter<SessionEvents> {
  readonly name: string
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly #options: SessionOptions
  #persistence: PersistenceHandle | undefined
  readonly #recovery: Recovery
  readonly #leases: WriterLease[] = []
  /** Those with a client id beside that of the document. */
  readonly #seconds: { clientID: number }[] = []
  #connections: Connection[] = []
  #status: ConnectionStatus = 'disconnected'
  #isSynced = false
  #isSaved: boolean | undefined
  #hello: Hello | undefined
  #isStarted = false
  #offline: OfflineOptions | undefined
  #whenDestroyed: Promise<void> | undefined
  /** The state to come back with from the back/forward cache. */
  #hiddenState: Record<string, unknown> | null = null
  #unlisten: () => void = () => {}

  constructor(options: SessionOptions) {
    super()
    this.#options = options
    this.name = options.name
    this.doc = options.doc ?? new Y.Doc({ guid: options.name })
    this.awareness = options.awareness ?? createAwareness(this.doc)
    // A bare awareness would announce `{}`, with a clock that others ignore for 15 s.
    if (!options.awareness) this.awareness.setLocalState(null)
    this.#recovery = new Recovery(this.doc, options.clock ?? systemClock, {
      onBegin: () => this.emit('recovering'),
      onEnd: () => this.emit('recovered'),
    })
  }

  get status(): ConnectionStatus {
    return this.#status
  }

  /** Whether something may come from others. */
  get isOnline(): boolean {
    return this.#status === 'connecting' || this.#status === 'connected'
  }

  get isSynced(): boolean {
    return this.#isSynced
  }

  /**
   * Whether a server keeps everything that is in the document, so that it survives this device. Undefined as long as none
   * has said so: it was not reached since the start, or is of a kind that does not say.
   */
  get isSaved(): boolean | undefined {
    return this.#isSaved
  }

  /** What the server said last of itself and of this connection. */
  get hello(): Hello | undefined {
    return this.#hello
  }

  /**
   * Set while the document says nothing, because a server has refused something in it: settles, in bounded time, when it
   * does again. Whoever writes waits for it.
   */
  get whenRecovered(): Promise<void> | undefined {
    return this.#recovery.whenOver
  }

  /** The document was emptied after a refusal, and the server's state has not come yet. */
  get isIncomplete(): boolean {
    return this.#recovery.isIncomplete
  }

  /** How it was cut off, if it was. */
  get offline(): OfflineOptions | undefined {
    return this.#offline
  }

  /** Whether nothing but tabs of this device can be reached, and these can. */
  get isLocal(): boolean {
    return this.#connections.length > 0 && this.#connections.every(({ handle }) => handle.isLocal)
  }

  /** Whether there is nobody to exchange anything with. */
  get isAlone(): boolean {
    return this.#connections.length === 0
  }

  /** Whether `destroy` was called. */
  get isDestroyed(): boolean {
    return this.#whenDestroyed !== undefined
  }

  /** Whether it is beside another document, which tells the status. */
  get isSecondary(): boolean {
    return this.#options.isSecondary ?? false
  }

  /** Whether the status says something: not before it is loaded, and not at the end. */
  get isActive(): boolean {
    return this.#isStarted && !this.isDestroyed
  }

  /** Loads the document from this device; resolves, without rejecting, when it is there, cannot be, or is not wanted. */
  async load(): Promise<void> {
    const { persistence } = this.#options
    if (!persistence) return
    const whenDestroyed = new Promise<void>(resolve => this.once('destroyed', resolve))
    try {
      this.#persistence = persistence(this.#context())
      await Promise.race([this.#persistence.whenLoaded, whenDestroyed])
      if (this.isDestroyed || this.#options.doc) return
      const lease = this.#leaseFrom(this.#persistence, this.doc)
      if (lease) this.#leases.push(lease)
      await Promise.race([lease?.resume(), whenDestroyed])
    } catch (cause) {
      this.#report(cause, 'storage', 'The persistence failed to load; the document lives in memory')
    }
  }

  /** Attaches the transports and connects them; call it once, when views follow the document. */
  start(offline = this.#isConnectionWanted ? undefined : {}): void {
    if (this.isDestroyed) return
    this.#isStarted = true
    this.#offline = offline
    for (const transport of this.#options.transports) {
      this.#try('A transport failed to attach to the document', () => this.#attach(transport))
    }
    if (!this.isAlone) this.doc.on('update', this.#onUpdate)
    this.#connectAll()
    this.#unlisten = listenToPage({
      onLeave: () => this.#leavePage(),
      onReturn: () => this.#returnToPage(),
      onHidden: () => this.#options.flushWrites(),
      // A tab that is frozen may be discarded, and is told of nothing more.
      onFreeze: () => this.#releaseWriters(),
      onThaw: () => this.#resumeWriters(),
    })
  }

  connect(): void {
    this.#offline = undefined
    this.#connectAll()
  }

  /**
   * A client id of its own for something that also writes in the document, on loan as the document's own is: Yjs joins
   * what one id deleted only where nothing else was written under it in between. Call it when the document is loaded.
   */
  async leaseWriter(purpose: string): Promise<{ readonly clientID: number }> {
    const second = Object.create(this.doc, {
      clientID: { value: uint32(), writable: true },
    }) as Y.Doc
    this.#seconds.push(second)
    const lease = this.#persistence && this.#leaseFrom(this.#persistence, second, purpose)
    if (!lease) return second
    this.#leases.push(lease)
    await lease.resume()
    return second
  }

  /** Cuts the network; tabs of this device stay joined unless `tabs` is set. */
  disconnect(options: OfflineOptions = {}): void {
    this.#offline = options
    for (const connection of this.#connections) {
      if (isCut(connection, options)) this.#disconnect(connection)
    }
  }

  /** Brings in what other tabs have stored; resolves, without rejecting, when it is there or cannot be. */
  async refresh(): Promise<void> {
    try {
      await this.#persistence?.refresh?.()
    } catch (cause) {
      this.#report(cause, 'storage', 'The persistence failed to read')
    }
  }

  /** Resolves, without rejecting, when every write so far is durable on this device, or cannot be. */
  async flush(): Promise<void> {
    try {
      await this.#persistence?.flush()
    } catch (cause) {
      this.#report(cause, 'storage', 'The persistence failed to flush')
    }
  }

  destroy(): Promise<void> {
    if (this.#whenDestroyed) return this.#whenDestroyed
    const keep = (promise: Promise<void>) => {
      this.#whenDestroyed = promise
    }
    return keepPromise(keep, () => this.#destroy())
  }

  async #destroy(): Promise<void> {
    this.#options.flushWrites()
    this.#unlisten()
    this.doc.off('update', this.#onUpdate)
    this.#recovery.end()
    if (!this.#options.awareness) this.awareness.setLocalState(null)
    const closing = this.#connections.map(async ({ handle }) => handle.destroy())
    for (const result of await Promise.allSettled(closing)) {
      if (result.status === 'fulfilled') continue
      this.#report(result.reason, 'transport', 'A transport failed to close')
    }
    await this.flush()
    try {
      await Promise.all(this.#leases.map(lease => lease.end()))
      await this.#persistence?.destroy()
    } catch (cause) {
      this.#report(cause, 'storage', 'The persistence failed to close')
    }
    for (const connection of this.#connections) this.#dispatch(connection, 'disconnect')
    if (!this.#options.awareness) this.awareness.destroy()
    if (!this.#options.doc) this.doc.destroy()
    this.emit('destroyed')
  }

  /** The awareness keeps the client id it began with: presence is of a session, and its clock would begin anew. */
  #leaseFrom(
    { writers }: PersistenceHandle,
    doc: Y.Doc,
    purpose?: string,
  ): WriterLease | undefined {
    if (!writers) return undefined
    const { owner = '' } = this.#options
    return new WriterLease(doc, writers, purpose ? `${owner}\n${purpose}` : owner, () => {
      const message =
        'Something else writes under the client id of this device, perhaps a copy of its storage; it has a new one now'
      this.emit('error', new ConversationsError('storage', message, { reason: 'copied' }))
    })
  }

  /** All that are not cut off. Those to other tabs wait: these may have what was refused, and nobody to tell them. */
  #connectAll(except?: Connection): void {
    for (const connection of this.#connections) {
      const mustWait = this.isIncomplete && connection.handle.isLocal
      if (mustWait || connection === except || isCut(connection, this.#offline)) continue
      this.#connect(connection)
    }
  }

  #disconnect(connection: Connection): void {
    this.#dispatch(connection, 'disconnect')
    this.#try('A transport failed to disconnect', () => connection.handle.disconnect())
  }

  #connect(connection: Connection): void {
    if (this.isDestroyed) return
    this.#dispatch(connection, 'connect')
    this.#try('A transport failed to connect', () => connection.handle.connect())
  }

  #try(message: string, call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.#report(cause, 'transport', message)
    }
  }

  #attach(transport: Transport): void {
    let connection: Connection | undefined
    // A transport may call back before it has returned its handle.
    const early: ((connection: Connection) => void)[] = []
    const later = (call: (connection: Connection) => void) => {
      if (connection) call(connection)
      else early.push(call)
    }
    const handle = transport({
      ...this.#context(),
      onStatus: status => later(known => this.#dispatch(known, status)),
      onSynced: isSynced =>
        later(known => {
          known.isSynced = isSynced && known.state === 'connected'
          this.#update()
        }),
      flushWrites: () => this.#options.flushWrites(),
      onRefused: refused => later(known => void this.#onRefused(known, refused)),
      onSaved: isSaved =>
        later(known => {
          known.isSaved = isSaved
          this.#update()
        }),
      onHello: hello => {
        this.#hello = hello
        this.emit('hello', hello)
      },
    })
    if (!handle) throw new TypeError('The transport returned no handle')
    connection = { handle, state: 'off', isSynced: false, isSaved: undefined }
    this.#connections.push(connection)
    for (const call of early) call(connection)
  }

  get #isConnectionWanted(): boolean {
    return this.#options.isConnectionWanted?.() ?? true
  }

  #context() {
    const { name, doc, awareness } = this
    const onError = (error: ConversationsError) => {
      this.emit('error', error)
    }
    const isRefused = (update: Uint8Array) => this.#recovery.isRefused(update)
    return { name, doc, awareness, onError, isRefused }
  }

  /**
   * Everything that is here and not known to the server goes, because nobody can tell what of it was refused, and what
   * follows under the same client id could never be applied there.
   */
  async #onRefused(connection: Connection, { code, reason }: RefusedWrite): Promise<void> {
    if (this.isDestroyed) return
    const goesOn = this.#recovery.begin()
    // From now on deaf to what the transport says of its end.
    this.#dispatch(connection, goesOn ? 'disconnect' : 'denied')
    // Yjs may be in the middle of the transaction that was answered by it.
    await undefined
    if (this.isDestroyed) return
    for (const one of this.#connections) {
      if (goesOn || one !== connection) this.#disconnect(one)
      if (one.isSaved) one.isSaved = false
    }
    const update = this.#recovery.setAside()
    for (const second of this.#seconds) second.clientID = uint32()
    this.#persistence?.setAside?.(update).catch(cause => {
      this.#report(cause, 'storage', 'The persistence failed to set aside what was refused')
    })
    this.emit('refused', {
      code: code === 'foreign-writer' ? code : 'forbidden',
      reason: String(reason),
      update,
    })
    this.#update()
    this.#connectAll(goesOn ? undefined : connection)
    if (goesOn) return
    const message = `A server refuses again and again what is written here: ${reason}; call connect() to try once more`
    this.emit('error', new ConversationsError('denied', message))
  }

  /** Without a connection, nobody else says that it is not saved. */
  readonly #onUpdate = (): void => {
    for (const connection of this.#connections) {
      if (connection.isSaved && connection.state !== 'connected') connection.isSaved = false
    }
    this.#update()
  }

  #dispatch(connection: Connection, event: ConnectionEvent): void {
    connection.state = TRANSITIONS[connection.state][event]
    if (connection.state !== 'connected') connection.isSynced = false
    this.#update()
  }

  #update(): void {
    const remote = this.#connections.filter(({ handle }) => !handle.isLocal)
    const counted = remote.length > 0 ? remote : this.#connections
    const status = bestOf(counted.map(({ state }) => toStatus(state)))
    const isSynced = counted.some(connection => connection.isSynced)
    if (status !== this.#status) {
      this.#status = status
      this.emit('status', status)
    }
    if (isSynced !== this.#isSynced) {
      this.#isSynced = isSynced
      if (isSynced && this.isIncomplete) {
        // Views are complete before anybody is told.
        this.#recovery.complete()
        this.#connectAll()
      }
      this.emit('synced', isSynced)
    }
    const said = counted.map(one => one.isSaved).filter(one => one !== undefined)
    const isSaved = said.length > 0 ? said.includes(true) : undefined
    if (isSaved !== this.#isSaved) {
      this.#isSaved = isSaved
      this.emit('saved', isSaved)
    }
  }

  #report(cause: unknown, code: 'storage' | 'transport', message: string): void {
    this.emit(
      'error',
      cause instanceof ConversationsError
        ? cause
        : new ConversationsError(code, message, { cause }),
    )
  }

  /** A page that goes away says so itself: others would wait half a minute for its silence to count. */
  #leavePage(): void {
    this.#options.flushWrites()
    this.#hiddenState = this.awareness.getLocalState()
    this.awareness.setLocalState(null)
    this.#releaseWriters()
  }

  #releaseWriters(): void {
    for (const lease of this.#leases) lease.release()
  }

  #resumeWriters(): void {
    for (const lease of this.#leases) void lease.resume()
  }

  #returnToPage(): void {
    if (this.#hiddenState) this.awareness.setLocalState(this.#hiddenState)
    this.#resumeWriters()
  }
}

function isCut({ handle }: Connection, offline: OfflineOptions | undefined): boolean {
  return offline !== undefined && (!handle.isLocal || offline.tabs === true)
}

/** A bare awareness never stops listening to its document, which may outlive it. */
function createAwareness(doc: Y.Doc): Awareness {
  let stop = () => {}
  const on = (...args: ['destroy', () => void]) => {
    doc.on(...args)
    stop = () => doc.off(...args)
  }
  const awareness = new Awareness(Object.create(doc, { on: { value: on } }) as Y.Doc)
  awareness.doc = doc
  awareness.on('destroy', stop)
  return awareness
}
