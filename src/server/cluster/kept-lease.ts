import type { Cluster, Lease } from '../log/document-log.ts'
import type { ServerContext } from '../options.ts'

/** A lease that is renewed as long as it is wanted. */
export class KeptLease {
  readonly lease: Lease
  readonly #context: Pick<ServerContext, 'clock' | 'timings'>
  #cancel: () => void
  #isLost = false

  /** Undefined = another server has it. Rejects if the engine cannot be asked. */
  static async take(
    cluster: Cluster,
    name: string,
    context: Pick<ServerContext, 'clock' | 'timings'>,
  ): Promise<KeptLease | undefined> {
    const lease = await cluster.lease(name, context.timings.leaseMs)
    return lease && new KeptLease(lease, context)
  }

  private constructor(lease: Lease, context: Pick<ServerContext, 'clock' | 'timings'>) {
    this.lease = lease
    this.#context = context
    this.#cancel = this.#renewLater()
  }

  /** Whether it is known to be somebody else's by now. What is written under it fails then, known or not. */
  get isLost(): boolean {
    return this.#isLost
  }

  async release(): Promise<void> {
    this.#cancel()
    if (this.#isLost) return
    this.#isLost = true
    // If the engine is away it ends by itself.
    await this.lease.release().catch(() => {})
  }

  #renewLater(): () => void {
    const { clock, timings } = this.#context
    return clock.setTimeout(() => void this.#renew(), timings.leaseMs / 3)
  }

  async #renew(): Promise<void> {
    // Until the engine is back it may or may not hold; each write asks again.
    const holds = await this.lease.renew(this.#context.timings.leaseMs).catch(() => true)
    if (this.#isLost) return
    if (holds) this.#cancel = this.#renewLater()
    else this.#isLost = true
  }
}
