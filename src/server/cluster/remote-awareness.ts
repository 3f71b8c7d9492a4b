import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { type AwarenessState, decodeAwareness, encodeAwareness } from '../awareness-codec.ts'
import type { AwarenessPeer, AwarenessRelay } from '../awareness-relay.ts'

/** States in one message at most: some engines carry 64 kB. */
const MAX_STATES = 50

/** Asks the others for what they have. */
const QUERY = 0
const STATES = 1
/** Nobody has the room open on this server any more. */
const CLOSED = 2
/** Asks a client, wherever it is, for its state under a newer clock. */
const RENEW = 3

/**
 * The awareness of one room on the other servers of a cluster: each of them is a peer of the relay, which holds the states of
 * its clients.
 */
export class RemoteAwareness {
  readonly #relay: AwarenessRelay
  readonly #nodeId: string
  readonly #publish: (message: Uint8Array) => void
  readonly #nodes = new Map<string, RemoteNode>()

  constructor(relay: AwarenessRelay, nodeId: string, publish: (message: Uint8Array) => void) {
    this.#relay = relay
    this.#nodeId = nodeId
    this.#publish = publish
  }

  /** Asks the others for the states of their clients. */
  query(): void {
    this.#say(QUERY)
  }

  /** After a time in which the servers could not hear each other. */
  reintroduce(): void {
    this.query()
    this.tell(this.#relay.localStates())
  }

  /** Tells the others of this server's clients. */
  tell(states: readonly AwarenessState[]): void {
    for (let start = 0; start < states.length; start += MAX_STATES) {
      this.#say(STATES, encodeAwareness(states.slice(start, start + MAX_STATES)))
    }
  }

  receive(message: Uint8Array): void {
    const decoder = decoding.createDecoder(message)
    const kind = decoding.readUint8(decoder)
    const nodeId = decoding.readVarString(decoder)
    switch (kind) {
      case QUERY:
        this.tell(this.#relay.localStates())
        break
      case STATES: {
        const states = decodeAwareness(decoding.readTailAsUint8Array(decoder))
        this.#relay.receive(this.#node(nodeId), states)
        break
      }
      case CLOSED:
        this.lose(nodeId)
        break
      case RENEW:
        this.#relay.renew(decoding.readVarUint(decoder), decoding.readVarUint(decoder))
    }
  }

  /** Tells the others that nobody is here any more. */
  close(): void {
    this.#say(CLOSED)
  }

  /** This server is gone, and its clients with it. */
  lose(nodeId: string): void {
    const node = this.#nodes.get(nodeId)
    if (!node) return
    this.#nodes.delete(nodeId)
    this.#relay.leave(node)
  }

  #node(id: string): RemoteNode {
    let node = this.#nodes.get(id)
    if (!node) {
      node = new RemoteNode(this)
      this.#nodes.set(id, node)
      this.#relay.join(node)
    }
    return node
  }

  renew(clientId: number, clock: number): void {
    const content = encoding.encode(encoder => {
      encoding.writeVarUint(encoder, clientId)
      encoding.writeVarUint(encoder, clock)
    })
    this.#say(RENEW, content)
  }

  #say(kind: number, content: Uint8Array = new Uint8Array()): void {
    this.#publish(
      encoding.encode(encoder => {
        encoding.writeUint8(encoder, kind)
        encoding.writeVarString(encoder, this.#nodeId)
        encoding.writeUint8Array(encoder, content)
      }),
    )
  }
}

/** Another server; what is said to all of them is said once. */
class RemoteNode implements AwarenessPeer {
  readonly isRemote = true
  readonly #remote: RemoteAwareness

  constructor(remote: RemoteAwareness) {
    this.#remote = remote
  }

  send(): void {}

  /** Its clients are its own business; what it says of them now is what counts. */
  probe(): void {
    this.#remote.query()
  }

  renew(clientId: number, clock: number): void {
    this.#remote.renew(clientId, clock)
  }
}
