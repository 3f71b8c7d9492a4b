import * as Y from 'yjs'
import {
  Admission,
  type Claims,
  type Judge,
  type Refused,
  type Submission,
} from './authorization/admission.ts'
import { writerOfClaim } from './authorization/claims.ts'
import { type Lease, LeaseLostError, type StoredDocument } from './log/document-log.ts'
import type { ServerContext } from './options.ts'
import { replay } from './replay.ts'
import { SequenceRanges } from './sequence-ranges.ts'
import { type DecodedUpdate, isKnown } from './update-check.ts'

export interface DocumentListener<Sender> {
  /**
   * These are durable and applied; `merged` is what changed, if anything. Without submissions it was another server that
   * has stored them. With `isMore` there may be something in it that had waited for these, and that no sender has.
   */
  onCommitted(
    submissions: readonly Submission<Sender>[],
    merged: Uint8Array | undefined,
    isMore: boolean,
  ): void
  /** These could not be stored, and so were not applied. */
  onRejected(submissions: readonly Submission<Sender>[], error: unknown): void
  /** The first of these may not be written, the others came after it from the same sender; nothing of them was applied. */
  onRefused(submissions: readonly Submission<Sender>[], refused: Refused): void
  /** The first of these rests on what is not here, the others came after it from the same sender; nothing of them was applied. */
  onGap(submissions: readonly Submission<Sender>[]): void
  /** Yjs failed on a stored update (of `culprit`, if known): this object must not be used any more. */
  onBroken(error: unknown, culprit: Submission<Sender> | undefined): void
  /** The log has lost what is here, as the document was erased elsewhere: this object must not be used any more. */
  onReplaced(): void
  /** Nothing is on its way to the log any more. */
  onIdle(): void
}

type DocumentContext = Pick<
  ServerContext,
  'storage' | 'log' | 'limits' | 'timings' | 'clock' | 'metrics' | 'health'
>

/** Judges updates before they are stored, for one batch after the other. */
export interface Gate<Sender> {
  /** A judge of what is to be stored together, which knows what it has admitted. */
  convene(): Judge<Sender>
}

/**
 * A document that only ever contains what is durable: updates are judged, go to the log, and are applied after that. What
 * arrives while the log is busy is judged, appended, applied and announced together.
 */
export class DurableDocument<Sender> {
  readonly doc: Y.Doc
  /** Owners by key; see `authorization/claims.ts`. */
  readonly claims: Map<string, string>
  /** The identities to whom client ids belong. */
  readonly owners: Map<number, string> = new Map()
  readonly #name: string
  readonly #context: DocumentContext
  readonly #listener: DocumentListener<Sender>
  readonly #admission: Admission<Sender>
  readonly #leases = new WeakMap<Submission<Sender>, Lease>()
  #gate: Gate<Sender> | undefined
  #committing: Promise<void> | undefined
  #folding: Promise<void> | undefined
  #catchingUp: Promise<boolean> | undefined
  /** It has not begun to read, so that it will see whatever is told now. */
  #nextCatchUp: Promise<boolean> | undefined
  #cancelRetry: (() => void) | undefined
  /** Which updates are applied. Without other servers the numbers may have gaps that mean nothing. */
  readonly #ranges: SequenceRanges
  #logLength: number
  /** Bytes; at most so many. */
  #size: number
  /** Other servers may have claimed what is not known here. */
  #areClaimsStale = false
  #isDestroyed = false

  static async load<Sender>(
    name: string,
    context: DocumentContext,
    listener: DocumentListener<Sender>,
  ): Promise<DurableDocument<Sender>> {
    const { updates, upTo, claims } = await context.storage.read(name)
    const doc = replay(updates, (index, error) =>
      context.log.error(`${name}: stored update ${index} of ${updates.length} left out`, error),
    )
    return new DurableDocument(name, context, listener, doc, { updates, upTo, claims })
  }

