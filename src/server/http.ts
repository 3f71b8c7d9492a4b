import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { MediaEndpoint } from './media/media-endpoint.ts'
import type { ServerOptions } from './options.ts'

/** What `/health` answers. */
export interface ServerHealth {
  status: 'ok'
  /** Rooms in memory. */
  rooms: number
  connections: number
}

/** The handler of plain HTTP: `/health` and `/media/`, then `serve`, else 404. */
export function httpHandler(
  health: () => ServerHealth,
  media: MediaEndpoint,
  options: ServerOptions,
) {
  const { serve, log = console } = options
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const path = request.url?.replace(/\?.*$/s, '') ?? '/'
      if (path === '/health') {
        response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        response.end(JSON.stringify(health()))
      } else if (media.owns(path)) {
        await media.handle(request, response, path)
      } else if (serve) {
        await serve(request, response)
      } else {
        response
          .writeHead(404, { 'content-type': 'text/plain' })
          .end('This is a WebSocket server.\n')
      }
    } catch (error) {
      log.error(`cannot serve ${request.url}`, error)
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end()
    }
  }
}

/** Answers an upgrade request with an HTTP error. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
