import type { Clock } from '../../base/clock.ts'
import type { DecodedUpdate } from '../update-check.ts'

/** An update on its way into a document. */
export interface Submission<Sender> {
  readonly update: Uint8Array
  readonly sender: Sender
  /** Of what somebody else than the server itself has sent. */
  readonly decoded?: DecodedUpdate
  /** What has to be claimed for the author before it is stored. */
  claims?: Claims
  /** It waits until then at most, in ms since 1970. */
  untilMs?: number
}

export interface Claims {
  readonly owner: string
  readonly keys: readonly string[]
}

export interface Refused {
  readonly code: 'forbidden' | 'foreign-writer'
  readonly reason: string
  /** Of a `foreign-writer`: the client ids that are somebody else's. */
  readonly writers?: readonly number[]
}

export type Judgement =
  | { kind: 'accepted'; claims?: Claims; changesStanding: boolean }
  | { kind: 'gap' }
  | { kind: 'waiting'; reason: string }
  | ({ kind: 'refused' } & Refused)

/** Judges what is to be stored together: against the document, and what it has judged before. */
export interface Judge<Sender> {
  judge(submission: Submission<Sender>, decoded: DecodedUpdate): Judgement
}

export interface AdmissionListener<Sender> {
  /** This may not be written, and what its sender has submitted after it is dropped. */
  onRefused(dropped: readonly Submission<Sender>[], refused: Refused): void
  /** This rests on what is not here; what its sender has submitted after it is dropped. */
  onGap(dropped: readonly Submission<Sender>[]): void
  /** Something that waited may be taken now. */
  onReady(): void
}

/**
 * What was submitted and is not on its way to the log yet. What may not be written *yet* waits, because the documents of a
 * conversation come by different channels: somebody's first message may be here before it is known that they have joined.
 */
export class Admission<Sender> {
  readonly #context: { readonly clock: Clock; readonly timings: { readonly permissionMs: number } }
  readonly #listener: AdmissionListener<Sender>
  #queue: Submission<Sender>[] = []
  #waiting: Submission<Sender>[] = []
  #cancel: (() => void) | undefined

  constructor(
    context: { readonly clock: Clock; readonly timings: { readonly permissionMs: number } },
    listener: AdmissionListener<Sender>,
  ) {
    this.#context = context
    this.#listener = listener
  }

  /** Whether there is nothing to take. */
  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  push(submission: Submission<Sender>): void {
    this.#queue.push(submission)
  }

  /** What may be stored together now, in the order in which it came. */
  take(judge: Judge<Sender> | undefined): Submission<Sender>[] {
    const queue = this.#queue
    this.#queue = []
    const batch: Submission<Sender>[] = []
    const dropped = new Map<Sender, Dropped<Sender>>()
    const waiting = new Set(this.#waiting.map(({ sender }) => sender))
    for (const [place, submission] of queue.entries()) {
      const { decoded, sender } = submission
      if (!judge || !decoded) {
        batch.push(submission)
        continue
      }
      if (waiting.has(sender)) {
        this.#waiting.push(submission)
        continue
      }
      const before = dropped.get(sender)
      if (before) {
        before.submissions.push(submission)
        continue
      }
      const judgement = judge.judge(submission, decoded)
      if (judgement.kind !== 'accepted') {
        dropped.set(sender, { judgement, submissions: [submission] })
        continue
      }
      if (judgement.claims) submission.claims = judgement.claims
      batch.push(submission)
      if (!judgement.changesStanding) continue
      // Who may do what is another thing after this.
      this.#queue = [...queue.slice(place + 1), ...this.#queue]
      break
    }
    for (const { judgement, submissions } of dropped.values()) this.#drop(judgement, submissions)
    return batch
  }

  /** What waits may be permitted by now. */
  reconsider(): void {
    if (this.#waiting.length === 0) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#queue = [...this.#waiting, ...this.#queue]
    this.#waiting = []
    this.#listener.onReady()
  }

  /** Takes out and returns what a sender has submitted. */
  withdraw(senders: ReadonlySet<Sender>): Submission<Sender>[] {
    const all = [...this.#waiting, ...this.#queue]
    this.#waiting = this.#waiting.filter(({ sender }) => !senders.has(sender))
    this.#queue = this.#queue.filter(({ sender }) => !senders.has(sender))
    return all.filter(({ sender }) => senders.has(sender))
  }

  destroy(): void {
    this.#cancel?.()
  }

  #drop(judgement: Exclude<Judgement, { kind: 'accepted' }>, dropped: Submission<Sender>[]): void {
    const [first] = dropped
    if (!first) return
    if (judgement.kind === 'gap') {
      this.#listener.onGap(dropped)
      return
    }
    const { clock, timings } = this.#context
    const nowMs = clock.now()
    if (judgement.kind === 'refused' || (first.untilMs !== undefined && first.untilMs <= nowMs)) {
      const { reason } = judgement
      const refused =
        judgement.kind === 'refused' ? judgement : ({ code: 'forbidden', reason } as const)
      // Nothing that it sent before is left but what is on its way.
      const rest = this.withdraw(new Set([first.sender]))
      this.#listener.onRefused([...dropped, ...rest], refused)
      return
    }
    first.untilMs ??= nowMs + timings.permissionMs
    this.#waiting.push(...dropped)
    this.#cancel ??= clock.setTimeout(() => {
      this.#cancel = undefined
      this.reconsider()
    }, first.untilMs - nowMs)
  }
}

interface Dropped<Sender> {
  readonly judgement: Exclude<Judgement, { kind: 'accepted' }>
  readonly submissions: Submission<Sender>[]
}
