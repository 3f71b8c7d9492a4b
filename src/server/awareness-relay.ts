import { decodePresence } from '../schema/presence.ts'
import type { AwarenessState } from './awareness-codec.ts'
import { DENIED, Refusal } from './close-codes.ts'
import type { ServerContext } from './options.ts'
import { encodeAwarenessMessage } from './protocol.ts'

/** What the relay needs of a connection. */
export interface AwarenessPeer {
  send(frame: Uint8Array): void
  /** Asks for a sign of life; a peer that gives none is ended soon. */
  probe(): void
  /** It keeps the states of others until it is told that they are gone: mere renewals are not for it. */
  readonly isPatient?: boolean
  /** Another server, with many clients: it is told by `tellOthers`. */
  readonly isRemote?: boolean
  /** Of another server: asks one of its clients for its state under a clock above this. */
  renew?(clientId: number, clock: number): void
}

interface Entry extends AwarenessState {
  owner: AwarenessPeer
  /** Others wait for the next clock, whatever the state. */
  isAwaited?: boolean
  /** When its clock last went up. */
  renewedAtMs: number
}

interface Membership {
  /** The client id in its first message, which is its own: y-websocket sends its own state before all others. */
  clientId?: number
  /** Set when its own state was refused, because another connection holds its client id: the clock of that state. */
  refusedClock?: number
  claims: number
}

/** Client ids that left and whose clocks are remembered: at least as many as leave within some minutes. */
const MAX_GONE = 1_000

/**
 * The awareness of one room. A client id belongs to the connection that brought it first, until that ends; clocks
 * are left as the clients count them, because tabs of one browser also see each other without this server.
 */
export class AwarenessRelay {
  readonly #context: Pick<ServerContext, 'clock' | 'limits' | 'timings'>
  readonly #tellOthers: (states: readonly AwarenessState[]) => void
  readonly #members = new Map<AwarenessPeer, Membership>()
  readonly #entries = new Map<number, Entry>()
  /** The last clock of client ids that nobody holds any more; oldest first. */
  readonly #gone = new Map<number, number>()
  /** Client ids to send in this window, and with the next renewals. */
  readonly #changed = new Set<number>()
  readonly #renewed = new Set<number>()
  #cancelWindow: (() => void) | undefined
  #renewalsSentAtMs: number

  /** @param tellOthers hears of all changes of the clients of this server */
  constructor(
    context: Pick<ServerContext, 'clock' | 'limits' | 'timings'>,
    tellOthers: (states: readonly AwarenessState[]) => void = () => {},
  ) {
    this.#context = context
    this.#tellOthers = tellOthers
    this.#renewalsSentAtMs = context.clock.now()
  }

  join(peer: AwarenessPeer): void {
    this.#members.set(peer, { claims: 0 })
    const states = this.#statesFor(peer)
    if (states.length > 0) peer.send(encodeAwarenessMessage(states))
  }

