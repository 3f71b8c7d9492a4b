import { randomUUID } from 'node:crypto'
import type { Cluster } from '../log/document-log.ts'
import type { ServerContext } from '../options.ts'

/** No request can name it. */
const CHANNEL = '\u0001nodes'

const HEARTBEAT = new Uint8Array([1])
const LEAVING = new Uint8Array([2])

export interface NodesListener {
  /** There is another server, or it is heard again. */
  onFound(): void
  /** The server of this id has ended, or nothing was heard of it for `nodeLostMs`. */
  onLost(id: string): void
}

/** The servers that share a log, as far as they are heard. */
export class ClusterNodes {
  /** Of this server, as long as it runs. */
  readonly id: string = randomUUID()
  readonly #cluster: Cluster
  readonly #context: Pick<ServerContext, 'clock' | 'timings'>
  readonly #listener: NodesListener
  readonly #heardAtMs = new Map<string, number>()
  #cancel = () => {}
  #unsubscribe = () => {}

  constructor(
    cluster: Cluster,
    context: Pick<ServerContext, 'clock' | 'timings'>,
    listener: NodesListener,
  ) {
    this.#cluster = cluster
    this.#context = context
    this.#listener = listener
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
    else this.#hear(id)
  }

  #hear(id: string): void {
    const isNew = !this.#heardAtMs.has(id)
    this.#heardAtMs.set(id, this.#context.clock.now())
    if (isNew) this.#listener.onFound()
  }

  #lose(id: string): void {
    this.#heardAtMs.delete(id)
    this.#listener.onLost(id)
  }
}
