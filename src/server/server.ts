import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type ServerOptions as HttpServerOptions,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { acceptSocket } from './accept.ts'
import { accessOf } from './access.ts'
import { Authentication } from './authentication/authentication.ts'
import { authorizationOf } from './authorization/options.ts'
import { ClusterNodes } from './cluster/nodes.ts'
import { httpHandler, type ServerHealth } from './http.ts'
import type { DocumentLog } from './log/document-log.ts'
import { levelLog } from './log/level-log.ts'
import { memoryLog } from './log/memory-log.ts'
import { checkLoopback } from './loopback.ts'
import { mediaDirectory } from './media/media-directory.ts'
import { MediaEndpoint } from './media/media-endpoint.ts'
import { memoryMedia } from './media/media-storage.ts'
import { processMetrics } from './metrics/process-metrics.ts'
import { ServerMetrics } from './metrics/server-metrics.ts'
import { StorageHealth } from './metrics/storage-health.ts'
import { type ErasedUser, type EraseUserOptions, eraseUserIn } from './operations/erase-user.ts'
import { Inbound, type InboundMessage } from './operations/inbound.ts'
import {
  defaultLimits,
  defaultTimings,
  type Logger,
  type ServerContext,
  type ServerOptions,
} from './options.ts'
import { Reception } from './reception.ts'
import { Rooms } from './rooms.ts'

/** A server that listens. */
export interface ConversationsServer {
  /** For clients: `ws://127.0.0.1:1234`; plain HTTP is on the same host and port. */
  readonly url: string
  readonly port: number
  health(): ServerHealth
  /** What `/metrics` answers, in the text format of Prometheus. */
  metrics(): string
  /** Stops accepting, makes durable and sends what was received, closes all connections with 1001, then the storage. */
  close(): Promise<void>
  /**
   * Writes a message that came in over a bridge, as a participant who is not on chat; resolves with its index.
   *
   * @throws ConversationsError `invalid-argument`; `not-found` if the author is no participant; `closed`
   */
  addMessage(sid: string, message: InboundMessage): Promise<number>
  /** See the function of this name; devices that are connected lose it at once. */
  eraseUser(identity: string, options?: EraseUserOptions): Promise<ErasedUser>
}

/**
 * Starts a server that keeps Yjs documents and carries them between clients that speak the protocol of y-websocket;
 * the room is the URL's path. An update is durable before anybody sees it. Without `authenticate` it serves this
 * machine only.
 *
 * @throws ConversationsError `unsupported` if it would listen for other machines without `authenticate` or `insecure`;
 *   `storage` if the directory cannot be opened
 */
