import { Batch } from './batch.ts'
import { pageOf } from './ids.ts'
import type { LogEntry } from './log-entry.ts'
import { EMPTY_LOG, isInLog, type LogState } from './log-state.ts'
import type { OutboxDocument, SequencerIdentity } from './outbox-document.ts'
import type { OutboxEntry } from './outbox-entry.ts'
import type { PageDocument } from './page-document.ts'
import { PendingQueue, sequence, stateAfter } from './sequence.ts'

/** A page that is open, and loaded. */
export interface OpenPage {
  readonly page: PageDocument
  /** Resolves when what was written is durable where the sequencer runs. */
  flush(): Promise<void>
}

export interface SequencerContext {
  readonly outbox: OutboxDocument
  readonly identity: SequencerIdentity
  /** What it resolves to is used until the next one is asked for. */
  openPage(page: number): Promise<OpenPage>
  /** Messages on a page; the same for ever. Default 1000. */
  readonly pageSize?: number
  /** Resolves when what was written to the outbox's document is durable. */
  flush(): Promise<void>
}

/** How far the log has come, and where it goes on. */
interface End {
  readonly state: LogState
  readonly number: number
  readonly page: PageDocument
}

/**
 * Moves messages from the outboxes into the log. There must be one at a time for a conversation.
 *
 * First the pages are written and durable, then the outboxes are cleared. Whatever stops it in between, the next step
 * finds in the pages what is done already, because a message keeps its id.
 */
export class Sequencer {
  readonly #context: SequencerContext
  #running: Promise<boolean> | undefined
  #isWanted = false
  /** The log as the last step left it. */
  #state: LogState | undefined

  constructor(context: SequencerContext) {
    this.#context = context
  }

  /**
   * Handles everything that lies in the outboxes, also what comes meanwhile. Resolves with false if it had to leave it
   * there, because pages that the log's state tells of are not here: try again when they may have come.
   */
  async run(): Promise<boolean> {
    this.#isWanted = true
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #runAll(): Promise<boolean> {
    let canGoOn = true
    while (this.#isWanted && canGoOn) {
      this.#isWanted = false
      canGoOn = await this.#step()
    }
    return canGoOn
  }

  async #step(): Promise<boolean> {
    const { outbox } = this.#context
    const outboxes = outbox.outboxes()
    if (outboxes.length === 0) {
      if (outbox.sequencedBy === undefined) await this.#begin()
      return true
    }
    const end = await this.#findEnd(outbox.state)
    if (!end) return false

    const { state } = end
    // What a forged page has further on counts as it is when the log has come there.
    const queue = new PendingQueue(outboxes, state)
    const pending = queue.sorted.filter(({ writer, message }) => {
      return !end.page.find({ writer, counter: message.counter })
    })
    const added = sequence(pending.slice(0, this.#free(end, pending.length)), state)
    const next = { ...stateAfter(state, added), lamport: queue.lamport }
    const batch = new Batch(this.#context, end.number, added)
    const handled = new Set<unknown>()
    for (const { author, writer, items } of outboxes) {
      for (const { entry, stored } of items) {
        if (entry && !isDue(entry, writer, next)) continue
        if (entry && entry.kind !== 'message') await batch.apply(entry, author)
        handled.add(stored)
      }
    }
    if (pending.length > added.length) this.#isWanted = true
    if (handled.size === 0) return true
    // A removal is counted by its command until it is recorded, so that must not be forgotten before.
    await this.#context.flush()
    await this.#write(batch, end)
    outbox.acknowledge(this.#context.identity, next, handled, batch.removed)
    this.#state = next
    await this.#context.flush()
    return true
  }

  /** Says that there is a sequencer: who sends then waits for an index. */
  async #begin(): Promise<void> {
    const { outbox, identity, flush } = this.#context
    outbox.acknowledge(identity, EMPTY_LOG, new Set(), [])
    await flush()
  }

  /** With what the pages have beyond the state, after a step that was stopped; undefined where they have less. */
  async #findEnd(said: LogState): Promise<End | undefined> {
    let state = said
    if (state.count > 0 && this.#state?.count !== state.count) {
      const { page } = await this.#context.openPage(this.#pageOf(state.count - 1))
      if (!page.at(state.count - 1)) return undefined
    }
    for (;;) {
      const number = this.#pageOf(state.count)
      const { page } = await this.#context.openPage(number)
      state = stateAfter(state, page.entriesFrom(state.count))
      if (this.#pageOf(state.count) === number) return { state, number, page }
    }
  }

  /** How many of so many messages have place on the page. What lies further on is not ours, but its index is taken. */
  #free({ state: { count }, number, page }: End, wanted: number): number {
    let free = 0
    while (free < wanted && this.#pageOf(count + free) === number && !page.at(count + free)) free++
    return free
  }

  /** Page by page, so that no more than one need be open. */
  async #write(batch: Batch, end: End): Promise<void> {
    const { appended, changed } = batch
    const numbers = new Set([...appended, ...changed].map(({ index }) => this.#pageOf(index)))
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const { page, flush } = await this.#context.openPage(number)
      const isHere = ({ index }: LogEntry) => this.#pageOf(index) === number
      const isFirst = number === end.number && this.#pageOf(end.state.count - 1) < number
      const sentBefore = isFirst ? end.state.sent : undefined
      page.write(appended.filter(isHere), changed.filter(isHere), sentBefore)
      await flush()
    }
  }

  #pageOf(index: number): number {
    return pageOf(index, this.#context.pageSize)
  }
}

/** Whether it is in the log with this state, or can be done to what is. */
function isDue(entry: OutboxEntry, writer: number, state: LogState): boolean {
  const id = entry.kind === 'message' ? { writer, counter: entry.counter } : entry.target
  return isInLog(id, state)
}
