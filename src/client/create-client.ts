import { broadcastChannel } from '../sync/broadcast-channel.ts'
import { indexeddb } from '../sync/indexeddb.ts'
import { httpMedia } from '../sync/media/http-media.ts'
import { indexeddbMedia } from '../sync/media/indexeddb-media.ts'
import type { Persistence, Transport } from '../sync/provider.ts'
import { websocket } from '../sync/websocket/index.ts'
import { Client } from './client.ts'
import type { ClientOptions } from './options.ts'

export interface CreateClientOptions extends ClientOptions {
  /** Of a server that speaks the y-websocket protocol: `ws://…` or `wss://…`. */
  readonly url?: string | undefined
  /** Asked for a token before every attempt to connect to `url`. */
  readonly getToken?: (() => string | Promise<string>) | undefined
}

/**
 * A client with the default providers for what is not given: IndexedDB where there is one, the tabs of this browser,
 * and a websocket and the server's media where there is a `url`. To leave the defaults out of a bundle, use `new Client(options)`.
 *
 * @throws {ConversationsError} `invalid-argument`, `too-large`
 */
export function createClient(createOptions: CreateClientOptions): Client {
  const { url, getToken, ...options } = { ...createOptions }
  return new Client({
    ...options,
    persistence:
      options.persistence === undefined
        ? defaultPersistence(options.identity)
        : options.persistence,
    media: options.media ?? defaultMedia(options.identity, url, getToken),
    transport:
      options.transport === undefined ? defaultTransports(url, getToken) : options.transport,
  })
}

/** Each user of a device has databases of their own. */
function defaultPersistence(identity: string): Persistence | null {
  return typeof indexedDB === 'undefined' ? null : indexeddb({ prefix: prefixOf(identity) })
}

function defaultMedia(
  identity: string,
  url: string | undefined,
  getToken: CreateClientOptions['getToken'],
): ClientOptions['media'] {
  const prefix = prefixOf(identity)
  return {
    local: typeof indexedDB === 'undefined' ? undefined : indexeddbMedia({ prefix }),
    remote: url === undefined ? undefined : httpMedia(getToken ? { url, getToken } : { url }),
  }
}

function prefixOf(identity: string): string {
  return `y-conversations/${String(identity)}/`
}

function defaultTransports(
  url: string | undefined,
  getToken: CreateClientOptions['getToken'],
): Transport[] {
  const transports: Transport[] = []
  // In Node a BroadcastChannel would join the clients of one process, which are hardly tabs of one device.
  if (typeof window !== 'undefined' && typeof BroadcastChannel !== 'undefined') {
    transports.push(broadcastChannel())
  }
  if (url !== undefined) transports.push(websocket(getToken ? { url, getToken } : { url }))
  return transports
}
