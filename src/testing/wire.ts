import * as prng from 'lib0/prng'
import type { Message } from './endpoint.ts'
import { nextTask } from './task.ts'

/** How messages travel. Time is counted in delivery steps: everything that is due arrives, then comes the next step. */
export interface WireOptions {
  /** Decides delays, duplication and order. Without a seed every message arrives once, in order, at the next step. */
  seed?: number
  /** A message takes 1 to 1 + `maxDelay` steps. Default: 8 with a seed, 0 without. */
  maxDelay?: number
  /** Probability, 0 to 1, that a message arrives twice. Default: 0.1 with a seed, 0 without. */
  duplicate?: number
  /** Whether a message may overtake an earlier one, as far as delays let it. Default: true with a seed. */
  reorder?: boolean
}

interface Flight {
  readonly message: Message
  readonly dueStep: number
}

/** The messages under way: decides when, how often and in which order they arrive. */
export class Wire {
  readonly #deliver: (message: Message) => void
  readonly #random: prng.PRNG
  readonly #maxDelay: number
  readonly #duplicate: number
  readonly #reorder: boolean
  readonly #flights = new Set<Flight>()
  #lastDueStep = new Map<string, number>()
  #step = 0
  #isScheduled = false

  constructor(options: WireOptions, deliver: (message: Message) => void) {
    const isFaulty = options.seed !== undefined
    this.#deliver = deliver
    // Spread over 32 bits and never 0, from which this generator would draw nothing but zeros.
    this.#random = prng.create(Math.imul(options.seed ?? 0, 0x9e3779b1) >>> 0 || 1)
    this.#maxDelay = options.maxDelay ?? (isFaulty ? 8 : 0)
    this.#duplicate = options.duplicate ?? (isFaulty ? 0.1 : 0)
    this.#reorder = options.reorder ?? isFaulty
  }

  get isIdle(): boolean {
    return this.#flights.size === 0
  }

  send(message: Message): void {
    this.#launch(message)
    if (this.#random.next() < this.#duplicate) this.#launch(message)
    this.#schedule()
  }

  /** Takes out of the air what `isLost` says, and returns it. */
  lose(isLost: (message: Message) => boolean): Message[] {
    const lost = [...this.#flights].filter(({ message }) => isLost(message))
    for (const flight of lost) this.#flights.delete(flight)
    return lost.map(({ message }) => message)
  }

  #launch(message: Message): void {
    let dueStep = this.#step + 1 + prng.uint32(this.#random, 0, this.#maxDelay)
    if (!this.#reorder) {
      const way = `${message.from.id} ${message.to.id}`
      dueStep = Math.max(dueStep, this.#lastDueStep.get(way) ?? 0)
      this.#lastDueStep.set(way, dueStep)
    }
    this.#flights.add({ message, dueStep })
  }

  #schedule(): void {
    if (this.#isScheduled || this.isIdle) return
    this.#isScheduled = true
    void nextTask().then(() => {
      this.#isScheduled = false
      try {
        this.#deliverDue()
      } finally {
        this.#schedule()
      }
    })
  }

  #deliverDue(): void {
    if (this.isIdle) return
    this.#step = [...this.#flights].reduce((step, { dueStep }) => Math.min(step, dueStep), Infinity)
    // Delivering may add flights, due later, and take others out of the air.
    for (const flight of this.#flights) {
      if (flight.dueStep !== this.#step) continue
      this.#flights.delete(flight)
      this.#deliver(flight.message)
    }
  }
}
