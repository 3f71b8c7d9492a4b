import type { Redis } from 'ioredis'
import type { ClusterListener } from './document-log.ts'
import { Listeners } from './listeners.ts'

/** Channels in one SUBSCRIBE. */
const CHUNK = 1000

/** A connection for what other servers say; renews its subscriptions whenever it was away. */
export class RedisSubscriber {
  readonly #redis: Redis
  readonly #listeners: Listeners
  readonly #onWarning: (message: string) => void
  readonly #heartbeat: NodeJS.Timeout

  /** @param redis is connected, and ends its connection when it gets no answer */
  constructor(
    redis: Redis,
    node: string,
    { timeoutMs, onWarning }: { timeoutMs: number; onWarning: (message: string) => void },
  ) {
    this.#redis = redis
    this.#listeners = new Listeners(node)
    this.#onWarning = onWarning
    redis.on('messageBuffer', (channel, bytes) => this.#deliver(String(channel), bytes))
    redis.on('ready', () => this.#renew())
    // Otherwise a connection that is dead, and says nothing of it, would look like silence.
    this.#heartbeat = setInterval(() => void redis.ping().catch(() => {}), timeoutMs).unref()
  }

  async subscribe(channel: string, listener: ClusterListener): Promise<() => void> {
    this.#listeners.add(channel, listener)
    const unsubscribe = () => {
      if (this.#listeners.remove(channel, listener)) {
        this.#redis.unsubscribe(channel).catch(() => {})
      }
    }
    try {
      await this.#redis.subscribe(channel)
    } catch (error) {
      unsubscribe()
      throw error
    }
    return unsubscribe
  }

  close(): void {
    clearInterval(this.#heartbeat)
    this.#redis.disconnect()
  }

  #deliver(channel: string, bytes: Uint8Array): void {
    const colon = bytes.indexOf(':'.charCodeAt(0))
    const seq = Number(new TextDecoder().decode(bytes.subarray(0, colon)))
    this.#listeners.deliver(channel, seq, bytes.subarray(colon + 1))
  }

  async #renew(): Promise<void> {
    const channels = this.#listeners.addresses()
    try {
      for (let i = 0; i < channels.length; i += CHUNK) {
        await this.#redis.subscribe(...channels.slice(i, i + CHUNK))
      }
    } catch (error) {
      // If the connection was lost again, this is done again when it is back.
      if (this.#redis.status === 'ready') {
        this.#onWarning(`Redis does not renew subscriptions: ${(error as Error).message}`)
        this.#redis.disconnect(true)
      }
      return
    }
    this.#listeners.tellGap()
  }
}
