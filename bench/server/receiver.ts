import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { WebSocket } from 'ws'
import { messageYjsSyncStep1, messageYjsSyncStep2, messageYjsUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { type Address, dial, hangUp } from './doc-client.ts'

/** Clocks by client id. */
export type Clocks = ReadonlyMap<number, number>

/** Gets everything, and looks at it no closer than it takes to see how far it reaches. */
export class Receiver {
  readonly whenReady: Promise<void>
  readonly #socket: WebSocket
  readonly #reaches: Reaches
  #missing = new Map<number, number>()
  #onReached = () => {}

  /** @param stateVector of what it has already */
  constructor(address: Address, stateVector: Uint8Array, reaches: Reaches) {
    const { wire, room } = address
    this.#reaches = reaches
    this.#socket = dial(address)
    this.whenReady = new Promise(resolve => {
      this.#socket.on('open', () => {
        if (!wire.hasDocuments) return resolve()
        const question = encoding.encode(encoder => {
          encoding.writeVarUint(encoder, messageYjsSyncStep1)
          encoding.writeVarUint8Array(encoder, stateVector)
        })
        this.#socket.send(wire.wrap(room, question))
      })
      this.#socket.on('message', (message: Buffer) => {
        const sync = wire.unwrap(message)
        if (!sync) return
        const type = decoding.readVarUint(sync)
        if (type === messageYjsSyncStep2) resolve()
        if (type === messageYjsUpdate) this.#receive(decoding.readVarUint8Array(sync))
      })
    })
  }

  /** Resolves when everything up to these clocks, none of which is here yet, has come. */
  reach(clocks: Clocks): Promise<void> {
    this.#missing = new Map(clocks)
    return new Promise(resolve => {
      this.#onReached = resolve
    })
  }

  close(): Promise<void> {
    return hangUp(this.#socket)
  }

  #receive(update: Uint8Array): void {
    if (this.#missing.size === 0) return
    for (const [client, clock] of this.#reaches.of(update)) {
      const missing = this.#missing.get(client)
      if (missing !== undefined && clock >= missing) this.#missing.delete(client)
    }
    if (this.#missing.size === 0) this.#onReached()
  }
}

/** How far updates reach. All receivers get the same ones, so each is read once. */
export class Reaches {
  readonly #known = new Map<string, [client: number, clock: number][]>()

  of(update: Uint8Array): [client: number, clock: number][] {
    const { buffer, byteOffset, length } = update
    const key = Buffer.from(buffer, byteOffset, length).toString('latin1')
    let known = this.#known.get(key)
    if (!known) {
      known = [...Y.parseUpdateMeta(update).to]
      this.#known.set(key, known)
    }
    return known
  }
}
