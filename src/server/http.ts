import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { bearerOf } from './authentication/token.ts'
import { isDirectLocalRequest } from './loopback.ts'
import type { MediaEndpoint } from './media/media-endpoint.ts'
import type { Logger, ServerOptions } from './options.ts'

/** What `/health` answers, with 503 if something is failing. */
export interface ServerHealth {
  status: 'ok' | 'failing'
  /** `failing` = what was last given to it could not be stored. */
  storage: 'ok' | 'failing'
  /** Rooms in memory. */
  rooms: number
  connections: number
}

export interface HttpOptions extends Pick<ServerOptions, 'serve' | 'metricsToken'> {
  readonly log: Logger
  readonly media: MediaEndpoint
  health(): ServerHealth
  metrics(): string
}

/** The handler of plain HTTP: `/health`, `/metrics` and `/media/`, then `serve`, else 404. */
export function httpHandler({ serve, log, media, health, metrics, metricsToken }: HttpOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // Without the query, which may hold a token.
    const path = request.url?.replace(/\?.*$/s, '') ?? '/'
    try {
      if (path === '/health') {
        const now = health()
        respond(response, now.status === 'ok' ? 200 : 503, 'application/json', JSON.stringify(now))
      } else if (path === '/metrics') {
        if (mayReadMetrics(request, metricsToken)) {
          respond(response, 200, 'text/plain; version=0.0.4; charset=utf-8', metrics())
        } else {
          respond(response, 403, 'text/plain', 'Only for this machine, or with the token for it.\n')
        }
      } else if (media.owns(path)) {
        await media.handle(request, response, path)
      } else if (serve) {
        await serve(request, response)
      } else {
        respond(response, 404, 'text/plain', 'This is a WebSocket server.\n')
      }
    } catch (error) {
      log.error(`cannot serve ${path}`, error)
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end()
    }
  }
}

function respond(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
}

function mayReadMetrics(request: IncomingMessage, metricsToken: string | undefined): boolean {
  const token = bearerOf(request)
  if (metricsToken && token !== undefined && isSame(token, metricsToken)) return true
  return isDirectLocalRequest(request)
}

/** In a time that does not tell how much of it is the same. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/** Answers an upgrade request with an HTTP error. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
