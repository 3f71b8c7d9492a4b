import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { WebSocket } from 'ws'
import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import type * as Y from 'yjs'
import { websocket } from '../../src/sync/websocket/index.ts'
import type { Socket } from './traffic.ts'

/** Opens a room over a server; calls back whenever it is synced. */
export type Provider = (
  room: string,
  doc: Y.Doc,
  awareness: Awareness,
  onSynced: () => void,
) => { destroy(): unknown }

export type ProviderName = 'ours' | 'yWebsocket' | 'hocuspocus'

/** What opens all rooms of one client process, as apps use it. */
export const providers: Readonly<
  Record<ProviderName, (url: string, token: string, WebSocketOf?: Socket) => Provider>
> = {
  ours(url, token, WebSocketOf: Socket = WebSocket) {
    const transport = websocket({ url, getToken: () => token, WebSocket: WebSocketOf })
    return (name, doc, awareness, onSynced) => {
      const handle = transport({
        name,
        doc,
        awareness,
        onError(error) {
          throw error
        },
        onStatus() {},
        onSynced: isSynced => isSynced && onSynced(),
        flushWrites() {},
      })
      handle.connect()
      return handle
    }
  },

  yWebsocket(url, token, WebSocketOf: Socket = WebSocket) {
    // Each adds one to the process.
    process.setMaxListeners(0)
    return (room, doc, awareness, onSynced) => {
      const provider = new WebsocketProvider(url, room, doc, {
        awareness,
        params: { token },
        disableBc: true,
        WebSocketPolyfill: WebSocketOf as unknown as typeof globalThis.WebSocket,
      })
      provider.on('sync', (isSynced: boolean) => isSynced && onSynced())
      return provider
    }
  },

  /** All rooms over one socket. */
  hocuspocus(url, token, WebSocketOf: Socket = WebSocket) {
    const websocketProvider = new HocuspocusProviderWebsocket({
      url,
      WebSocketPolyfill: WebSocketOf,
    })
    return (name, document, awareness, onSynced) => {
      const provider = new HocuspocusProvider({
        websocketProvider,
        name,
        document,
        awareness,
        token,
        onSynced: ({ state }) => state && onSynced(),
      })
      provider.attach()
      return provider
    }
  },
}
