import { uint32 } from 'lib0/random'
import * as Y from 'yjs'
import type { IdleWriter, IdleWriters } from './provider.ts'

/*
 * A document remembers every client id that ever wrote in it, and each costs bytes and time for good. So a session
 * goes on under the id of an earlier one, where that is safe. It is when no struct is ever made twice: when
 * one session at a time holds the id, and knows everything that was written under it. See docs/format.md.
 */

/** Whether the document has everything that was written under the id. What lacks it would write it anew. */
export function canResume({ store }: Y.Doc, { clientId, clock }: IdleWriter): boolean {
  return clock > 0 && Y.getState(store, clientId) === clock
}

/** The client id that a session writes under, on loan from the storage. */
export class WriterLease {
  readonly #doc: Y.Doc
  readonly #idle: IdleWriters
  readonly #owner: string
  #isWanted = false
  #taking: Promise<void> | undefined

  /** `onCopied`: somebody else writes under our id; Yjs has given us another. */
  constructor(doc: Y.Doc, idle: IdleWriters, owner: string, onCopied: () => void) {
    this.#doc = doc
    this.#idle = idle
    this.#owner = owner
    doc.on('afterTransaction', ({ local, beforeState, afterState }: Y.Transaction) => {
      const { clientID } = doc
      if (!local && afterState.get(clientID) !== beforeState.get(clientID)) onCopied()
    })
  }

  /** Goes on under a client id of an earlier session, if there is one that can be. The document must be loaded. */
  async resume(): Promise<void> {
    if (this.#isWanted) return
    this.#isWanted = true
    this.#taking = this.#take()
    await this.#taking
  }

  /** Leaves the client id to later sessions; what this one may still write gets a new one. */
  release(): void {
    this.#isWanted = false
    this.#change(uint32())
  }

  /** Releases, and waits for what is still being taken, so that it can be put back. */
  async end(): Promise<void> {
    this.release()
    await Promise.allSettled([this.#taking])
  }

  async #take(): Promise<void> {
    const writer = await this.#idle.take(this.#owner)
    if (!writer) return
    if (!this.#isWanted) this.#idle.put(writer)
    // Otherwise it is given up for good: something of it is lost here, and others may have it.
    else if (canResume(this.#doc, writer)) this.#change(writer.clientId)
  }

  #change(next: number): void {
    const { clientID: clientId, store } = this.#doc
    const clock = Y.getState(store, clientId)
    this.#doc.clientID = next
    if (clock > 0) this.#idle.put({ clientId, clock, owner: this.#owner })
  }
}
