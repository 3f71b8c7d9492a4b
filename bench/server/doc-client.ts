import { once } from 'node:events'
import * as encoding from 'lib0/encoding'
import { WebSocket } from 'ws'
import { messageYjsSyncStep2, readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import type * as Y from 'yjs'
import type { Wire } from './wire.ts'

/** A room of a server, and who comes to it. */
export interface Address {
  readonly wire: Wire
  readonly url: string
  readonly room: string
  readonly token: string
}

/** A client with a document, the same for all servers. Nothing may go wrong. */
export class DocClient {
  readonly doc: Y.Doc
  readonly whenSynced: Promise<void>
  readonly #socket: WebSocket
  readonly #address: Address
  readonly #sendUpdate = (update: Uint8Array, origin: unknown) => {
    if (origin !== this) this.#send(encoder => writeUpdate(encoder, update))
  }

  constructor(address: Address, doc: Y.Doc) {
    this.doc = doc
    this.#address = address
    this.#socket = dial(address)
    this.#socket.on('message', (message: Buffer) => this.#receive(message))
    this.whenSynced = this.#sync()
  }

  /** Resolves when the server has got everything that was sent before. */
  async ask(): Promise<void> {
    this.#send(encoder => writeSyncStep1(encoder, this.doc))
    await new Promise<void>(resolve => {
      this.#socket.on('message', onMessage)
      const socket = this.#socket
      const { wire } = this.#address
      function onMessage(message: Buffer) {
        const sync = wire.unwrap(message)
        if (!sync || sync.arr[sync.pos] !== messageYjsSyncStep2) return
        socket.off('message', onMessage)
        resolve()
      }
    })
  }

  close(): Promise<void> {
    this.doc.off('update', this.#sendUpdate)
    return hangUp(this.#socket)
  }

  async #sync(): Promise<void> {
    await once(this.#socket, 'open')
    this.doc.on('update', this.#sendUpdate)
    if (this.#address.wire.hasDocuments) await this.ask()
  }

  #receive(message: Buffer): void {
    const sync = this.#address.wire.unwrap(message)
    if (!sync) return
    const encoder = encoding.createEncoder()
    readSyncMessage(sync, encoder, this.doc, this)
    if (encoding.hasContent(encoder)) this.#sendSync(encoding.toUint8Array(encoder))
  }

  #send(write: (encoder: encoding.Encoder) => void): void {
    this.#sendSync(encoding.encode(write))
  }

  #sendSync(sync: Uint8Array): void {
    this.#socket.send(this.#address.wire.wrap(this.#address.room, sync))
  }
}

export function dial({ wire, url, room, token }: Address): WebSocket {
  const socket = new WebSocket(wire.urlOf(url, room, token), { perMessageDeflate: false })
  const greeting = wire.greet(room, token)
  if (greeting) socket.on('open', () => socket.send(greeting))
  socket.on('close', (code, reason) => {
    throw new Error(`the server has closed a connection: ${code} ${reason}`)
  })
  return socket
}

export async function hangUp(socket: WebSocket): Promise<void> {
  socket.removeAllListeners('close')
  socket.on('error', () => {})
  await new Promise<void>(resolve => {
    socket.on('close', () => resolve())
    socket.terminate()
  })
}
