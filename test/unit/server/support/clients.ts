import { once } from 'node:events'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { createServer, type Logger, type ServerOptions } from '../../../../src/server/index.ts'

export const silent: Logger = { info() {}, warn() {}, error() {} }

/** A server on a free port, closed with the test. */
export async function startServer(options: ServerOptions = {}) {
  const server = await createServer({ port: 0, log: silent, mayOpen: () => true, ...options })
  onTestFinished(() => server.close())
  return server
}

/** An unmodified y-websocket client, destroyed with the test. */
export function stockClient(
  url: string,
  room: string,
  doc = new Y.Doc(),
  isSilent = false,
  params: Record<string, string> = {},
) {
  const awareness = new Awareness(doc)
  if (isSilent) awareness.setLocalState(null)
  const provider = new WebsocketProvider(url, room, doc, {
    awareness,
    params,
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  const destroy = () => {
    provider.destroy()
    doc.destroy()
  }
  onTestFinished(destroy)
  return { doc, awareness, provider, destroy, map: doc.getMap<unknown>('map') }
}

export type StockClient = ReturnType<typeof stockClient>

export async function syncedClient(url: string, room: string, doc?: Y.Doc): Promise<StockClient> {
  const client = stockClient(url, room, doc)
  await whenSynced(client)
  return client
}

export async function whenSynced({ provider }: Pick<StockClient, 'provider'>): Promise<void> {
  if (!provider.synced) await new Promise(resolve => provider.once('sync', resolve))
}

/** A bare socket that speaks bytes, and remembers what it got. */
export async function rawClient(url: string, path: string, options = {}) {
  const socket = new WebSocket(`${url}/${path}`, options)
  const received: Uint8Array[] = []
  const closed = new Promise<{ code: number; reason: string }>(resolve => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  socket.on('message', (data: Buffer) => received.push(new Uint8Array(data)))
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  return {
    socket,
    received,
    closed,
    send: (...bytes: Uint8Array[]) => {
      for (const data of bytes) socket.send(data)
    },
    /** All awareness entries it got, in order. */
    awareness: () => received.filter(data => data[0] === 1).flatMap(readAwareness),
    /** All updates and sync steps 2 it got, in order. */
    updates: () => received.filter(data => data[0] === 0 && data[1] !== 0).map(readPayload),
    /** Resolves when the server has handled everything that was sent before. */
    settle: async () => {
      const count = received.filter(isSyncStep2).length
      socket.send(syncMessage(0, Y.encodeStateVector(new Y.Doc())))
      await vi.waitFor(() => {
        if (received.filter(isSyncStep2).length === count) throw new Error('no answer yet')
      }, waiting)
    },
  }
}

export type RawClient = Awaited<ReturnType<typeof rawClient>>

export const waiting = { timeout: 5_000, interval: 5 }

/** Waits for an assertion to hold. */
export const until = <T>(assertion: () => T | Promise<T>) => vi.waitFor(assertion, waiting)

const isSyncStep2 = (data: Uint8Array) => data[0] === 0 && data[1] === 1

/** Type 0 is sync step 1, 1 is sync step 2, 2 is an update. */
export function syncMessage(type: number, payload: Uint8Array): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint(encoder, type)
    encoding.writeVarUint8Array(encoder, payload)
  })
}

export function awarenessMessage(...states: [clientId: number, clock: number, state: unknown][]) {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, 1)
    const update = encoding.encode(inner => {
      encoding.writeVarUint(inner, states.length)
      for (const [clientId, clock, state] of states) {
        encoding.writeVarUint(inner, clientId)
        encoding.writeVarUint(inner, clock)
        encoding.writeVarString(inner, JSON.stringify(state))
      }
    })
    encoding.writeVarUint8Array(encoder, update)
  })
}

function readPayload(data: Uint8Array): Uint8Array {
  return decoding.readVarUint8Array(decoding.createDecoder(data.subarray(2)))
}

export function readAwareness(data: Uint8Array): [number, number, unknown][] {
  const outer = decoding.createDecoder(data.subarray(1))
  const decoder = decoding.createDecoder(decoding.readVarUint8Array(outer))
  return Array.from({ length: decoding.readVarUint(decoder) }, () => [
    decoding.readVarUint(decoder),
    decoding.readVarUint(decoder),
    JSON.parse(decoding.readVarString(decoder)),
  ])
}

/** What `change` writes, as one update; of a fixed client id if one is given. */
export function updateOf(change: (doc: Y.Doc) => void, clientId?: number): Uint8Array {
  const doc = new Y.Doc()
  if (clientId !== undefined) doc.clientID = clientId
  doc.transact(() => change(doc))
  return Y.encodeStateAsUpdate(doc)
}
