import { once } from 'node:events'
import { createServer } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { serve } from './serving.ts'

/** Passes on every message to all others, in one room, and keeps nothing. */
const http = createServer()
const sockets = new Set<WebSocket>()
new WebSocketServer({ server: http }).on('connection', socket => {
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  socket.on('message', (message: Buffer) => {
    for (const other of sockets) if (other !== socket) other.send(message)
  })
})
http.listen(0, '127.0.0.1')
await once(http, 'listening')
serve(http)
