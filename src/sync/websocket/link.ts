import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import type * as Y from 'yjs'
import type { WebSocketConstructor } from './options.ts'

export interface LinkEvents {
  /** The socket is open and sync step 1 was sent. */
  onOpen(): void
  onMessage(message: Uint8Array): void
  /** The other side closed, or the attempt failed. Not called after `disconnect()`. */
  onClosed(code: number, reason: string): void
}

/**
 * y-websocket's provider as far as we use it: one socket at a time, sync step 1 when it opens, local updates out.
 *
 * Left out, because an app that is offline most of the day needs them otherwise: its retries (no jitter, and the
 * token of the first attempt), its watchdog (declares throttled tabs dead), its awareness (echoes what it receives,
 * forgets tabs that are still there, and throws when the client ids of document and awareness differ) and its
 * BroadcastChannel (see `broadcastChannel()`).
 */
export class Link extends WebsocketProvider {
  readonly #events: LinkEvents

  constructor(
    url: string,
    room: string,
    doc: Y.Doc,
    WebSocket: WebSocketConstructor,
    events: LinkEvents,
  ) {
    super(url, room, doc, {
      connect: false,
      disableBc: true,
      awareness: noAwareness,
      WebSocketPolyfill: WebSocket as typeof globalThis.WebSocket,
      shouldReconnect: () => false,
      // It sets a timer after each connection, which finds nothing to do; this lets it go at once.
      maxBackoffTime: 0,
    })
    this.#events = events
    clearInterval(this._checkInterval)
    // One listener for each document would exceed Node's limit; sockets close on exit anyway.
    const { process } = globalThis as Partial<NodeGlobals>
    process?.off?.('exit', this._exitHandler)
    this.on('closed', ({ code, reason }) => events.onClosed(code, reason))
  }

  /** Opens a socket; there must be none. Throws what the constructor of the socket throws. */
  override connect(): void {
    super.connect()
    const { ws } = this
    if (!ws) return
    const { onopen } = ws
    ws.onopen = event => {
      onopen?.call(ws, event)
      this.#events.onOpen()
    }
    ws.onmessage = ({ data }) => {
      // The protocol has no text. An empty message is malformed and is treated so.
      this.#events.onMessage(typeof data === 'string' ? new Uint8Array() : new Uint8Array(data))
    }
  }

  send(message: Uint8Array): void {
    const { ws } = this
    if (this.wsconnected && ws?.readyState === 1) ws.send(message as Uint8Array<ArrayBuffer>)
  }

  /** What was sent and has not left this device. */
  get bufferedBytes(): number {
    return this.ws?.bufferedAmount ?? 0
  }

  override connectBc(): void {}

  override disconnectBc(): void {}
}

interface NodeGlobals {
  process: { off?(event: 'exit', listener: () => void): void }
}

const noAwareness = {
  on() {},
  off() {},
  getLocalState: () => null,
  getStates: () => new Map(),
} as unknown as Awareness
