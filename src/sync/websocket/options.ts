import { ConversationsError } from '../../base/errors.ts'

export interface WebsocketOptions {
  /** Begins with `ws://` or `wss://`. The name of the document is appended to it: `wss://example.org/yjs/room-1`. */
  url: string
  /**
   * Asked before every attempt to connect; sent as the query parameter `token`. If it throws or rejects, the
   * attempt has failed and the next one asks again.
   */
  getToken?: () => string | Promise<string>
  /** More query parameters. */
  params?: Record<string, string>
  /** For Node 20, which has none of its own: the default export of `ws`. */
  WebSocket?: WebSocketConstructor
  /**
   * Whether all documents may share one socket. Default true: where the server offers it, which ours does; others see
   * one more attempt, to open a document named `mux`.
   */
  mux?: boolean
  /** After so many milliseconds without a message the server is asked for a sign of life. Default 5,000. */
  probeIntervalMs?: number
  /** The connection is given up when so many milliseconds later nothing has arrived. Default 4,000. */
  probeTimeoutMs?: number
  /**
   * The longest wait between two attempts, in milliseconds; the average is half of it. Default 30,000: only a
   * server that is down for long makes anybody wait that long, because a network that returns and a tab that is
   * looked at connect at once, and for such a server what counts is that its clients come back spread out.
   */
  maxBackoffMs?: number
}

/** What both the browser's `WebSocket` and that of `ws` are. */
export type WebSocketConstructor = new (
  url: string,
  protocols?: string[],
) => {
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
}

/** Throws a `ConversationsError` (`invalid-argument`). */
export function checkUrl(url: unknown): void {
  if (typeof url === 'string' && /^wss?:\/\/[^?#]+$/.test(url)) return
  throw new ConversationsError(
    'invalid-argument',
    `The url of websocket() must begin with ws:// or wss:// and have no query (use params): ${url}`,
  )
}

/** Throws a `ConversationsError` (`unsupported`) where there is none. */
export function findWebSocket(given: WebSocketConstructor | undefined): WebSocketConstructor {
  const found = given ?? globalThis.WebSocket
  if (found) return found
  throw new ConversationsError(
    'unsupported',
    'There is no WebSocket here. Install the package ws and pass its default export: websocket({ url, WebSocket })',
  )
}