  /** Tells the peer what the others' states are, also if there are none: asking may be how it sees that we live. */
  answer(peer: AwarenessPeer): void {
    peer.send(encodeAwarenessMessage(this.#statesFor(peer)))
  }

  /**
   * @param identity whose connection it is: what it says of somebody else does not count
   * @throws Refusal if it says that it is somebody else
   */
  receive(peer: AwarenessPeer, states: readonly AwarenessState[], identity?: string): void {
    const member = this.#members.get(peer)
    if (!member) return
    for (const state of states) {
      if (identity !== undefined && saysAnother(state, identity)) {
        // Clients of y-websocket pass on what they hear, also of those who are gone meanwhile.
        const holder = this.#entries.get(state.clientId)?.owner
        if (holder ? holder !== peer : this.#gone.has(state.clientId)) continue
        throw new Refusal(DENIED, `awareness of somebody else than ${identity}`)
      }
      member.clientId ??= state.clientId
      const known = this.#entries.get(state.clientId)
      if (!known) this.#claim(peer, member, state)
      else if (known.owner === peer) this.#update(known, state)
      else if ((state.clientId === member.clientId || peer.isRemote) && state.json !== null) {
        // Most likely a client that lost its network and came back before its old connection was seen to be dead.
        member.refusedClock = state.clock
        known.owner.probe()
      }
    }
  }

  /** Of the clients of this server. */
  localStates(): AwarenessState[] {
    return [...this.#entries.values()].filter(({ owner, json }) => !owner.isRemote && json !== null)
  }

  /** Asks a client of this server for its state under a clock above this. */
  renew(clientId: number, clock: number): void {
    const entry = this.#entries.get(clientId)
    if (!entry || entry.owner.isRemote) return
    entry.isAwaited = true
    askForNewerState(entry.owner, clientId, Math.max(clock, entry.clock))
  }

  leave(peer: AwarenessPeer): void {
    this.#members.delete(peer)
    const released = [...this.#entries.values()].filter(({ owner }) => owner === peer)
    for (const entry of released) this.#release(entry)
  }

  #release({ clientId, clock, json }: Entry): void {
    this.#entries.delete(clientId)
    this.#renewed.delete(clientId)
    const last = Math.max(clock, this.#gone.get(clientId) ?? 0)
    this.#gone.delete(clientId)
    this.#gone.set(clientId, last)
    if (json !== null) this.#markChanged(clientId)
    for (const [waiting, member] of this.#members) {
      // Another server may have told of it before this connection was seen to be dead.
      if (waiting.isRemote && member.refusedClock !== undefined) waiting.probe()
      else if (member.clientId !== clientId || member.refusedClock === undefined) continue
      else askForNewerState(waiting, clientId, Math.max(last, member.refusedClock))
      delete member.refusedClock
    }
  }

  /** Sends the renewals that are due, and asks those who are late for theirs. */
  sweep(nowMs: number): void {
    const { renewalMs, overdueMs } = this.#context.timings
    if (nowMs - this.#renewalsSentAtMs >= renewalMs) {
      this.#renewalsSentAtMs = nowMs
      this.#broadcast(this.#renewed, true)
    }
    for (const entry of this.#entries.values()) {
      if (entry.json === null || nowMs - entry.renewedAtMs < overdueMs) continue
      if (entry.owner.isRemote) continue
      // A hidden tab's timers run once a minute, but it answers messages; others forget a state after 30 s.
      entry.renewedAtMs = nowMs
      askForNewerState(entry.owner, entry.clientId, entry.clock)
    }
  }

  destroy(): void {
    this.#cancelWindow?.()
  }

  #statesFor(peer: AwarenessPeer): AwarenessState[] {
    return [...this.#entries.values()].filter(({ owner, json }) => owner !== peer && json !== null)
  }

  #claim(peer: AwarenessPeer, member: Membership, state: AwarenessState): void {
    const { maxAwarenessClients } = this.#context.limits
    if (state.json === null || (!peer.isRemote && member.claims >= maxAwarenessClients)) return
    member.claims += 1
    const { clientId } = state
    this.#entries.set(clientId, {
      ...state,
      owner: peer,
      renewedAtMs: this.#context.clock.now(),
    })
    this.#markChanged(clientId)
    const last = this.#gone.get(clientId)
    if (last !== undefined && last >= state.clock) askForNewerState(peer, clientId, last)
  }

  #update(known: Entry, { clientId, clock, json }: AwarenessState): void {
    const isNewer = clock > known.clock || (clock === known.clock && json === null)
    if (!isNewer) return
    if (known.owner.isRemote && json === null) {
      // Its connection has ended there, so another one may bring it.
      this.#release(known)
      return
    }
    if (json !== known.json || known.isAwaited) this.#markChanged(clientId)
    else if (json !== null && !this.#changed.has(clientId)) this.#renewed.add(clientId)
    known.isAwaited = false
    known.clock = clock
    known.json = json
    known.renewedAtMs = this.#context.clock.now()
  }

  #markChanged(clientId: number): void {
    this.#renewed.delete(clientId)
    this.#changed.add(clientId)
    const { clock, timings } = this.#context
    this.#cancelWindow ??= clock.setTimeout(() => {
      this.#cancelWindow = undefined
      this.#broadcast(this.#changed)
      this.#forgetOldest()
    }, timings.awarenessWindowMs)
  }

  /** Empties the set into one frame for each peer, without what it said itself. */
  #broadcast(clientIds: Set<number>, isRenewal = false): void {
    if (clientIds.size === 0) return
    const states = [...clientIds].map(
      clientId =>
        this.#entries.get(clientId) ?? {
          clientId,
          clock: this.#gone.get(clientId) ?? 0,
          json: null,
          owner: undefined,
        },
    )
    // Now, because sending may end a slow peer, whose states then have to be announced as gone.
    clientIds.clear()
    const own = states.filter(({ owner }) => !owner?.isRemote)
    if (own.length > 0) this.#tellOthers(own)
    const owners = new Set(states.map(({ owner }) => owner))
    const all = encodeAwarenessMessage(states)
    for (const peer of this.#members.keys()) {
      if (peer.isRemote || (isRenewal && peer.isPatient)) continue
      if (!owners.has(peer)) {
        peer.send(all)
        continue
      }
      const others = states.filter(({ owner }) => owner !== peer)
      if (others.length > 0) peer.send(encodeAwarenessMessage(others))
    }
  }

  #forgetOldest(): void {
    for (const clientId of this.#gone.keys()) {
      if (this.#gone.size <= MAX_GONE) return
      this.#gone.delete(clientId)
    }
  }
}

function saysAnother({ json }: AwarenessState, identity: string): boolean {
  const said = json === null ? undefined : decodePresence(JSON.parse(json))?.identity
  return said !== undefined && said !== identity
}

/**
 * Tells a client that its own state is gone: y-protocols answers with the state and a clock above `clock`, which
 * is what the others need to accept it.
 */
function askForNewerState(peer: AwarenessPeer, clientId: number, clock: number): void {
  if (peer.renew) peer.renew(clientId, clock)
  else peer.send(encodeAwarenessMessage([{ clientId, clock, json: null }]))
}
