import { createDecoder, readVarUint, readVarUint8Array } from 'lib0/decoding'
import {
  createEncoder,
  type Encoder,
  toUint8Array,
  writeVarUint,
  writeVarUint8Array,
} from 'lib0/encoding'
import { type WebSocket, WebSocketServer } from 'ws'
import * as awarenessProtocol from 'y-protocols/awareness'
import * as syncProtocol from 'y-protocols/sync'
import * as Y from 'yjs'

export interface RelayOptions {
  port?: number
  /** Gets the path with its query; what it returns closes the connection. */
  refuse?(path: string): { code: number; reason?: string } | undefined
  /** Most servers do not. */
  answersAwarenessQuery?: boolean
}

export interface Relay {
  readonly url: string
  readonly port: number
  /** Paths with queries of all connections so far. */
  readonly paths: string[]
  /** All messages received so far: the first byte is the type. */
  readonly messages: Uint8Array[]
  readonly connections: ReadonlySet<WebSocket>
  close(): Promise<void>
}

interface Room {
  doc: Y.Doc
  awareness: awarenessProtocol.Awareness
  sockets: Map<WebSocket, Set<number>>
}

/** A server as y-websocket's own: relays to everybody in the room, keeps everything in memory, checks nothing. */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const rooms = new Map<string, Room>()
  const paths: string[] = []
  const messages: Uint8Array[] = []
  const server = new WebSocketServer({ host: '127.0.0.1', port: options.port ?? 0 })
  await new Promise<void>((resolve, reject) =>
    server.once('listening', resolve).once('error', reject),
  )
  server.on('connection', (socket, { url = '' }) => {
    paths.push(url)
    socket.on('error', () => {})
    const refusal = options.refuse?.(url)
    if (refusal) return socket.close(refusal.code, refusal.reason)
    const name = url.slice(1).split('?')[0] ?? ''
    const room = rooms.get(name) ?? openRoom()
    rooms.set(name, room)
    join(room, socket, messages, options.answersAwarenessQuery ?? false)
  })
  const { port } = server.address() as { port: number }
  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    paths,
    messages,
    connections: server.clients,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of server.clients) socket.terminate()
        for (const { doc } of rooms.values()) doc.destroy()
      }),
  }
}

function openRoom(): Room {
  const doc = new Y.Doc()
  const awareness = new awarenessProtocol.Awareness(doc)
  awareness.setLocalState(null)
  const sockets: Room['sockets'] = new Map()
  const broadcast = (message: Uint8Array) => {
    for (const socket of sockets.keys()) socket.send(message)
  }
  doc.on('update', (update: Uint8Array) => {
    broadcast(encode(0, encoder => syncProtocol.writeUpdate(encoder, update)))
  })
  awareness.on(
    'update',
    ({ added, updated, removed }: Record<string, number[]>, origin: unknown) => {
      for (const id of added ?? []) sockets.get(origin as WebSocket)?.add(id)
      broadcast(encodeStates(awareness, [...(added ?? []), ...(updated ?? []), ...(removed ?? [])]))
    },
  )
  return { doc, awareness, sockets }
}

function join(
  room: Room,
  socket: WebSocket,
  messages: Uint8Array[],
  answersAwarenessQuery: boolean,
): void {
  const { doc, awareness, sockets } = room
  const ids = new Set<number>()
  sockets.set(socket, ids)
  socket.on('close', () => {
    sockets.delete(socket)
    awarenessProtocol.removeAwarenessStates(awareness, [...ids], null)
  })
  socket.on('message', data => {
    const message = new Uint8Array(data as Buffer)
    messages.push(message)
    const decoder = createDecoder(message)
    const type = readVarUint(decoder)
    if (type === 0) {
      const answer = encode(0, encoder =>
        syncProtocol.readSyncMessage(decoder, encoder, doc, socket),
      )
      if (answer.length > 1) socket.send(answer)
    } else if (type === 1) {
      awarenessProtocol.applyAwarenessUpdate(awareness, readVarUint8Array(decoder), socket)
    } else if (type === 3 && answersAwarenessQuery) {
      socket.send(encodeStates(awareness, [...awareness.getStates().keys()]))
    }
  })
  socket.send(encode(0, encoder => syncProtocol.writeSyncStep1(encoder, doc)))
  const present = [...awareness.getStates().keys()]
  if (present.length > 0) socket.send(encodeStates(awareness, present))
}

function encodeStates(awareness: awarenessProtocol.Awareness, ids: number[]): Uint8Array {
  const update = awarenessProtocol.encodeAwarenessUpdate(awareness, ids)
  return encode(1, encoder => writeVarUint8Array(encoder, update))
}

function encode(type: number, write: (encoder: Encoder) => void): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, type)
  write(encoder)
  return toUint8Array(encoder)
}
