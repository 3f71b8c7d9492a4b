import {
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from 'y-protocols/awareness'
import * as Y from 'yjs'
import { ConversationsError } from '../base/errors.ts'
import {
  CONNECTION_LOST,
  type TransportContext,
  type TransportHandle,
  type TransportStatus,
} from '../sync/provider.ts'

export interface Message {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly kind: 'sync-step-1' | 'sync-step-2' | 'update' | 'awareness'
  readonly payload: Uint8Array
}

/** What an endpoint asks of the network it is plugged into. */
export interface Hub {
  send(message: Message): void
  /** `endpoint` went online or offline. */
  rewire(endpoint: Endpoint): void
  /** `endpoint` is gone for good. */
  unplug(endpoint: Endpoint): void
}

/** Whoever called `network.transport()`: one device, with an endpoint per open document. */
export interface Device {
  readonly peer: string
}

interface AwarenessChanges {
  added: number[]
  updated: number[]
  removed: number[]
}

let lastId = 0

/** One document of one device, plugged into the network. */
export class Endpoint implements TransportHandle {
  readonly id = ++lastId
  readonly device: Device
  readonly context: TransportContext
  /** Those it can reach now, and whether their state has been received since. The network writes this. */
  readonly links = new Map<Endpoint, { isSynced: boolean }>()
  readonly #hub: Hub
  #isOnline = false
  #isGone = false
  #isSynced = false
  #status: TransportStatus = 'disconnected'
  /** Set while the own awareness state is renewed for these only. */
  #audience: Iterable<Endpoint> | undefined

  constructor(device: Device, context: TransportContext, hub: Hub) {
    this.device = device
    this.context = context
    this.#hub = hub
    context.doc.on('update', this.#sendUpdate)
    context.awareness.on('update', this.#sendAwareness)
  }

  get peer(): string {
    return this.device.peer
  }

  get isOnline(): boolean {
    return this.#isOnline
  }

  connect(): void {
    if (this.#isOnline || this.#isGone) return
    this.#isOnline = true
    this.setStatus('connecting')
    this.#hub.rewire(this)
  }

  disconnect(): void {
    if (!this.#isOnline) return
    this.#isOnline = false
    this.#hub.rewire(this)
  }

  destroy(): void {
    this.disconnect()
    this.vanish()
  }

  /** Ends without a goodbye: no callback is called, and nothing is sent or received any more. */
  vanish(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#isOnline = false
    this.context.doc.off('update', this.#sendUpdate)
    this.context.awareness.off('update', this.#sendAwareness)
    this.#hub.unplug(this)
  }

  setStatus(status: TransportStatus): void {
    if (status === this.#status) return
    this.#status = status
    this.context.onStatus(status)
    if (status === 'disconnected' && this.#isSynced) {
      this.#isSynced = false
      this.context.onSynced(false)
    }
  }

  /** Says so when the first exchange with all who can be reached is done. */
  checkSynced(): void {
    if (this.#isSynced || this.#status !== 'connected') return
    for (const link of this.links.values()) if (!link.isSynced) return
    this.#isSynced = true
    this.context.onSynced(true)
  }

  /** Asks for what it has not got. */
  ask(peers: Iterable<Endpoint> = this.links.keys()): void {
    this.#send(peers, 'sync-step-1', Y.encodeStateVector(this.context.doc))
  }

  greet(peers: Endpoint[]): void {
    this.ask(peers)
    const { awareness } = this.context
    const state = awareness.getLocalState()
    if (state === null) return
    // Renewed, because a peer ignores a clock that it has seen before it lost us, and 0 from someone new.
    this.#audience = peers
    awareness.setLocalState(state)
    this.#audience = undefined
  }

  /** Takes away the awareness states of peers that are out of reach: they left, or this endpoint is cut off. */
  forget(peers: Endpoint[]): void {
    const { awareness } = this.context
    const clientIds = peers
      .map(peer => peer.context.awareness.clientID)
      .filter(clientId => clientId !== awareness.clientID)
    const origin = this.#status === 'connected' ? this : CONNECTION_LOST
    removeAwarenessStates(awareness, clientIds, origin)
  }

  receive({ from, kind, payload }: Message): void {
    const { doc, awareness } = this.context
    const link = this.links.get(from)
    try {
      if (kind === 'sync-step-1') {
        this.#send([from], 'sync-step-2', Y.encodeStateAsUpdate(doc, payload))
      } else if (kind === 'awareness') {
        applyAwarenessUpdate(awareness, payload, this)
      } else {
        // What someone sent and then left is passed on: those who came since then have not been sent it.
        Y.applyUpdate(doc, payload, link ? this : from)
      }
    } catch (cause) {
      const message = `Applying a message of kind ${kind} failed, perhaps in an observer: see the cause`
      this.context.onError(new ConversationsError('transport', message, { cause }))
    }
    if (kind === 'sync-step-2' && link) {
      link.isSynced = true
      this.checkSynced()
    }
  }

  /** Everybody is linked with everybody, so what came from the network is not sent again. */
  #sendUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin !== this) this.#send(this.links.keys(), 'update', update)
  }

  #sendAwareness = ({ added, updated, removed }: AwarenessChanges): void => {
    const { awareness } = this.context
    const { clientID } = awareness
    if (![...added, ...updated, ...removed].includes(clientID)) return
    const update = encodeAwarenessUpdate(awareness, [clientID])
    this.#send(this.#audience ?? this.links.keys(), 'awareness', update)
  }

  #send(peers: Iterable<Endpoint>, kind: Message['kind'], payload: Uint8Array): void {
    for (const to of peers) {
      if (this.links.has(to)) this.#hub.send({ from: this, to, kind, payload })
    }
  }
}
