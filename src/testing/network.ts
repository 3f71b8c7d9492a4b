import { ConversationsError } from '../base/errors.ts'
import type { Transport } from '../sync/provider.ts'
import { type Device, Endpoint, type Message } from './endpoint.ts'
import { nextTask } from './task.ts'
import { Wire, type WireOptions } from './wire.ts'

export interface MemoryNetworkOptions extends WireOptions {
  /** Called for each message when it arrives or is lost. */
  onMessage?: (entry: NetworkLogEntry) => void
}

export interface NetworkLogEntry {
  /** Names, as they were given to `transport()`. */
  readonly from: string
  readonly to: string
  readonly room: string
  readonly kind: Message['kind']
  /** The bytes of a Yjs state vector, a Yjs update or an awareness update. */
  readonly payload: Uint8Array
  /** A message is lost when its way is cut, or its sender crashes, while it is under way. */
  readonly isLost: boolean
}

/** What has been sent since the beginning, counted once per receiver; duplicates on the way are not counted. */
export interface NetworkStats {
  readonly messages: number
  readonly bytes: number
  /** Messages of kind `update`, and their bytes. */
  readonly updates: number
  readonly updateBytes: number
}

/** A network in memory: every peer reaches every other one that has the same document open. */
export interface MemoryNetwork {
  readonly stats: NetworkStats
  /** Plugs a device in. A name that is given twice is two devices which `partition` and `crash` treat alike. */
  transport(peer: string): Transport
  /**
   * Cuts the network into groups that cannot reach each other, instead of any earlier partition; whom no group
   * names are one further group. Who is left alone is told `disconnected`. What is under way between groups is lost.
   */
  partition(groups: string[][]): void
  /** Ends the partition; those who meet again exchange what they missed. */
  heal(): void
  /** Takes a peer off the network as a killed process goes: without a goodbye. The name can be plugged in again. */
  crash(peer: string): void
  /**
   * Has every device write what it holds back, then resolves when nothing is under way and no listener answers.
   * Needs no timers. Rejects when listeners keep answering each other.
   */
  settle(): Promise<void>
}

const maxSettleTurns = 10_000

export function createMemoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  const endpoints = new Set<Endpoint>()
  let groupByPeer: Map<string, number> | undefined
  const stats = { messages: 0, bytes: 0, updates: 0, updateBytes: 0 }

  const wire = new Wire(options, message => {
    log(message, false)
    message.to.receive(message)
  })

  function log({ from, to, kind, payload }: Message, isLost: boolean): void {
    const room = from.context.name
    options.onMessage?.({ from: from.peer, to: to.peer, room, kind, payload, isLost })
  }

  function send(message: Message): void {
    const { byteLength } = message.payload
    stats.messages++
    stats.bytes += byteLength
    if (message.kind === 'update') {
      stats.updates++
      stats.updateBytes += byteLength
    }
    wire.send(message)
  }

  const groupOf = ({ peer }: Endpoint) => groupByPeer?.get(peer) ?? -1

  function canReach(a: Endpoint, b: Endpoint): boolean {
    if (a === b || a.context.name !== b.context.name) return false
    return a.isOnline && b.isOnline && groupOf(a) === groupOf(b)
  }

  function isCutOff(endpoint: Endpoint): boolean {
    if (!groupByPeer) return false
    for (const other of endpoints) {
      if (other.device !== endpoint.device && groupOf(other) === groupOf(endpoint)) return false
    }
    return true
  }

  function link(a: Endpoint, b: Endpoint): void {
    a.links.set(b, { isSynced: false })
    b.links.set(a, { isSynced: false })
  }

  function unlink(a: Endpoint, b: Endpoint): void {
    a.links.delete(b)
    b.links.delete(a)
  }

  /** Links exactly those who can reach each other, after `changed` have changed and `isLost` has lost its messages. */
  function rewire(changed: Iterable<Endpoint>, isLost: (message: Message) => boolean): void {
    const lost = wire.lose(isLost)
    const losses = new Pairs()
    const gains = new Pairs()
    for (const a of changed) {
      for (const b of a.links.keys()) {
        if (canReach(a, b)) continue
        unlink(a, b)
        losses.add(a, b)
      }
      for (const b of endpoints) {
        if (a.links.has(b) || !canReach(a, b)) continue
        link(a, b)
        gains.add(a, b)
      }
    }

    // All is wired now: a listener called below may well change the network again.
    for (const message of lost) log(message, true)
    for (const endpoint of endpoints) {
      const isConnected = endpoint.isOnline && !isCutOff(endpoint)
      endpoint.setStatus(isConnected ? 'connected' : 'disconnected')
    }
    for (const [endpoint, peers] of losses.peersOf) endpoint.forget(peers)
    for (const [endpoint, peers] of gains.peersOf) endpoint.greet(peers)
    // Others may have received what one has lost, and would never send it again by themselves.
    const losers = new Set(lost.filter(isContent).map(({ to }) => to))
    for (const endpoint of losers) endpoint.ask()
    for (const endpoint of endpoints) endpoint.checkSynced()
  }

  const hub = {
    send,
    rewire(endpoint: Endpoint) {
      // Content that has left a device before it went offline still arrives; nothing else to or from it does.
      rewire([endpoint], message => {
        if (endpoint.isOnline) return false
        return message.to === endpoint || (message.from === endpoint && !isContent(message))
      })
    },
    unplug(endpoint: Endpoint) {
      endpoints.delete(endpoint)
      rewire([], () => false)
    },
  }

  function regroup(groups: string[][] | undefined): void {
    groupByPeer = groups && new Map(groups.flatMap((group, i) => group.map(peer => [peer, i])))
    rewire(endpoints, ({ from, to }) => groupOf(from) !== groupOf(to))
  }

  return {
    get stats() {
      return { ...stats }
    },
    transport(peer) {
      const device: Device = { peer }
      return context => {
        const endpoint = new Endpoint(device, context, hub)
        endpoints.add(endpoint)
        rewire([], () => false)
        return endpoint
      }
    },
    partition(groups) {
      const peers = groups.flat()
      if (new Set(peers).size < peers.length) {
        throw new ConversationsError('invalid-argument', 'A peer can be in one group only')
      }
      regroup(groups)
    },
    heal: () => regroup(undefined),
    crash(peer) {
      const crashed = new Set([...endpoints].filter(endpoint => endpoint.peer === peer))
      for (const endpoint of crashed) {
        for (const other of endpoint.links.keys()) unlink(endpoint, other)
        endpoint.vanish()
      }
      rewire([], ({ from, to }) => crashed.has(from) || crashed.has(to))
    },
    async settle() {
      let turns = 0
      for (let quietTurns = 0; quietTurns < 2; turns++) {
        if (turns > maxSettleTurns) {
          throw new Error('The network does not settle: listeners keep answering each other')
        }
        for (const endpoint of endpoints) endpoint.context.flushWrites()
        quietTurns = wire.isIdle ? quietTurns + 1 : 0
        await nextTask()
      }
    },
  }
}

/** Who has whom as a new, or as a lost, peer. */
class Pairs {
  readonly peersOf = new Map<Endpoint, Endpoint[]>()

  add(a: Endpoint, b: Endpoint): void {
    this.#add(a, b)
    this.#add(b, a)
  }

  #add(endpoint: Endpoint, peer: Endpoint): void {
    const peers = this.peersOf.get(endpoint)
    if (peers) peers.push(peer)
    else this.peersOf.set(endpoint, [peer])
  }
}

function isContent({ kind }: Message): boolean {
  return kind === 'sync-step-2' || kind === 'update'
}
