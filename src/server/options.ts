import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { RolePermissions } from '../schema/permissions.ts'
import type { ClusterNodes } from './cluster/nodes.ts'
import type { ServerHooks } from './hooks/server-hooks.ts'
import type { DocumentLog } from './log/document-log.ts'
import type { MediaStorage } from './media/media-storage.ts'

export interface ServerOptions {
  /** 1234 if not given; 0 takes a free one. */
  port?: number
  /** A loopback address, as there is no authentication; `127.0.0.1` if not given. */
  host?: string
  /** A directory, or a log of your own; documents are only in memory if not given. `close()` closes it. */
  storage?: string | DocumentLog
  /**
   * A directory, or a storage of your own, for attachments. If not given: the directory `media` in that of `storage`, or only
   * in memory where that is no directory.
   */
  media?: string | MediaStorage
  /**
   * Takes WebSocket upgrades from this server instead of one of our own, and leaves its plain HTTP alone. One
   * that does not listen yet is made to listen on `host` and `port`, and is closed by `close()`.
   */
  server?: Server
  /** Answers plain HTTP requests other than `/health` and those below `/media/`, on our own server. */
  serve?: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
  /** The console if not given. */
  log?: Logger
  /** Called for what happens in conversations. */
  hooks?: ServerHooks
  limits?: Partial<ServerLimits>
  timings?: Partial<ServerTimings>
  /** For tests. */
  clock?: Clock
}

export interface Logger {
  info(message: string, ...details: unknown[]): void
  warn(message: string, ...details: unknown[]): void
  error(message: string, ...details: unknown[]): void
}

export interface ServerLimits {
  /** Bytes of one message; a larger one closes its connection with 1009. */
  maxPayload: number
  /** Bytes of a room's name in UTF-8. */
  maxRoomName: number
  /** Bytes that may wait to be read by a client; one that is slower is cut off. */
  maxBacklog: number
  /** Bytes of a client's updates that may wait to become durable; more are not read from its socket. */
  maxUncommitted: number
  /** Characters of one awareness state in JSON; a larger one closes its connection with 4413. */
  maxAwarenessState: number
  /** Awareness states a connection may hold; further ones are ignored. */
  maxAwarenessClients: number
  /** Updates of one document in the log before they are folded into a snapshot. */
  maxLogLength: number
  /** Bytes of an attachment; a larger one is answered with 413. */
  maxMediaSize: number
}

export const defaultLimits: ServerLimits = {
  maxPayload: 16 * 2 ** 20,
  maxRoomName: 512,
  maxBacklog: 16 * 2 ** 20,
  maxUncommitted: 4 * 2 ** 20,
  maxAwarenessState: 16 * 2 ** 10,
  maxAwarenessClients: 32,
  maxLogLength: 1_000,
  maxMediaSize: 16 * 2 ** 20,
}

export interface ServerTimings {
  /** Awareness changes of this long are sent together. */
  awarenessWindowMs: number
  /** Awareness renewals that change nothing are sent together this often. */
  renewalMs: number
  /** A client that has not renewed its awareness state for this long is asked to; clients do it each 15 to 18 s. */
  overdueMs: number
  /** A connection that was sent nothing for this long gets an empty awareness message: y-websocket gives up after 30 s. */
  quietMs: number
  /** A connection that was not heard for this long is pinged. */
  pingAfterMs: number
  /** A connection that has not answered a ping after this long is cut off. */
  pongWithinMs: number
  /** How often the above, except the first, are looked at. */
  sweepMs: number
  /** What may not be written yet (a message of somebody who is not known to have joined) is refused after this long. */
  permissionMs: number
  /** Servers that share a storage tell each other this often that they live. */
  heartbeatMs: number
  /** A server that was not heard for this long counts as dead: the clients that it had are not there any more. */
  nodeLostMs: number
  /** Of several servers that share a storage, one sequences a conversation's messages; if it dies, another does after this long. */
  leaseMs: number
  /** How long `close()` waits for clients to confirm. */
  closeWithinMs: number
  /** After this long, what the server itself could not store or sequence is tried again. */
  retryMs: number
  /** A conversation without news for this long holds no page of its messages in memory for sequencing. */
  sequencerIdleMs: number
}

export const defaultTimings: ServerTimings = {
  awarenessWindowMs: 25,
  renewalMs: 5_000,
  overdueMs: 18_500,
  quietMs: 10_000,
  pingAfterMs: 20_000,
  pongWithinMs: 8_000,
  sweepMs: 2_500,
  permissionMs: 10_000,
  heartbeatMs: 2_500,
  nodeLostMs: 7_000,
  leaseMs: 6_000,
  closeWithinMs: 2_000,
  retryMs: 2_000,
  sequencerIdleMs: 30_000,
}

/** What everything inside a server shares. */
export interface ServerContext {
  /** What identities may do; undefined = there are none, and everybody may have and write everything. */
  readonly access?: AccessContext | undefined
  readonly hooks?: ServerHooks | undefined
  /** Where servers share the storage: this one among them. */
  readonly nodes?: ClusterNodes | undefined
  readonly storage: DocumentLog
  readonly log: Logger
  readonly limits: ServerLimits
  readonly timings: ServerTimings
  readonly clock: Clock
}

export interface AccessContext {
  readonly permissions: RolePermissions
  /** Whether somebody may have and write a room that is none of ours. */
  mayOpen(identity: string, room: string): boolean
}
