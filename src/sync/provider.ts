import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { ConversationsError } from '../base/errors.ts'
import type { Hello, RefusedWrite } from '../base/wire/extension.ts'

/*
 * THE SEAM. A provider is a function that attaches itself to a document and calls back, so that nobody who
 * writes one has to implement an emitter. Conformance suites: `describePersistence` and `describeTransport`
 * in `y-conversations/testing`.
 */

/** What a provider gets: one open document. */
export interface ProviderContext {
  /** The document's name: room name of a transport, database name of a persistence. */
  readonly name: string
  readonly doc: Y.Doc
  readonly awareness: Awareness
  /** Reports trouble. Never throw into the document instead. */
  onError(error: ConversationsError): void
  /**
   * Whether an update would bring back what a server has refused. Ask before applying what comes from this device's own
   * tabs or storage, and leave out what is: it may be there still. Throws if the update is malformed.
   */
  isRefused?(update: Uint8Array): boolean
}

/** Keeps a document on this device. Must never throw from an `update` handler. */
export type Persistence = (context: ProviderContext) => PersistenceHandle

export interface PersistenceHandle {
  /** Where a persistence has it, sessions go on under the client id of earlier ones, and documents do not grow with them. */
  readonly writers?: IdleWriters
  /** Settles, in bounded time and without rejecting, when what was stored is in the document (or cannot be). */
  readonly whenLoaded: Promise<void>
  /** Resolves, without rejecting and in bounded time, when every update so far is durable (or cannot be). */
  flush(): Promise<void>
  /**
   * Forgets everything that is stored of the document, which was emptied, and keeps this state where nothing loads it:
   * a server has refused something in it. It must have been told to when it returns, before what is stored next.
   * Resolves, without rejecting, when it is durable, or cannot be. Without it the document comes back at the
   * next start, and is refused again.
   */
  setAside?(state: Uint8Array): Promise<void>
  /** Where other tabs share the storage: resolves when what they stored so far is in the document. */
  refresh?(): Promise<void>
  /** Stops keeping the document; what was written before is durable when it resolves. */
  destroy(): Promise<void>
}

/** A Yjs client id that nobody writes under now. */
export interface IdleWriter {
  readonly clientId: number
  /** Its clock after everything that was ever written under it. */
  readonly clock: number
  /** The user who wrote: a server may bind client ids to users. */
  readonly owner: string
}

/** The client ids that earlier sessions left in one document's storage. What is lost must take them with it. */
export interface IdleWriters {
  /**
   * Hands one of this owner's out, to nobody else and never again unless it is put back: when it resolves, the storage
   * must have forgotten it for good, also for after a crash or a power cut. Resolves to undefined, in bounded time and
   * without rejecting, where there is none, where that cannot be had, and before the document is loaded.
   */
  take(owner: string): Promise<IdleWriter | undefined>
  /**
   * Keeps one for later sessions. The storage must have been told when this returns, because the page may be going
   * away; it is durable when `flush()` or `destroy()` resolves, or is lost, which costs no more than a new client id.
   */
  put(writer: IdleWriter): void
}

export interface TransportContext extends ProviderContext {
  /** Call on every change. */
  onStatus(status: TransportStatus): void
  /** `true` after the first exchange of a connection, `false` when it is lost. */
  onSynced(isSynced: boolean): void
  /** Writes what the model holds back for a moment (coalesced read horizons) into the document now. */
  flushWrites(): void
  /**
   * The other side has refused for good what this device wrote, and none of it counts there. The transport has
   * stopped (`denied`) and goes on when `connect()` is called: after what was refused is out of the document.
   */
  onRefused?(refused: RefusedWrite): void
  /**
   * Whether the other side keeps everything that was written here, so that it survives this device. Call on every
   * change, and only if it can be known.
   */
  onSaved?(isSaved: boolean): void
  /** What the other side says of itself and of this connection, each time before anything else. */
  onHello?(hello: Hello): void
}

/**
 * The origin with which a transport removes peers from `awareness` because its own connection is lost, rather than
 * because they left: they then stay online for a grace time, instead of flickering with every reconnect.
 */
export const CONNECTION_LOST = 'connection-lost'

/** Carries a document to peers. Created disconnected; `connect()` is called when the document is loaded. */
export type Transport = (context: TransportContext) => TransportHandle

export interface TransportHandle {
  /**
   * Set by transports that reach this device's own tabs only: they do not count for the connection status while
   * there is another transport, and `disconnect()` of a client leaves them connected.
   */
  readonly isLocal?: boolean
  connect(): void
  disconnect(): void
  destroy(): void | Promise<void>
}

/** `denied`: the other side refuses for good; nothing is tried again until `connect()` is called. */
export type TransportStatus = 'disconnected' | 'connecting' | 'connected' | 'denied'
