import { randomUUID } from 'node:crypto'
import type { Cluster } from '../log/document-log.ts'
import type { ServerContext } from '../options.ts'

/** No request can name it. */
const CHANNEL = '\u0001nodes'

const HEARTBEAT = new Uint8Array([1])
const LEAVING = new Uint8Array([2])

/** The servers that share a log, as far as they are heard. */
export class ClusterNodes {
  /** Of this server, as long as it runs. */
  readonly id: string = randomUUID()
  readonly #cluster: Cluster
  readonly #context: Pick<ServerContext, 'clock' | 'timings'>
  readonly #onLost: (id: string) => void
  readonly #heardAtMs = new Map<string, number>()
  #cancel = () => {}
  #unsubscribe = () => {}

  /** @param onLost the server of this id has ended, or nothing was heard of it for `nodeLostMs` */
  constructor(
    cluster: Cluster,
    context: Pick<ServerContext, 'clock' | 'timings'>,
    onLost: (id: string) => void,
  ) {
    this.#cluster = cluster
    this.#context = context
    this.#onLost = onLost
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#cluster.subscribe(CHANNEL, {
      onAppended() {},
      onGap() {},
      onMessage: message => this.#receive(message),
    })
    this.#beat()
  }

  stop(): void {
    this.#cancel()
    this.#say(LEAVING)
    this.#unsubscribe()
  }

  #beat(): void {
    const { clock, timings } = this.#context
    this.#say(HEARTBEAT)
    const nowMs = clock.now()
    for (const [id, heardAtMs] of this.#heardAtMs) {
      if (nowMs - heardAtMs >= timings.nodeLostMs) this.#lose(id)
    }
    this.#cancel = clock.setTimeout(() => this.#beat(), timings.heartbeatMs)
  }

  #say(message: Uint8Array): void {
    this.#cluster.publish(CHANNEL, Buffer.concat([message, Buffer.from(this.id)]))
  }

  #receive(message: Uint8Array): void {
    const id = Buffer.from(message.subarray(1)).toString()
    if (message[0] === LEAVING[0]) this.#lose(id)
    else this.#heardAtMs.set(id, this.#context.clock.now())
  }

  #lose(id: string): void {
    this.#heardAtMs.delete(id)
    this.#onLost(id)
  }
}
