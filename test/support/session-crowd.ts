import * as Y from 'yjs'
import { ConversationDocument } from '../../src/schema/conversation-document.ts'
import type { Transport } from '../../src/sync/provider.ts'
import { Session } from '../../src/sync/session.ts'
import { memoryPersistence } from '../../src/testing/index.ts'

export const DEVICES = 20
const attributes = { nick: 'A person', color: '#1f9d55', status: 'available' }

/** Devices of as many participants, whose sessions meet at a hub, one after the other. */
export class SessionCrowd {
  readonly hub = new Y.Doc()
  readonly #stores = Array.from({ length: DEVICES }, () => new Map<string, Uint8Array[]>())
  #sessions = 0

  /** Opens, reads on by one message, and closes; the devices take turns. */
  async visit(): Promise<void> {
    const device = this.#sessions % DEVICES
    const index = Math.floor(this.#sessions++ / DEVICES)
    const session = new Session({
      name: 'room',
      persistence: memoryPersistence(this.#stores[device]),
      transports: [this.#transport],
      flushWrites() {},
    })
    await session.load()
    const document = new ConversationDocument(session.doc, () => {})
    document.start()
    session.start()
    const entry = document.entry(`person-${device}`)
    document.transact(() => {
      if (!entry.isPresent) document.addParticipant(entry.key, attributes, undefined, 1e12, device)
      document.advanceHorizon(entry, { index }, 1.8e12)
      document.writeHorizon(entry)
    })
    await session.destroy()
  }

  get size() {
    const { store } = this.hub
    return {
      bytes: Y.encodeStateAsUpdate(this.hub).length,
      structs: [...store.clients.values()].reduce((sum, { length }) => sum + length, 0),
      stateVectorBytes: Y.encodeStateVector(this.hub).length,
      // What it costs to apply an update: Yjs copies the state vector twice for each transaction.
      clientIds: store.clients.size,
    }
  }

  readonly #transport: Transport = ({ doc }) => {
    const send = (update: Uint8Array, origin: unknown) => {
      if (origin !== this.hub) Y.applyUpdate(this.hub, update)
    }
    return {
      connect: () => {
        const missing = Y.encodeStateAsUpdate(this.hub, Y.encodeStateVector(doc))
        Y.applyUpdate(doc, missing, this.hub)
        doc.on('update', send)
      },
      disconnect: () => doc.off('update', send),
      destroy: () => doc.off('update', send),
    }
  }
}
