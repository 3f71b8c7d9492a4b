import {
  type Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  modifyAwarenessUpdate,
  removeAwarenessStates,
} from 'y-protocols/awareness'
import { callSafely } from '../base/emitter.ts'
import { CONNECTION_LOST } from './provider.ts'
import { applyOrThrow, encodeAwareness } from './wire.ts'

interface AwarenessChanges {
  added: number[]
  updated: number[]
  removed: number[]
}

/**
 * The awareness of one transport: tells this client's own state and no other, whatever brought the change.
 *
 * Passing on the states of others would echo each of them to the server, and would leave ghosts there when a tab
 * speaks for tabs that the server cannot see end.
 */
export class AwarenessExchange {
  readonly #awareness: Awareness
  readonly #origin: object
  readonly #send: (message: Uint8Array) => void
  /** Those whose newest state came by this transport. */
  readonly #heard = new Set<number>()
  #isTrusting = false

  constructor(awareness: Awareness, origin: object, send: (message: Uint8Array) => void) {
    this.#awareness = awareness
    this.#origin = origin
    this.#send = send
    awareness.on('update', this.#onUpdate)
  }

  readonly #onUpdate = ({ added, updated, removed }: AwarenessChanges, origin: unknown): void => {
    const live = [...added, ...updated]
    for (const id of live) {
      if (origin === this.#origin) this.#heard.add(id)
      else this.#heard.delete(id)
      if (origin === this.#origin && this.#isTrusting) this.#keep(id)
    }
    for (const id of removed) this.#heard.delete(id)
    // Also when the origin is ours: y-protocols answers a premature removal of this client with a newer clock.
    if ([...live, ...removed].includes(this.#awareness.clientID)) this.#send(this.#encode())
  }

  /**
   * Tells the own state under a newer clock. Peers that were told of this client's end ignore the old one, and
   * everybody ignores the very first.
   */
  announce(): void {
    const state = this.#awareness.getLocalState()
    if (state) callSafely(() => this.#awareness.setLocalState(state), [])
  }

  /** The other side tells when somebody is gone: until `forget()`, nobody is who was not heard of for long. */
  trust(): void {
    this.#isTrusting = true
    for (const id of this.#heard) this.#keep(id)
  }

  /** Tells the peers of this transport that this client is gone; it lives on for others. */
  withdraw(): void {
    if (this.#awareness.getLocalState()) this.#send(this.#encode(new Map()))
  }

  /** The message that tells the own state, if there is one. */
  encodeOwn(): Uint8Array | undefined {
    return this.#awareness.getLocalState() ? this.#encode() : undefined
  }

  /** Throws if the update is malformed. */
  receive(update: Uint8Array): void {
    applyOrThrow(
      () => applyAwarenessUpdate(this.#awareness, update, this.#origin),
      () => modifyAwarenessUpdate(update, state => state),
    )
  }

  /** Removes the peers that were heard by this transport; those that another one hears since stay. */
  forget(): void {
    this.#isTrusting = false
    this.#heard.delete(this.#awareness.clientID)
    const peers = [...this.#heard]
    this.#heard.clear()
    callSafely(() => removeAwarenessStates(this.#awareness, peers, CONNECTION_LOST), [])
    // They did not change meanwhile: with its clock known, the same state would be ignored after a reconnect.
    for (const id of peers) this.#awareness.meta.delete(id)
  }

  destroy(): void {
    this.#awareness.off('update', this.#onUpdate)
  }

  /** y-protocols removes whose last sign of life is 30 s ago. */
  #keep(id: number): void {
    const meta = this.#awareness.meta.get(id)
    if (meta && id !== this.#awareness.clientID) meta.lastUpdated = Number.POSITIVE_INFINITY
  }

  #encode(states = this.#awareness.states): Uint8Array {
    return encodeAwareness(
      encodeAwarenessUpdate(this.#awareness, [this.#awareness.clientID], states),
    )
  }
}
