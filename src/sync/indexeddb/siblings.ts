import * as Y from 'yjs'

/** After so many rows the older ones are forgotten; what they hold is on its way to no tab any more. */
const rememberedRows = 500

export interface SiblingsEvents {
  /** This tab is the first now. */
  onFirst(): void
  /** Another tab stored a row. */
  onRow(): void
  /** Another tab left one row of all there were. */
  onTrimmed(): void
  /** Another tab could not store what it said it stored. */
  onFailed(): void
}

type Message = Uint8Array | 'trimmed' | 'failed'

/** The tabs that have the same database open: which of them is the first, and what the others stored. */
export class Siblings {
  /** Exactly one tab is; every tab where there are no Web Locks. */
  isFirst = false
  readonly #events: SiblingsEvents
  readonly #channel: BroadcastChannel | undefined
  readonly #end = new AbortController()
  #rows = 0
  #stored = Y.emptySnapshot

  constructor(database: string, events: SiblingsEvents) {
    this.#events = events
    const name = `y-conversations/indexeddb/${database}`
    if (typeof BroadcastChannel === 'function') {
      this.#channel = new BroadcastChannel(name)
      this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#receive(data)
    }
    const { signal } = this.#end
    const beFirst = async () => {
      if (signal.aborted) return
      this.isFirst = true
      events.onFirst()
      await new Promise(resolve => signal.addEventListener('abort', resolve))
    }
    Promise.resolve()
      .then(() => navigator.locks.request(name, { signal }, beFirst))
      // There are no locks here, or we left before it was our turn.
      .catch(beFirst)
  }

  tell(message: Message): void {
    if (!this.#end.signal.aborted) this.#channel?.postMessage(message)
  }

  /** Whether other tabs said that they stored everything in this update. */
  hasStored = (update: Uint8Array): boolean => Y.snapshotContainsUpdate(this.#stored, update)

  /** What others stored is not there any more. */
  forget(): void {
    this.#stored = Y.emptySnapshot
  }

  leave(): void {
    this.#channel?.close()
    this.#end.abort()
  }

  #receive(message: Message): void {
    const events = this.#events
    if (message === 'trimmed') events.onTrimmed()
    if (message === 'failed') {
      this.forget()
      events.onFailed()
    }
    if (!(message instanceof Uint8Array)) return
    if (this.#rows++ % rememberedRows === 0) this.#stored = Y.emptySnapshot
    const { structs, ds } = Y.decodeUpdate(message)
    const state = new Map(this.#stored.sv)
    for (const { id, length } of structs) {
      state.set(id.client, Math.max(state.get(id.client) ?? 0, id.clock + length))
    }
    this.#stored = Y.createSnapshot(Y.mergeDeleteSets([this.#stored.ds, ds]), state)
    events.onRow()
  }
}
