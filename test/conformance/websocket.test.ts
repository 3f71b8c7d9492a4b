import { describe, it } from 'vitest'
import { WebSocket } from 'ws'
import { type ConversationsServer, createServer } from '../../src/server/index.ts'
import { websocket } from '../../src/sync/websocket/index.ts'
import { describeTransport } from '../../src/testing/index.ts'
import { startRelay } from '../support/relay.ts'

const log = { info() {}, warn() {}, error() {} }

for (const mux of [true, false]) {
  const options = { WebSocket, maxBackoffMs: 50, mux }
  const how = mux ? '' : ', plain sockets'

  describeTransport(
    `websocket (another server${how})`,
    {
      createNetwork: async () => ({ relay: await startRelay() }),
      transport: ({ relay: { url } }) => websocket({ url, ...options }),
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

  describeTransport<{ server: ConversationsServer }>(
    `websocket (our server${how})`,
    {
      createNetwork: async () => ({ server: await createServer({ port: 0, log }) }),
      transport: ({ server: { url } }) => websocket({ url, ...options }),
      cut: ({ server }) => server.close(),
      async mend(network) {
        network.server = await createServer({ port: network.server.port, log })
      },
      closeNetwork: ({ server }) => server.close(),
    },
    { describe, it },
  )
}
