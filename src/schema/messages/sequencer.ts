import { pageOf } from './ids.ts'
import { applyCommand, type LogEntry } from './log-entry.ts'
import type { LogState } from './log-state.ts'
import type { OutboxDocument } from './outbox-document.ts'
import type { MessageCommand } from './outbox-entry.ts'
import { type PageDocument, sameMessage } from './page-document.ts'
import { greatestLamport, pendingMessages, sequence, stateAfter } from './sequence.ts'

/** A page that is open, and loaded. */
export interface OpenPage {
  readonly page: PageDocument
  /** Resolves when what was written is durable where the sequencer runs. */
  flush(): Promise<void>
}

export interface SequencerContext {
  readonly outbox: OutboxDocument
  openPage(page: number): Promise<OpenPage>
  /** Messages on a page; the same for ever. Default 1000. */
  readonly pageSize?: number
  /** Resolves when what was written to the outbox's document is durable. */
  flush(): Promise<void>
}

/**
 * Moves messages from the outboxes into the log. There must be one at a time for a conversation.
 *
 * First the pages are written and durable, then the outboxes are cleared. Whatever stops it in between, the next step
 * finds in the pages what is done already, because a message keeps its id.
 */
export class Sequencer {
  readonly #context: SequencerContext
  #running: Promise<void> | undefined
  #isWanted = false

  constructor(context: SequencerContext) {
    this.#context = context
  }

  /** Handles everything that lies in the outboxes, also what comes meanwhile. */
  async run(): Promise<void> {
    this.#isWanted = true
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #runAll(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false
      await this.#step()
    }
  }

  async #step(): Promise<void> {
    const { outbox } = this.#context
    const outboxes = outbox.outboxes()
    if (outboxes.length === 0) return
    const state = await this.#catchUp(outbox.state)
    const batch = new Batch(this.#context, state, sequence(pendingMessages(outboxes, state), state))
    const next = { ...stateAfter(state, batch.appended), lamport: greatestLamport(outboxes, state) }
    const handled = new Set<unknown>()
    for (const { author, items } of outboxes) {
      for (const { entry, stored } of items) {
        const isCommand = entry && entry.kind !== 'message'
        if (!isCommand || (await batch.apply(entry, author, next))) handled.add(stored)
      }
    }
    if (handled.size === 0) return
    await batch.write()
    outbox.acknowledge(next, handled, batch.removed)
    await this.#context.flush()
  }

  /** What the pages have beyond the state, after a step that was stopped. */
  async #catchUp(state: LogState): Promise<LogState> {
    let known = state
    for (;;) {
      const { page } = await this.#context.openPage(this.#pageOf(known.count))
      const next = stateAfter(
        known,
        page.entries().filter(({ index }) => index >= known.count),
      )
      // A full page may have more behind it.
      if (next === known || this.#pageOf(next.count) === this.#pageOf(known.count)) return next
      known = next
    }
  }

  #pageOf(index: number): number {
    return pageOf(index, this.#context.pageSize)
  }
}

/** What one step writes to the pages. */
class Batch {
  readonly #context: SequencerContext
  readonly #state: LogState
  readonly appended: LogEntry[]
  /** Removed by a command, whether they were removed before or not. */
  readonly removed: LogEntry[] = []
  readonly #changed = new Map<number, LogEntry>()

  /** @param state before the messages are appended */
  constructor(context: SequencerContext, state: LogState, appended: LogEntry[]) {
    this.#context = context
    this.#state = state
    this.appended = appended
  }

  /** Says whether it is done with: not while its target is still to come. */
  async apply(command: MessageCommand, by: string, { done, count }: LogState): Promise<boolean> {
    const { target } = command
    if (target.counter > (done.get(target.writer) ?? 0)) return false
    const at = this.appended.findIndex(entry => sameMessage(entry, target))
    const found = this.appended[at] ?? (await this.#find(command, this.#pageOf(count)))
    if (!found) return true
    const next = applyCommand(found, command, by)
    if (at >= 0) this.appended[at] = next
    else this.#changed.set(next.index, next)
    if (command.kind === 'remove') this.removed.push(next)
    return true
  }

  async write(): Promise<void> {
    const indices = [...this.appended.map(({ index }) => index), ...this.#changed.keys()]
    for (const number of new Set(indices.map(index => this.#pageOf(index)).sort((a, b) => a - b))) {
      const { page, flush } = await this.#context.openPage(number)
      const isHere = ({ index }: LogEntry) => this.#pageOf(index) === number
      const changed = [...this.#changed].filter(([, entry]) => isHere(entry))
      const before = this.appended.filter(({ index }) => this.#pageOf(index) < number)
      const { sent } = stateAfter(this.#state, before)
      page.write(this.appended.filter(isHere), new Map(changed), sent)
      await flush()
    }
  }

  /** Where its author said that it is; or else, as it was pending then, from the newest page on. */
  async #find({ target, index }: MessageCommand, newest: number): Promise<LogEntry | undefined> {
    const changed = [...this.#changed.values()].find(entry => sameMessage(entry, target))
    if (changed) return changed
    const first = index === null ? newest : Math.min(this.#pageOf(index), newest)
    const last = index === null ? 0 : first
    for (let number = first; number >= last; number--) {
      const { page } = await this.#context.openPage(number)
      const entry = page.entries().find(one => sameMessage(one, target))
      if (entry) return entry
    }
    return undefined
  }
  #pageOf(index: number): number {
    return pageOf(index, this.#context.pageSize)
  }
}