  private constructor(
    name: string,
    context: DocumentContext,
    listener: DocumentListener<Sender>,
    doc: Y.Doc,
    { updates, upTo, claims }: StoredDocument,
  ) {
    this.#name = name
    this.#context = context
    this.#listener = listener
    this.doc = doc
    this.#ranges = new SequenceRanges(upTo)
    this.#logLength = updates.length
    this.#size = sizeOf(updates)
    this.claims = claims
    this.#takeClaims(claims)
    this.#admission = new Admission(context, {
      onRefused: (dropped, refused) => listener.onRefused(dropped, refused),
      onGap: dropped => listener.onGap(dropped),
      onReady: () => this.#start(),
    })
  }

  /** Whatever clients submit from now on is judged. */
  guard(gate: Gate<Sender>): void {
    this.#gate = gate
  }

  get isIdle(): boolean {
    return !this.#committing && !this.#folding && !this.#catchingUp && !this.#admission.isWaiting
  }

  stateVector(): Uint8Array {
    return Y.encodeStateVector(this.doc)
  }

  /** What a peer with this state vector lacks. */
  missingFrom(stateVector: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.doc, stateVector)
  }

  /** Whether it has grown larger than documents may be. */
  get isTooLarge(): boolean {
    const { maxDocumentSize } = this.#context.limits
    if (this.#size <= maxDocumentSize) return false
    // Without what is overwritten by now.
    this.#size = Y.encodeStateAsUpdate(this.doc).length
    return this.#size > maxDocumentSize
  }

  /** Takes an update; says whether the listener will hear of it (it will not if it changes nothing). */
  submit(update: Uint8Array, decoded: DecodedUpdate, sender: Sender): boolean {
    if (this.#isDestroyed || isKnown(this.doc, decoded)) return false
    this.#admission.push({ update, sender, decoded })
    this.#start()
    return true
  }

  /** Takes an update of the server's own, which is sound and new; the listener will hear of it. */
  write(update: Uint8Array, sender: Sender, lease?: Lease, claims?: Claims): void {
    const submission: Submission<Sender> = claims ? { update, sender, claims } : { update, sender }
    if (lease) this.#leases.set(submission, lease)
    this.#admission.push(submission)
    this.#start()
  }

  /** What was not permitted may be by now. */
  reconsider(): void {
    this.#admission.reconsider()
  }

  /** Takes what another server has appended; the last of it has this number. Undefined = it is to be read. */
  hear(seq: number, updates: readonly Uint8Array[] | undefined): void {
    if (this.#isDestroyed) return
    if (!updates) {
      void this.catchUp()
      return
    }
    this.#applyForeign(updates)
    this.#ranges.add(seq - updates.length + 1, seq)
    this.#size += sizeOf(updates)
    this.#logLength += updates.length
    if (this.#ranges.hasGap) void this.catchUp()
  }

  /**
   * Reads what other servers may have appended; resolves, without rejecting, with whether everything is here. If it
   * is not, that is tried again, as nobody may tell of it once more.
   */
  catchUp(): Promise<boolean> {
    if (this.#isDestroyed) return Promise.resolve(false)
    if (this.#nextCatchUp) return this.#nextCatchUp
    const before = this.#catchingUp ?? Promise.resolve()
    const catchingUp = before
      .then(() => {
        this.#nextCatchUp = undefined
        return this.#read()
      })
      .catch(error => {
        this.#areClaimsStale = true
        this.#context.log.error(`${this.#name}: cannot read what other servers wrote`, error)
        this.#catchUpLater()
        return false
      })
      .finally(() => {
        if (this.#catchingUp !== catchingUp) return
        this.#catchingUp = undefined
        this.#checkIdle()
      })
    this.#catchingUp = this.#nextCatchUp = catchingUp
    return catchingUp
  }

  /** Replaces the log by what the document is now, so that what was deleted is gone from it. Rejects if that cannot be done. */
  async fold(): Promise<void> {
    await this.whenIdle()
    if (this.#ranges.hasGap && !(await this.catchUp())) {
      throw new Error('cannot read what other servers wrote')
    }
    const replaced = this.#logLength - 1
    const state = Y.encodeStateAsUpdate(this.doc)
    await this.#context.storage.snapshot(this.#name, state, this.#ranges.upTo)
    this.#logLength -= replaced
  }

  /** Resolves when nothing is on its way to the log. What waits to be permitted does not count. */
  async whenIdle(): Promise<void> {
    while (this.#committing || this.#folding || this.#catchingUp) {
      await Promise.all([this.#committing, this.#folding, this.#catchingUp])
    }
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#cancelRetry?.()
    this.#admission.destroy()
    this.doc.destroy()
  }

  async #read(): Promise<boolean> {
    if (this.#isDestroyed) return false
    const before = this.#ranges.upTo
    // What is heard from now on may be of somebody whose claim is not in what is read.
    this.#areClaimsStale = false
    const { updates, upTo, claims } = await this.#context.storage.read(this.#name, before)
    if (upTo < before) {
      this.#replace()
      return false
    }
    this.#takeClaims(claims)
    const areClaimsStale = this.#areClaimsStale
    this.#applyForeign(updates)
    this.#areClaimsStale = areClaimsStale
    this.#ranges.reach(upTo)
    this.#size += sizeOf(updates)
    this.#logLength += updates.length
    return !this.#isDestroyed
  }

  #catchUpLater(): void {
    if (this.#isDestroyed) return
    const { clock, timings } = this.#context
    this.#cancelRetry ??= clock.setTimeout(() => {
      this.#cancelRetry = undefined
      void this.catchUp()
    }, timings.retryMs)
  }

  #start(): void {
    this.#committing ??= this.#commitAll()
  }

  async #commitAll(): Promise<void> {
    // Everything that arrives in this turn of the event loop belongs together.
    await new Promise(resolve => setImmediate(resolve))
    while (!this.#admission.isEmpty && !this.#isDestroyed) {
      if (this.#areClaimsStale && !(await this.catchUp())) {
        this.#reject(this.#admission.take(undefined), new Error('cannot read who writes here'))
        continue
      }
      const batch = this.#admission.take(this.#gate?.convene())
      if (batch.length > 0) await this.#commit(batch)
    }
    // At once, so that nothing can come to wait for a loop that has ended.
    this.#committing = undefined
    this.#checkIdle()
  }

  async #commit(batch: Submission<Sender>[]): Promise<void> {
    let kept: Submission<Sender>[]
    try {
      kept = await this.#claim(batch)
    } catch (error) {
      this.#reject(batch, error)
      return
    }
    // What the server writes under a lease is stored apart: only that fails where the lease is lost.
    const groups = new Map<Lease | undefined, Submission<Sender>[]>()
    for (const submission of kept) {
      const lease = this.#leases.get(submission)
      groups.set(lease, [...(groups.get(lease) ?? []), submission])
    }
    for (const [lease, group] of groups) {
      const { upTo } = this.#ranges
      const seq = await this.#append(group, lease)
      if (this.#isDestroyed) return
      if (seq === undefined) continue
      if (this.#context.storage.cluster && seq - group.length < upTo) {
        this.#reject(group, new Error('the log has lost what this rests on'))
        this.#replace()
        return
      }
      // In one go, as what counts as applied may be folded.
      this.#count(group, seq)
      this.#apply(group)
      if (this.#isDestroyed) return
    }
  }

  /** Claims what the submissions need; returns those that may be stored. */
  async #claim(batch: Submission<Sender>[]): Promise<Submission<Sender>[]> {
    if (!batch.some(({ claims }) => claims)) return batch
    const lost = new Map<Sender, string[]>()
    await Promise.all(
      batch.map(async ({ sender, claims }) => {
        for (const key of claims?.keys ?? []) {
          const owner = (claims as { owner: string }).owner
          const held = await this.#context.storage.claim(this.#name, key, owner)
          this.claims.set(key, held)
          this.#own(key, held)
          if (held !== owner) lost.set(sender, [...(lost.get(sender) ?? []), key])
        }
      }),
    )
    for (const [sender, keys] of lost) {
      const dropped = [
        ...batch.filter(one => one.sender === sender),
        ...this.#admission.withdraw(new Set([sender])),
      ]
      const writers = keys.map(writerOfClaim).filter(writer => writer !== undefined)
      const refused: Refused =
        writers.length > 0
          ? { code: 'foreign-writer', reason: 'a client id of somebody else', writers }
          : { code: 'forbidden', reason: 'somebody else has created it at the same time' }
      this.#listener.onRefused(dropped, refused)
    }
    return batch.filter(({ sender }) => !lost.has(sender))
  }

  #takeClaims(claims: ReadonlyMap<string, string>): void {
    for (const [key, owner] of claims) {
      this.claims.set(key, owner)
      this.#own(key, owner)
    }
  }

  #own(key: string, owner: string): void {
    const writer = writerOfClaim(key)
    if (writer !== undefined) this.owners.set(writer, owner)
  }

  /** The number of the last; undefined if they are not in the log. */
  async #append(group: Submission<Sender>[], lease: Lease | undefined) {
    const { storage, metrics, health, clock } = this.#context
    const updates = group.map(({ update }) => update)
    const begunMs = clock.now()
    try {
      const seq = await storage.append(this.#name, updates, lease)
      metrics.commits.add()
      metrics.commitSeconds.add((clock.now() - begunMs) / 1000)
      health.storageWorks()
      return seq
    } catch (error) {
      metrics.commitFailures.add()
      if (!(error instanceof LeaseLostError)) health.storageFailed()
      this.#reject(group, error)
      return undefined
    }
  }

  #count(group: Submission<Sender>[], seq: number): void {
    if (this.#context.storage.cluster) {
      this.#ranges.add(seq - group.length + 1, seq)
      // Their news is on its way; most often it is here sooner than what is read.
      if (this.#ranges.hasGap) void this.catchUp()
    } else {
      this.#ranges.reach(seq)
    }
    this.#logLength += group.length
    this.#size += sizeOf(group.map(({ update }) => update))
  }

  #replace(): void {
    if (this.#isDestroyed) return
    this.destroy()
    this.#listener.onReplaced()
  }

  #reject(submissions: readonly Submission<Sender>[], error: unknown): void {
    // What their senders wrote afterwards builds on it.
    const orphans = this.#admission.withdraw(new Set(submissions.map(({ sender }) => sender)))
    this.#listener.onRejected([...submissions, ...orphans], error)
  }

  #applyForeign(updates: readonly Uint8Array[]): void {
    if (this.#isDestroyed || updates.length === 0) return
    const writers = this.doc.store.clients.size
    this.#apply(updates.map(update => ({ update, sender: undefined })))
    // Somebody was there for the first time, and has claimed the client id elsewhere before that.
    if (this.doc.store.clients.size > writers) this.#areClaimsStale = true
  }

  #apply(submissions: (Submission<Sender> | { update: Uint8Array; sender: undefined })[]): void {
    // News of other servers may be here before that on which they rest, and which is on its way to the log.
    const isMore = this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null
    const changes: Uint8Array[] = []
    const collect = (change: Uint8Array) => changes.push(change)
    let current: (typeof submissions)[number] | undefined
    this.doc.on('update', collect)
    try {
      this.doc.transact(() => {
        for (current of submissions) Y.applyUpdate(this.doc, current.update)
        current = undefined
      })
    } catch (error) {
      this.destroy()
      this.#listener.onBroken(error, ownOf(current))
      return
    }
    this.doc.off('update', collect)
    const own = submissions.filter(one => one.sender !== undefined) as Submission<Sender>[]
    const merged = changes.length > 1 ? Y.mergeUpdates(changes) : changes[0]
    if (own.length > 0 || merged) this.#listener.onCommitted(own, merged, isMore)
    if (this.#logLength > this.#context.limits.maxLogLength) this.#fold()
  }

  /** Replaces the log by what the document is now. */
  #fold(): void {
    if (this.#folding || this.#isDestroyed || this.#ranges.hasGap) return
    const { storage, log } = this.#context
    const replaced = this.#logLength - 1
    const state = Y.encodeStateAsUpdate(this.doc)
    this.#size = state.length
    this.#folding = storage
      .snapshot(this.#name, state, this.#ranges.upTo)
      .then(
        () => {
          this.#logLength -= replaced
        },
        error => log.error(`${this.#name}: cannot fold the log; it goes on growing`, error),
      )
      .finally(() => {
        this.#folding = undefined
        this.#checkIdle()
      })
  }

  #checkIdle(): void {
    if (this.isIdle && !this.#isDestroyed) this.#listener.onIdle()
  }
}

function sizeOf(updates: readonly Uint8Array[]): number {
  return updates.reduce((bytes, { length }) => bytes + length, 0)
}

function ownOf<Sender>(
  submission: Submission<Sender> | { update: Uint8Array; sender: undefined } | undefined,
): Submission<Sender> | undefined {
  return submission?.sender === undefined ? undefined : (submission as Submission<Sender>)
}
