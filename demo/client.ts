import {
  broadcastChannel,
  type Client,
  createClient,
  httpMedia,
  indexeddb,
  indexeddbMedia,
  websocket,
} from '../src/index.ts'
import { tokenOf } from './token.ts'

/**
 * The client of one person: with databases, a socket and tabs of their own. As the channel between tabs bears their
 * name, two tabs of one person stay joined when the network is cut, and two persons do not.
 */
export function createDemoClient(identity: string): Client {
  const prefix = `demo/${identity}/`
  const getToken = tokenOf(identity)
  return createClient({
    identity,
    persistence: indexeddb({ prefix }),
    media: {
      local: indexeddbMedia({ prefix }),
      remote: httpMedia({ url: location.origin, getToken }),
    },
    transport: [
      broadcastChannel({ name: `demo-${identity}` }),
      websocket({ url: `ws://${location.host}`, getToken, maxBackoffMs: 4000 }),
    ],
  })
}
