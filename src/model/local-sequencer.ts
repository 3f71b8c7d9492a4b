import type { OutboxDocument, SequencerIdentity } from '../schema/messages/outbox-document.ts'
import { type OpenPage, Sequencer } from '../schema/messages/sequencer.ts'

export interface LocalSequencerOptions {
  readonly outbox: OutboxDocument
  /** Who runs it, and under which client id; asked for once, when it is enabled. */
  identify(): Promise<SequencerIdentity>
  openPage(number: number): Promise<OpenPage>
  flush(): Promise<void>
  /** Whether everything is here that others may have added to the log. */
  isReady(): boolean
  onError(error: unknown): void
}

/** Runs the sequencer of a conversation on this device, whenever there is news. */
export class LocalSequencer {
  readonly #options: LocalSequencerOptions
  #sequencer: Sequencer | undefined
  #isEnabled = false
  #isRunning = false
  #isWanted = false

  constructor(options: LocalSequencerOptions) {
    this.#options = options
  }

  get isEnabled(): boolean {
    return this.#isEnabled
  }

  enable(): void {
    this.#isEnabled = true
    this.wake()
  }

  disable(): void {
    this.#isEnabled = false
  }

  /** There may be something to do. */
  wake(): void {
    this.#isWanted = true
    if (this.#isRunning || !this.#isEnabled || !this.#options.isReady()) return
    this.#isRunning = true
    void this.#run()
  }

  async #create(): Promise<Sequencer> {
    return new Sequencer({ ...this.#options, identity: await this.#options.identify() })
  }

  async #run(): Promise<void> {
    try {
      while (this.#isWanted && this.#isEnabled) {
        this.#isWanted = false
        this.#sequencer ??= await this.#create()
        await this.#sequencer.run()
      }
    } catch (error) {
      if (this.#isEnabled) this.#options.onError(error)
    }
    this.#isRunning = false
  }
}
