import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { systemClock } from '../base/clock.ts'
import { ClusterNodes } from './cluster/nodes.ts'
import { httpHandler, refuseUpgrade, type ServerHealth } from './http.ts'
import type { DocumentLog } from './log/document-log.ts'
import { levelLog } from './log/level-log.ts'
import { memoryLog } from './log/memory-log.ts'
import { checkLoopback, isLocalRequest } from './loopback.ts'
import { mediaDirectory } from './media/media-directory.ts'
import { MediaEndpoint } from './media/media-endpoint.ts'
import { memoryMedia } from './media/media-storage.ts'
import { type ErasedUser, type EraseUserOptions, eraseUserIn } from './operations/erase-user.ts'
import { Inbound, type InboundMessage } from './operations/inbound.ts'
import { defaultLimits, defaultTimings, type ServerContext, type ServerOptions } from './options.ts'
import { Rooms } from './rooms.ts'

/** A server that listens. */
export interface ConversationsServer {
  /** For clients: `ws://127.0.0.1:1234`; plain HTTP is on the same host and port. */
  readonly url: string
  readonly port: number
  health(): ServerHealth
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
 * the room is the URL's path. An update is durable before anybody sees it. There is no authentication yet, so it
 * serves this machine only.
 *
 * @throws ConversationsError `unsupported` if it would listen on another host than this one; `storage` if the
 *   directory cannot be opened
 */
export async function createServer(options: ServerOptions = {}): Promise<ConversationsServer> {
  const { host = '127.0.0.1', port = 1234, server, log = console } = options
  checkLoopback(host)
  if (server?.listening) checkLoopback(hostOf(server))

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
  }
  const media = new MediaEndpoint(
    await openMedia(options).catch(async error => {
      await context.storage.close()
      throw error
    }),
    context.limits.maxMediaSize,
  )
  const rooms = new Rooms(context)
  const inbound = new Inbound(rooms, context)
  await nodes?.start()
  const health = (): ServerHealth => ({
    status: 'ok',
    rooms: rooms.count,
    connections: rooms.connectionCount,
  })
  const http = server ?? createHttpServer(httpHandler(health, media, options))
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: context.limits.maxPayload,
    perMessageDeflate: false,
  })

  let closed: Promise<void> | undefined
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (closed) return refuseUpgrade(socket, '503 Service Unavailable')
    if (!isLocalRequest(request)) return refuseUpgrade(socket, '403 Forbidden')
    sockets.handleUpgrade(request, socket, head, webSocket =>
      rooms.accept(webSocket, request.url ?? '/', {
        identity: undefined,
        address: request.socket.remoteAddress ?? '',
        speaksExtension: false,
      }),
    )
  }
  http.on('upgrade', onUpgrade)

  const isOurs = !http.listening
  try {
    if (isOurs) await listen(http, port, host)
  } catch (error) {
    http.off('upgrade', onUpgrade)
    await context.storage.close()
    throw error
  }
  const cancelSweep = repeat(context, () => rooms.sweep())
  const address = http.address() as AddressInfo
  const url = `ws://${formatHost(isOurs ? host : address.address)}:${address.port}`
  log.info(`y-conversations server on ${url}: no authentication yet, so for this machine only`)

  async function shutDown(): Promise<void> {
    if (isOurs) http.close()
    await rooms.drain()
    await endSockets(sockets, context)
    cancelSweep()
    nodes?.stop()
    http.off('upgrade', onUpgrade)
    if (isOurs) http.closeAllConnections()
    await media.settle()
    await context.storage.close()
  }

  return {
    url,
    port: address.port,
    health,
    addMessage: (sid, message) => inbound.add(sid, message),
    eraseUser: (identity, options) => eraseUserIn(rooms, storage, identity, options),
    close: () => {
      closed ??= shutDown()
      return closed
    },
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

/** Resolves when all sockets are closed; those that do not confirm in time are cut off. */
async function endSockets(sockets: WebSocketServer, { clock, timings }: ServerContext) {
  const cancel = clock.setTimeout(() => {
    for (const socket of sockets.clients) socket.terminate()
  }, timings.closeWithinMs)
  await Promise.all([...sockets.clients].map(socket => once(socket, 'close')))
  cancel()
}

function hostOf(server: Server): string {
  const address = server.address()
  return typeof address === 'object' && address ? address.address : String(address)
}

const formatHost = (host: string) => (host.includes(':') ? `[${host}]` : host)
