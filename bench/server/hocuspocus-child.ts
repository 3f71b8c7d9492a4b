import { Server } from '@hocuspocus/server'
import { serve } from './serving.ts'

/** Documents are only in memory. */
const server = new Server({
  port: 0,
  address: '127.0.0.1',
  quiet: true,
  stopOnSignals: false,
  // By default a client that opens 1,000 documents at once never gets them.
  maxPendingDocuments: 100_000,
  maxUnauthenticatedQueueMessages: 100_000,
  async onAuthenticate({ token }) {
    return { identity: token }
  },
})
await server.listen()
serve(server.httpServer, () => server.hocuspocus.getDocumentsCount())
