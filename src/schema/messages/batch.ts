import { messageKey, pageOf } from './ids.ts'
import { applyCommand, type LogEntry } from './log-entry.ts'
import type { MessageCommand } from './outbox-entry.ts'
import type { SequencerContext } from './sequencer.ts'

/** What one step of the sequencer writes to the pages. */
export class Batch {
  readonly #context: SequencerContext
  readonly #newest: number
  readonly #appended: Map<string, LogEntry>
  readonly #changed = new Map<string, LogEntry>()
  readonly #removed = new Map<string, LogEntry>()

  /**
   * @param newest the page that messages are added to
   * @param appended by index; all of them fit on it
   */
  constructor(context: SequencerContext, newest: number, appended: readonly LogEntry[]) {
    this.#context = context
    this.#newest = newest
    this.#appended = new Map(appended.map(entry => [messageKey(entry), entry]))
  }

  get appended(): LogEntry[] {
    return [...this.#appended.values()]
  }

  get changed(): LogEntry[] {
    return [...this.#changed.values()]
  }

  /** Removed by a command, whether they were removed before or not. */
  get removed(): LogEntry[] {
    return [...this.#removed.values()]
  }

  /** Applies a command of `by` (a participant key), or nothing if there is no such message in the log. */
  async apply(command: MessageCommand, by: string): Promise<void> {
    const key = messageKey(command.target)
    const known = this.#appended.get(key) ?? this.#changed.get(key)
    const entry = known ?? (await this.#find(command))
    if (!entry) return
    const next = applyCommand(entry, command, by)
    if (this.#appended.has(key)) this.#appended.set(key, next)
    else if (next !== entry) this.#changed.set(key, next)
    if (command.kind === 'remove') this.#removed.set(key, next)
  }

  /** Where its author said that it is; or else, as it was pending then, from the newest page on. */
  async #find({ target, index }: MessageCommand): Promise<LogEntry | undefined> {
    if (index !== null) {
      const { page } = await this.#context.openPage(
        Math.min(pageOf(index, this.#context.pageSize), this.#newest),
      )
      return page.find(target)
    }
    for (let number = this.#newest; number >= 0; number--) {
      const { page } = await this.#context.openPage(number)
      const entry = page.find(target)
      if (entry) return entry
      // It is not on the pages before: its writer has nothing there, or wrote something before it that is here.
      const { sentBefore } = page
      const { writer, counter } = target
      if (sentBefore && !sentBefore.has(writer)) return undefined
      if (page.entries().some(one => one.writer === writer && one.counter < counter)) {
        return undefined
      }
    }
    return undefined
  }
}
