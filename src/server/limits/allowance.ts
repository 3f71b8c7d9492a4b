import type { Clock } from '../../base/clock.ts'
import type { ServerLimits } from '../options.ts'
import { TokenBucket } from './token-bucket.ts'

/** Whether a message tells states of awareness, or asks for them; by its first byte, as it has not been decoded yet. */
export function isAboutAwareness(message: Uint8Array): boolean {
  return message[0] === 1 || message[0] === 3
}

/** How much one identity may send, over all its sockets. */
export class Allowance {
  readonly #updates: TokenBucket
  readonly #awareness: TokenBucket
  readonly #bytes: TokenBucket

  constructor(clock: Clock, limits: ServerLimits) {
    const { burstSeconds } = limits
    this.#updates = new TokenBucket(clock, limits.updatesPerSecond, burstSeconds)
    this.#awareness = new TokenBucket(clock, limits.awarenessPerSecond, burstSeconds)
    this.#bytes = new TokenBucket(clock, limits.bytesPerSecond, burstSeconds)
  }

  /** Takes what this message costs. */
  spend(message: Uint8Array): void {
    const bucket = isAboutAwareness(message) ? this.#awareness : this.#updates
    bucket.take(1)
    this.#bytes.take(message.length)
  }

  /** Milliseconds until more may be read. */
  get waitMs(): number {
    return Math.max(this.#updates.waitMs, this.#awareness.waitMs, this.#bytes.waitMs)
  }

  /** Whether it is as if it had never been used. */
  get isUnused(): boolean {
    return this.#updates.isFull && this.#awareness.isFull && this.#bytes.isFull
  }
}
