import * as Y from 'yjs'
import type { Clock } from '../base/clock.ts'
import { bringsBack, joinSnapshots } from './brings-back.ts'
import { emptyDocument } from './empty-document.ts'

/** So many refusals in so short a time are no accident: whatever is tried again is refused again. */
const MAX_REFUSALS = 3
const REFUSALS_WITHIN_MS = 60_000

/** Views show what they showed for so long, unless the server brings its state before. */
const WAIT_MS = 10_000

export interface RecoveryEvents {
  /** The document is about to be emptied; it says nothing until it is over. */
  onBegin(): void
  /** The server's state is here, or does not come soon. */
  onEnd(): void
}

/** A document whose local state a server has refused: it is emptied, and filled again by the server. */
export class Recovery {
  readonly #doc: Y.Doc
  readonly #clock: Clock
  readonly #events: RecoveryEvents
  #aside: Y.Snapshot | undefined
  #refusals: number[] = []
  #isIncomplete = false
  #whenOver: Promise<void> | undefined
  #resolve: () => void = () => {}
  #cancelTimer: () => void = () => {}

  constructor(doc: Y.Doc, clock: Clock, events: RecoveryEvents) {
    this.#doc = doc
    this.#clock = clock
    this.#events = events
  }

  /** Settles when it is over; undefined = there is none. */
  get whenOver(): Promise<void> | undefined {
    return this.#whenOver
  }

  /** The document was emptied, and the server's state is yet to come, however long that takes. */
  get isIncomplete(): boolean {
    return this.#isIncomplete
  }

  /** Says whether it is worth going on after this refusal. */
  begin(): boolean {
    const now = this.#clock.now()
    this.#refusals = this.#refusals.filter(time => Math.abs(now - time) < REFUSALS_WITHIN_MS)
    const goesOn = this.#refusals.push(now) < MAX_REFUSALS
    this.#isIncomplete = true
    this.#cancelTimer()
    this.#cancelTimer = this.#clock.setTimeout(() => this.end(), WAIT_MS)
    if (this.#whenOver) return goesOn
    this.#whenOver = new Promise(resolve => {
      this.#resolve = resolve
    })
    this.#events.onBegin()
    return goesOn
  }

  /** Empties the document, and returns what was in it. */
  setAside(): Uint8Array {
    const update = Y.encodeStateAsUpdate(this.#doc)
    const snapshot = Y.snapshot(this.#doc)
    this.#aside = this.#aside ? joinSnapshots(this.#aside, snapshot) : snapshot
    emptyDocument(this.#doc)
    return update
  }

  /** The server's state is here. */
  complete(): void {
    this.#isIncomplete = false
    this.end()
  }

  end(): void {
    if (!this.#whenOver) return
    this.#whenOver = undefined
    this.#cancelTimer()
    this.#resolve()
    this.#events.onEnd()
  }

  /** Whether an update from this device's tabs or storage has to stay out. */
  isRefused(update: Uint8Array): boolean {
    return this.#aside !== undefined && bringsBack(this.#doc, this.#aside, update)
  }
}
