import * as Y from 'yjs'
import type { ServerContext } from './options.ts'
import { replay } from './replay.ts'
import { type DecodedUpdate, isKnown } from './update-check.ts'

export interface Submission<Sender> {
  update: Uint8Array
  sender: Sender
}

export interface DocumentListener<Sender> {
  /** These are durable and applied; `merged` is what they changed together, if anything. */
  onCommitted(submissions: readonly Submission<Sender>[], merged: Uint8Array | undefined): void
  /** These could not be stored, and so were not applied. */
  onRejected(submissions: readonly Submission<Sender>[], error: unknown): void
  /** Yjs failed on a stored update (of `culprit`, if known): this object must not be used any more. */
  onBroken(error: unknown, culprit: Submission<Sender> | undefined): void
  /** Nothing is on its way to the log any more. */
  onIdle(): void
}

/**
 * A document that only ever contains what is durable: updates go to the log first. What arrives while the log is
 * busy is appended, applied and announced together.
 */
export class DurableDocument<Sender> {
  readonly #name: string
  readonly #context: Pick<ServerContext, 'storage' | 'log' | 'limits'>
  readonly #listener: DocumentListener<Sender>
  readonly #doc: Y.Doc
  #queue: Submission<Sender>[] = []
  #committing: Promise<void> | undefined
  #folding: Promise<void> | undefined
  /** The sequence number of the last update that was applied, and how many the log holds. */
  #seq: number
  #logLength: number
  #isDestroyed = false

  static async load<Sender>(
    name: string,
    context: Pick<ServerContext, 'storage' | 'log' | 'limits'>,
    listener: DocumentListener<Sender>,
  ): Promise<DurableDocument<Sender>> {
    const { updates, upTo } = await context.storage.read(name)
    const doc = replay(updates, (index, error) =>
      context.log.error(`${name}: stored update ${index} of ${updates.length} left out`, error),
    )
    return new DurableDocument(name, context, listener, doc, upTo, updates.length)
  }

  private constructor(
    name: string,
    context: Pick<ServerContext, 'storage' | 'log' | 'limits'>,
    listener: DocumentListener<Sender>,
    doc: Y.Doc,
    seq: number,
    logLength: number,
  ) {
    this.#name = name
    this.#context = context
    this.#listener = listener
    this.#doc = doc
    this.#seq = seq
    this.#logLength = logLength
  }

  get isIdle(): boolean {
    return !this.#committing && !this.#folding
  }

  stateVector(): Uint8Array {
    return Y.encodeStateVector(this.#doc)
  }

  /** What a peer with this state vector lacks. */
  missingFrom(stateVector: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc, stateVector)
  }

  /** Takes an update; says whether the listener will hear of it (it will not if it changes nothing). */
  submit(update: Uint8Array, decoded: DecodedUpdate, sender: Sender): boolean {
    if (this.#isDestroyed || isKnown(this.#doc, decoded)) return false
    this.write(update, sender)
    return true
  }

  /** Takes an update that is known to be sound and new; the listener will hear of it. */
  write(update: Uint8Array, sender: Sender): void {
    this.#queue.push({ update, sender })
    this.#committing ??= this.#commitAll()
  }

  /** Resolves when nothing is on its way to the log. */
  async whenIdle(): Promise<void> {
    while (!this.isIdle) await Promise.all([this.#committing, this.#folding])
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#doc.destroy()
  }

  async #commitAll(): Promise<void> {
    // Everything that arrives in this turn of the event loop belongs together.
    await new Promise(resolve => setImmediate(resolve))
    while (this.#queue.length > 0 && !this.#isDestroyed) {
      const submissions = this.#queue
      this.#queue = []
      try {
        const updates = submissions.map(({ update }) => update)
        this.#seq = await this.#context.storage.append(this.#name, updates)
        this.#logLength += updates.length
      } catch (error) {
        this.#reject(submissions, error)
        continue
      }
      this.#apply(submissions)
    }
    // At once, so that nothing can come to wait for a loop that has ended.
    this.#committing = undefined
    this.#checkIdle()
  }

  #reject(submissions: Submission<Sender>[], error: unknown): void {
    // What their senders wrote afterwards builds on it.
    const senders = new Set(submissions.map(({ sender }) => sender))
    const orphans = this.#queue.filter(({ sender }) => senders.has(sender))
    this.#queue = this.#queue.filter(({ sender }) => !senders.has(sender))
    this.#listener.onRejected([...submissions, ...orphans], error)
  }

  #apply(submissions: Submission<Sender>[]): void {
    const changes: Uint8Array[] = []
    const collect = (change: Uint8Array) => changes.push(change)
    let current: Submission<Sender> | undefined
    this.#doc.on('update', collect)
    try {
      this.#doc.transact(() => {
        for (current of submissions) Y.applyUpdate(this.#doc, current.update)
        current = undefined
      })
    } catch (error) {
      this.destroy()
      this.#listener.onBroken(error, current)
      return
    }
    this.#doc.off('update', collect)
    this.#listener.onCommitted(
      submissions,
      changes.length > 1 ? Y.mergeUpdates(changes) : changes[0],
    )
    if (this.#logLength > this.#context.limits.maxLogLength) this.#fold()
  }

  /** Replaces the log by what the document is now. */
  #fold(): void {
    if (this.#folding) return
    const { storage, log } = this.#context
    const replaced = this.#logLength - 1
    this.#folding = storage
      .snapshot(this.#name, Y.encodeStateAsUpdate(this.#doc), this.#seq)
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
