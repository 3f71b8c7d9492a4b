import type { Transport } from '../provider.ts'
import { Connection } from './connection.ts'
import { checkUrl, findWebSocket, type WebsocketOptions } from './options.ts'
import { Route } from './route.ts'

export type { WebSocketConstructor, WebsocketOptions } from './options.ts'

/**
 * Carries the document to a server that speaks the protocol of y-websocket; to ours all documents of this transport
 * over one socket.
 *
 * It goes on trying for as long as it is connected to be: at once when the network returns or the page is looked at,
 * else after a random and growing wait. Only a close code from 4400 to 4499 ends it (`denied`), except 4401, which
 * asks for another token; the same token refused three times in a row is final as well.
 *
 * Throws a `ConversationsError`: `invalid-argument` for a bad url; `unsupported`, when a document is opened, where
 * there is no `WebSocket`.
 */
export function websocket(options: WebsocketOptions): Transport {
  checkUrl(options?.url)
  let route: Route | undefined
  return context => {
    const WebSocket = findWebSocket(options.WebSocket)
    route ??= new Route(options, WebSocket)
    return new Connection(options, WebSocket, route, context)
  }
}
