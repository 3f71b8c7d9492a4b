import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import type * as Y from 'yjs'
import type { WebSocketConstructor } from './options.ts'

export interface LinkEvents {
  /** The socket is open and sync step 1 was sent. */
  onOpen(): void
  onMessage(message: Uint8Array): void
  /** The document changed, and not by what came over this link. */
  onUpdate(update: Uint8Array): void
  /** The other side closed, or the attempt failed. Not called after `disconnect()`. */
  onClosed(code: number, reason: string): void
}

/**
 * y-websocket's provider as far as we use it: one socket at a time, and sync step 1 when it opens.
 *
 * Left out, because an app that is offline most of the day needs them otherwise: its retries (no jitter, and the
 * token of the first attempt), its watchdog (declares throttled tabs dead), its awareness (echoes what it receives,
 * forgets tabs that are still there, and throws when the client ids of document and awareness differ) and its
 * BroadcastChannel (see `broadcastChannel()`).
 */
export class Link extends WebsocketProvider {
  readonly #events: LinkEvents

  constructor(url: string, room: string, doc: Y.Doc, events: LinkEvents) {
    super(url, room, doc, {
      connect: false,
      disableBc: true,
      awareness: noAwareness,
      // Set by `open()`.
      WebSocketPolyfill: class {} as unknown as typeof globalThis.WebSocket,
      shouldReconnect: () => false,
      // It sets a timer after each connection, which finds nothing to do; this lets it go at once.
      maxBackoffTime: 0,
    })
    this.#events = events
    clearInterval(this._checkInterval)
    // One listener for each document would exceed Node's limit; sockets close on exit anyway.
    const { process } = globalThis as Partial<NodeGlobals>
    process?.off?.('exit', this._exitHandler)
    doc.off('update', this._updateHandler)
    this._updateHandler = (update, origin) => {
      if (origin !== this) events.onUpdate(update)
    }
    doc.on('update', this._updateHandler)
    this.on('closed', ({ code, reason }) => events.onClosed(code, reason))
  }

  /** Opens a socket; there must be none. Throws what the constructor of the socket throws. */
  open(WebSocket: WebSocketConstructor): void {
    this._WS = WebSocket as typeof globalThis.WebSocket
    this.connect()
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

  /** Says whether it is on its way. */
  send(message: Uint8Array): boolean {
    const { ws } = this
    if (!this.wsconnected || ws?.readyState !== 1) return false
    ws.send(message as Uint8Array<ArrayBuffer>)
    return true
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
