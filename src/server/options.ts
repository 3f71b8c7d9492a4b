import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Authenticate } from './authentication/authenticate.ts'
import type { Authorization, AuthorizationOptions } from './authorization/options.ts'
import type { ClusterNodes } from './cluster/nodes.ts'
import type { ServerHooks } from './hooks/server-hooks.ts'
import type { DocumentLog } from './log/document-log.ts'
import type { MediaStorage } from './media/media-storage.ts'
import type { ServerMetrics } from './metrics/server-metrics.ts'
import type { StorageHealth } from './metrics/storage-health.ts'

export interface ServerOptions extends AuthorizationOptions {
  /** 1234 if not given; 0 takes a free one. */
  port?: number
  /** `127.0.0.1` if not given; another than a loopback address only with `authenticate` or `insecure`. */
  host?: string
  /** Says who a token stands for: `jwt()`, or your own. If not given, everybody may read and write everything. */
  authenticate?: Authenticate
  /** Serves other machines without `authenticate`. */
  insecure?: boolean
  /**
   * The origins (`https://chat.example.com`) whose pages may connect; what is no browser always may. If not given: all
   * with `authenticate` or `insecure`, else those of this machine.
   */
  origins?: readonly string[]
  /** Takes the last address of `X-Forwarded-For`, which the proxy adds, for the client's. Only where all come through one. */
  behindProxy?: boolean
  /** Lets another machine, or one behind a proxy, read `/metrics`, with `Authorization: Bearer <this>`. */
  metricsToken?: string
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
  /** Answers plain HTTP requests other than `/health`, `/metrics` and those below `/media/`, on our own server. */
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
  /** Rooms that a client may have open over one socket; further ones are closed with 4413. */
  maxRoomsPerConnection: number
  /** Updates of one document in the log before they are folded into a snapshot. */
  maxLogLength: number
  /** Bytes of an attachment; a larger one is answered with 413. */
  maxMediaSize: number
  /** Bytes of a document; writes to one that is larger close their connection with 4413. */
  maxDocumentSize: number
  /** Structs of one update, as Yjs counts them; more close the connection with 4413. */
  maxStructs: number
  /** Milliseconds that a time in a write may lie ahead of the server's. */
  maxClockSkewMs: number
  /** Sockets of one identity; a further one is closed with 1013. */
  maxConnectionsPerIdentity: number
  /** Sockets from one address (of IPv6, from one /64); a further one is closed with 1013. */
  maxConnectionsPerAddress: number
  /** New sockets from one address per second; further ones are answered with 429. */
  connectionsPerSecond: number
  /**
   * Sync messages per second of one identity (where the server does not authenticate: of one socket), over all its
   * sockets. Who sends more, here and in the next two, is not read from until the time for it has come.
   */
  updatesPerSecond: number
  /** Awareness messages per second, likewise. */
  awarenessPerSecond: number
  /** Bytes of messages per second, likewise. */
  bytesPerSecond: number
  /** Seconds for which the rates above may be saved up. */
  burstSeconds: number
}

export const defaultLimits: ServerLimits = {
  maxPayload: 16 * 2 ** 20,
  maxRoomName: 512,
  maxBacklog: 16 * 2 ** 20,
  maxUncommitted: 4 * 2 ** 20,
  maxAwarenessState: 16 * 2 ** 10,
  maxAwarenessClients: 32,
  maxRoomsPerConnection: 10_000,
  maxLogLength: 1_000,
  maxMediaSize: 16 * 2 ** 20,
  maxDocumentSize: 64 * 2 ** 20,
  maxStructs: 200_000,
  maxClockSkewMs: 7 * 24 * 60 * 60 * 1_000,
  maxConnectionsPerIdentity: 1_000,
  maxConnectionsPerAddress: 5_000,
  connectionsPerSecond: 200,
  updatesPerSecond: 500,
  awarenessPerSecond: 200,
  bytesPerSecond: 2 * 2 ** 20,
  burstSeconds: 15,
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
  /** `authenticate` may take this long; then the socket is closed with 1013. */
  authenticateWithinMs: number
  /** A client is asked for another token this long before its own expires, but not before half of the time is over. */
  tokenRenewalMs: number
  /** The headers of a request must have come after this long; on our own HTTP server. */
  headersWithinMs: number
  /** All of a request must have come after this long, so also an attachment; on our own HTTP server. */
  requestWithinMs: number
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
  authenticateWithinMs: 10_000,
  tokenRenewalMs: 30_000,
  headersWithinMs: 10_000,
  requestWithinMs: 20 * 60_000,
}

/** What everything inside a server shares. */
export interface ServerContext {
  /** What identities may do; undefined = there are none, and everybody may have and write everything. */
  readonly authorization?: Authorization | undefined
  readonly hooks?: ServerHooks | undefined
  /** Where servers share the storage: this one among them. */
  readonly nodes?: ClusterNodes | undefined
  readonly storage: DocumentLog
  readonly log: Logger
  readonly limits: ServerLimits
  readonly timings: ServerTimings
  readonly clock: Clock
  readonly metrics: ServerMetrics
  /** Whoever appends to the storage tells it how that went. */
  readonly health: StorageHealth
}