export async function createServer(options: ServerOptions = {}): Promise<ConversationsServer> {
  const { host = '127.0.0.1', port = 1234, server, log = console, authenticate } = options
  const access = accessOf(options)
  if (access.isLocalOnly) checkLoopback(server?.listening ? hostOf(server) : host)

  const timings = { ...defaultTimings, ...options.timings }
  const clock = options.clock ?? systemClock
  const storage = await openStorage(options.storage)
  const nodes =
    storage.cluster &&
    new ClusterNodes(
      storage.cluster,
      { clock, timings },
      { onFound: () => rooms.findNodes(), onLost: id => rooms.loseNode(id) },
    )
  const context: ServerContext = {
    hooks: options.hooks,
    storage,
    nodes,
    log,
    limits: { ...defaultLimits, ...options.limits },
    timings,
    clock,
    authorization: authenticate && authorizationOf(options),
    metrics: new ServerMetrics(),
    health: new StorageHealth(),
  }
  const { metrics } = context
  const authentication = authenticate && new Authentication(authenticate, access, context)
  const media = new MediaEndpoint(
    await openMedia(options).catch(async error => {
      await context.storage.close()
      throw error
    }),
    { access, authentication, metrics, maxBytes: context.limits.maxMediaSize },
  )
  const rooms = new Rooms(context)
  const inbound = new Inbound(rooms, context)
  await nodes?.start()
  const reception = new Reception(context, {
    access,
    authentication,
    onAdmitted: (socket, requestUrl, visitor) =>
      acceptSocket(context, rooms, socket, requestUrl, visitor),
  })
  metrics.gauge('rooms', 'Rooms in memory', () => rooms.count)
  metrics.gauge('room_connections', 'Clients in rooms', () => rooms.connectionCount)
  metrics.gauge('sockets', 'Open sockets', () =>
    Object.entries(reception.sockets).map(([kind, count]) => [{ kind }, count] as const),
  )
  const measured = processMetrics()
  for (const metric of measured.metrics) metrics.add(metric)

  const health = (): ServerHealth => {
    const storage = context.health.isFailing ? 'failing' : 'ok'
    return { status: storage, storage, rooms: rooms.count, connections: rooms.connectionCount }
  }
  const { serve, metricsToken } = options
  const http =
    server ??
    createHttpServer(
      httpTimeouts(context),
      httpHandler({
        log,
        media,
        health,
        metrics: () => metrics.render(),
        ...(serve && { serve }),
        ...(metricsToken && { metricsToken }),
      }),
    )
  http.on('upgrade', reception.onUpgrade)

  const isOurs = !http.listening
  try {
    if (isOurs) await listen(http, port, host)
  } catch (error) {
    http.off('upgrade', reception.onUpgrade)
    measured.stop()
    nodes?.stop()
    await context.storage.close()
    throw error
  }
  const cancelSweep = repeat(context, () => {
    reception.sweep()
    rooms.sweep()
  })
  const address = http.address() as AddressInfo
  const url = `ws://${formatHost(isOurs ? host : address.address)}:${address.port}`
  announce(log, url, options)

  async function shutDown(): Promise<void> {
    if (isOurs) http.close()
    reception.close()
    await rooms.drain()
    await reception.endAll()
    cancelSweep()
    nodes?.stop()
    http.off('upgrade', reception.onUpgrade)
    if (isOurs) http.closeAllConnections()
    await media.settle()
    await context.storage.close()
    measured.stop()
  }

  let closed: Promise<void> | undefined
  return {
    url,
    port: address.port,
    health,
    metrics: () => metrics.render(),
    addMessage: (sid, message) => inbound.add(sid, message),
    eraseUser: (identity, options) => eraseUserIn(rooms, storage, identity, options),
    close: () => {
      closed ??= shutDown()
      return closed
    },
  }
}

function announce(log: Logger, url: string, { authenticate, insecure }: ServerOptions): void {
  const what = `y-conversations server on ${url}`
  if (authenticate) log.info(what)
  else if (insecure) log.warn(`${what}: no authentication, so whoever reaches it may do everything`)
  else log.info(`${what}: no authentication, so for this machine only`)
}

/** Bounds for those who connect and say nothing, or too slowly. */
function httpTimeouts({ timings }: ServerContext): HttpServerOptions {
  const { headersWithinMs, requestWithinMs } = timings
  return {
    headersTimeout: headersWithinMs,
    requestTimeout: requestWithinMs,
    connectionsCheckingInterval: Math.min(headersWithinMs, 5_000),
  }
}

async function openStorage(storage: ServerOptions['storage']): Promise<DocumentLog> {
  if (storage === undefined) return memoryLog()
  return typeof storage === 'string' ? levelLog(storage) : storage
}

async function openMedia({ storage, media }: ServerOptions) {
  if (media !== undefined) return typeof media === 'string' ? mediaDirectory(media) : media
  return typeof storage === 'string' ? mediaDirectory(join(storage, 'media')) : memoryMedia()
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
}

function repeat({ clock, timings }: ServerContext, callback: () => void): () => void {
  let cancel = clock.setTimeout(run, timings.sweepMs)
  function run() {
    callback()
    cancel = clock.setTimeout(run, timings.sweepMs)
  }
  return () => cancel()
}

function hostOf(server: Server): string {
  const address = server.address()
  return typeof address === 'object' && address ? address.address : String(address)
}

const formatHost = (host: string) => (host.includes(':') ? `[${host}]` : host)
