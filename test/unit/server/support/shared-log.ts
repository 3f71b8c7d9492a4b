import {
  type Cluster,
  type ClusterListener,
  type DocumentLog,
  type Lease,
  LeaseLostError,
} from '../../../../src/server/log/document-log.ts'

interface SharedDocument {
  snapshot: Uint8Array | undefined
  rows: { seq: number; update: Uint8Array }[]
  upTo: number
  claims: Map<string, string>
}

/** An engine in memory that several servers of one process share, and from which one can be cut off. */
export class SharedEngine {
  readonly documents = new Map<string, SharedDocument>()
  readonly leases = new Map<string, { token: number; untilMs: number; holder: object }>()
  readonly nodes = new Set<SharedLog>()
  #token = 0

  open(): SharedLog {
    const node = new SharedLog(this)
    this.nodes.add(node)
    return node
  }

  document(name: string): SharedDocument {
    let document = this.documents.get(name)
    if (!document) {
      document = { snapshot: undefined, rows: [], upTo: 0, claims: new Map() }
      this.documents.set(name, document)
    }
    return document
  }

  nextToken(): number {
    this.#token += 1
    return this.#token
  }
}

/** One server's end of it. */
export class SharedLog implements DocumentLog {
  readonly #engine: SharedEngine
  readonly #listeners = new Map<string, Set<ClusterListener>>()
  #isCut = false
  /** Reads fail, so many times. */
  failingReads = 0
  /** What is appended here is told to the others without saying what it is, or not at all. */
  telling: 'updates' | 'that' | 'nothing' = 'updates'
  readonly cluster: Cluster

  constructor(engine: SharedEngine) {
    this.#engine = engine
    this.cluster = {
      subscribe: async (name, listener) => {
        this.#check()
        const listeners = this.#listeners.get(name) ?? new Set()
        this.#listeners.set(name, listeners.add(listener))
        return () => listeners.delete(listener)
      },
      publish: (name, message) => {
        if (!this.#isCut) this.#tellOthers(name, listener => listener.onMessage(message.slice()))
      },
      lease: async (name, forMs) => this.#lease(name, forMs),
    }
  }

  /** The engine cannot be reached from here, until `heal()`. */
  cut(): void {
    this.#isCut = true
  }

  heal(): void {
    this.#isCut = false
    for (const listeners of this.#listeners.values()) {
      for (const listener of listeners) listener.onGap()
    }
  }

  async append(name: string, updates: readonly Uint8Array[], lease?: Lease): Promise<number> {
    this.#check()
    const held = lease && this.#engine.leases.get(lease.name)
    if (lease && (held?.token !== lease.token || held.untilMs <= Date.now())) {
      throw new LeaseLostError(lease.name)
    }
    const document = this.#engine.document(name)
    for (const update of updates)
      document.rows.push({ seq: ++document.upTo, update: update.slice() })
    const { upTo } = document
    const told = this.telling === 'updates' ? updates : undefined
    if (this.telling !== 'nothing') {
      this.#tellOthers(name, listener => listener.onAppended(upTo, told))
    }
    return upTo
  }

  async read(name: string, after = 0) {
    this.#check()
    if (this.failingReads > 0) {
      this.failingReads -= 1
      throw new Error('too slow')
    }
    const { snapshot, rows, upTo, claims } = this.#engine.document(name)
    const updates = rows.filter(({ seq }) => seq > after).map(({ update }) => update)
    const isFolded = rows[0] ? rows[0].seq > after + 1 : upTo > after
    if (snapshot && isFolded) updates.unshift(snapshot)
    return { updates, upTo, claims: new Map(claims) }
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    this.#check()
    const document = this.#engine.document(name)
    if (upTo > document.upTo || upTo < document.upTo - document.rows.length) return
    document.snapshot = state.slice()
    document.rows = document.rows.filter(({ seq }) => seq > upTo)
  }

  async claim(name: string, key: string, owner: string): Promise<string> {
    this.#check()
    const { claims } = this.#engine.document(name)
    const held = claims.get(key) ?? owner
    claims.set(key, held)
    return held
  }

  async erase(name: string): Promise<void> {
    this.#check()
    this.#engine.documents.delete(name)
    this.#tellOthers(name, listener => listener.onGap())
  }

  async *names(prefix: string): AsyncIterable<string> {
    for (const name of this.#engine.documents.keys()) if (name.startsWith(prefix)) yield name
  }

  async close(): Promise<void> {
    this.#engine.nodes.delete(this)
  }

  #check(): void {
    if (this.#isCut) throw new Error('the engine is away')
  }

  #tellOthers(name: string, tell: (listener: ClusterListener) => void): void {
    for (const node of this.#engine.nodes) {
      if (node === this || node.#isCut) continue
      // Later, as over a network.
      setImmediate(() => {
        for (const listener of [...(node.#listeners.get(name) ?? [])]) tell(listener)
      })
    }
  }

  #lease(name: string, forMs: number): Lease | undefined {
    this.#check()
    const { leases } = this.#engine
    const held = leases.get(name)
    if (held && held.untilMs > Date.now()) return undefined
    const token = this.#engine.nextToken()
    leases.set(name, { token, untilMs: Date.now() + forMs, holder: this })
    const isMine = () => leases.get(name)?.token === token
    return {
      name,
      token,
      renew: async longer => {
        this.#check()
        const mine = leases.get(name)
        if (!mine || !isMine() || mine.untilMs <= Date.now()) return false
        mine.untilMs = Date.now() + longer
        return true
      },
      release: async () => {
        this.#check()
        if (isMine()) leases.delete(name)
      },
    }
  }
}
