import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { setupWSConnection } from '@y/websocket-server/utils'
import { serve } from './serving.ts'

/** As the server of the package does it, with the version of ws that it brings; documents are only in memory. */
const manifest = createRequire(import.meta.url).resolve('@y/websocket-server/package.json')
const { Server } = createRequire(manifest)('ws')
const sockets = new Server({ noServer: true })
const http = createServer()
sockets.on('connection', setupWSConnection)
http.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (webSocket: unknown) =>
    sockets.emit('connection', webSocket, request),
  )
})
http.listen(0, '127.0.0.1')
await once(http, 'listening')
serve(http)
