import { describe, it } from 'vitest'
import { WebSocket } from 'ws'
import { websocket } from '../../src/sync/websocket/index.ts'
import { describeTransport } from '../../src/testing/index.ts'
import { startRelay } from '../support/relay.ts'

describeTransport(
  'websocket',
  {
    createNetwork: async () => ({ relay: await startRelay() }),
    transport: ({ relay: { url } }) => websocket({ url, WebSocket, maxBackoffMs: 50 }),
    cut: ({ relay }) => relay.close(),
    async mend(network) {
      network.relay = await startRelay({ port: network.relay.port })
    },
    countMessages: ({ relay }) => relay.messages.length,
    sendGarbage({ relay }) {
      for (const socket of relay.connections) {
        socket.send('hello')
        const messages = [[], [0], [0, 2, 3, 255, 255, 255], [1, 5, 255], [9, 9, 9]]
        for (const bytes of messages) socket.send(Uint8Array.from(bytes))
      }
    },
    closeNetwork: ({ relay }) => relay.close(),
  },
  { describe, it },
)
