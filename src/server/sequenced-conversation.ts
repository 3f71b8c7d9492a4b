import { ConversationsError } from '../base/errors.ts'
import { KeptLease } from './cluster/kept-lease.ts'
import type { ServerHookCalls } from './hooks/server-hook-calls.ts'
import { OpenConversation, type RoomOpener, type Workbench } from './open-conversation.ts'
import type { ServerContext } from './options.ts'

/** Attempts are at most so many times `retryMs` apart. */
const MAX_BACKOFF = 16

export interface SequencingContext {
  readonly server: Pick<ServerContext, 'clock' | 'log' | 'timings' | 'storage'>
  readonly rooms: RoomOpener
  readonly hooks: ServerHookCalls | undefined
  /** The server's; see `serverClientId`. */
  clientId(): Promise<number>
  /** How many clients have the outboxes of a conversation open. */
  audience(sid: string): number
  /** Whether there is something in the outboxes of a conversation that is not in the log yet. */
  hasWork(sid: string): boolean
  onIdle(sid: string): void
}

interface Job {
  work(bench: Workbench): Promise<void>
  resolve(): void
  reject(error: unknown): void
}

/** Runs the sequencer of one conversation when there is news, and keeps open what it needs while there may be more. */
export class SequencedConversation {
  readonly #sid: string
  readonly #context: SequencingContext
  #open: OpenConversation | undefined
  /** Where several servers share the storage: the right to be the one who sequences. */
  #lease: KeptLease | undefined
  #running: Promise<void> | undefined
  #isWanted = false
  #isClosed = false
  #usedAtMs = 0
  #failures = 0
  /** Another server sequences this conversation. */
  #isElsewhere = false
  #cancelRetry: (() => void) | undefined
  #jobs: Job[] = []

  constructor(sid: string, context: SequencingContext) {
    this.#sid = sid
    this.#context = context
  }

  /** There may be something in the outboxes. */
  wake(): void {
    if (this.#isClosed) return
    this.#isWanted = true
    if (!this.#cancelRetry) this.#running ??= this.#run()
  }

  /**
   * Does some work on its documents when everything there is is sequenced.
   *
   * @throws ConversationsError (rejects) `storage`, `blocked` if another server sequences it
   */
  perform(work: (bench: Workbench) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ work, resolve, reject })
      this.wake()
      if (this.#isClosed) this.#cancelJobs(new ConversationsError('closed', 'The server is closed'))
    })
  }

  /** Lets go what has not been needed for some time. */
  sweep(nowMs: number): void {
    const { sequencerIdleMs } = this.#context.server.timings
    if (this.#running || this.#cancelRetry || this.#open?.isTelling) return
    if (!this.#hasAudience || nowMs - this.#usedAtMs >= sequencerIdleMs) this.#letGo()
  }

  /** Finishes what has arrived, as far as it can be stored. */
  async drain(): Promise<void> {
    this.#isClosed = true
    this.#cancelRetry?.()
    this.#open?.giveUp()
    await this.#running
    await this.#context.hooks?.drain()
    this.#letGo()
  }

  get #hasAudience(): boolean {
    return this.#context.audience(this.#sid) > 0
  }

  async #run(): Promise<void> {
    let isDone = true
    while (this.#isWanted && isDone) {
      this.#isWanted = false
      isDone = await this.#sequence()
    }
    this.#running = undefined
    this.#usedAtMs = this.#context.server.clock.now()
    if (!this.#hasAudience && !(isDone && this.#open?.isTelling)) this.#letGo()
    else if (isDone) this.#failures = 0
    else this.#retry(this.#isElsewhere ? 1 : Math.min(2 ** this.#failures++, MAX_BACKOFF))
  }

  /** Says whether nothing is left to do. */
  async #sequence(): Promise<boolean> {
    const { log } = this.#context.server
    try {
      if (this.#open?.isOver || this.#lease?.isLost) this.#close()
      if (!(await this.#takeLease())) {
        this.#cancelJobs(
          new ConversationsError(
            'storage',
            `${this.#sid} is in use by another server; do it there, or when nobody uses it`,
            { reason: 'blocked' },
          ),
        )
        return false
      }
      this.#open ??= await this.#openIt()
      if (await this.#open.sequence()) {
        for (let job = this.#jobs.shift(); job; job = this.#jobs.shift()) {
          await job.work(this.#open.workbench).then(job.resolve, job.reject)
        }
        return true
      }
      log.warn(`${this.#sid}: pages of its messages are not here, so nothing can be added`)
      this.#cancelJobs(new Error(`${this.#sid}: pages of its messages are missing`))
    } catch (error) {
      log.error(`${this.#sid}: cannot sequence messages`, error)
      this.#cancelJobs(error)
      this.#close()
    }
    return false
  }

  /** Says whether this server is the one that sequences. */
  async #takeLease(): Promise<boolean> {
    const { storage } = this.#context.server
    this.#isElsewhere = false
    if (!storage.cluster || this.#lease) return true
    this.#lease = await KeptLease.take(storage.cluster, this.#sid, this.#context.server)
    this.#isElsewhere = this.#lease === undefined
    return !this.#isElsewhere
  }

  async #openIt(): Promise<OpenConversation> {
    const { rooms, clientId, hooks } = this.#context
    const open = await OpenConversation.open(this.#sid, rooms, {
      clientId: await clientId(),
      lease: this.#lease?.lease,
      hooks,
      onRoom: () => this.wake(),
    })
    if (this.#isClosed) open.giveUp()
    return open
  }

  #retry(factor: number): void {
    if (this.#isClosed) return
    const { clock, timings } = this.#context.server
    this.#cancelRetry = clock.setTimeout(() => {
      this.#cancelRetry = undefined
      if (!this.#hasAudience) this.#letGo()
      // Another server has done it, or is dead.
      else if (!this.#isElsewhere || this.#context.hasWork(this.#sid)) this.wake()
    }, factor * timings.retryMs)
  }

  #cancelJobs(error: unknown): void {
    for (const { reject } of this.#jobs.splice(0)) reject(error)
  }

  #letGo(): void {
    this.#close()
    this.#context.onIdle(this.#sid)
  }

  #close(): void {
    this.#open?.close()
    this.#open = undefined
    void this.#lease?.release()
    this.#lease = undefined
  }
}
