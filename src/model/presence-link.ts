import { announcePresence, presenceOf } from '../schema/presence.ts'
import { CONNECTION_LOST } from '../sync/provider.ts'
import type { Session } from '../sync/session.ts'
import type { Host } from './host.ts'
import { Peers, type PeersOptions } from './peers.ts'
import { TypingSignal } from './typing-signal.ts'

/** Joins a session's awareness with the model: tells who we are and whether we type, and hears it of others. */
export class PresenceLink {
  readonly peers: Peers
  readonly typing: TypingSignal
  readonly #session: Session
  readonly #stop: () => void
  #isStarted = false

  constructor(
    session: Session,
    { identity, clock, timings }: Host,
    listeners: Pick<PeersOptions, 'onPresence' | 'onTyping'>,
  ) {
    this.#session = session
    const { awareness } = session
    this.peers = new Peers({
      clock,
      typingTimeoutMs: timings.typingTimeoutMs,
      graceMs: timings.presenceGraceMs,
      onPresence: listeners.onPresence,
      // Nobody sees themselves typing, on whichever of their devices.
      onTyping: (typist, isTyping) => {
        if (typist !== identity) listeners.onTyping(typist, isTyping)
      },
    })
    this.typing = new TypingSignal(
      clock,
      { windowMs: timings.typingWindowMs, timeoutMs: timings.typingTimeoutMs },
      typing =>
        announcePresence(awareness, typing === undefined ? { identity } : { identity, typing }),
    )
    const onChange = (
      { added, updated, removed }: { added: number[]; updated: number[]; removed: number[] },
      origin: unknown,
    ) => {
      for (const id of [...added, ...updated, ...removed])
        this.#hear(id, origin === CONNECTION_LOST)
    }
    awareness.on('change', onChange)
    this.#stop = () => awareness.off('change', onChange)
  }

  /** Says that we are here, and hears who else is. */
  start(identity: string): void {
    const { awareness } = this.#session
    this.#isStarted = true
    announcePresence(awareness, { identity })
    for (const id of awareness.getStates().keys()) this.#hear(id, false)
  }

  close(): void {
    this.#stop()
    this.typing.end()
    this.peers.close()
    if (this.#isStarted) announcePresence(this.#session.awareness, null)
    this.#isStarted = false
  }

  #hear(clientId: number, isStale: boolean): void {
    const { awareness } = this.#session
    if (!this.#isStarted || clientId === awareness.clientID) return
    const presence = presenceOf(awareness, clientId)
    if (presence) this.peers.update(clientId, presence)
    else this.peers.lose(clientId, isStale)
  }
}
