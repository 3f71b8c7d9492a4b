import { randomUUID } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { ConversationsError } from '../../base/errors.ts'
import { encodeAnnouncement } from './announcement.ts'
import {
  type Cluster,
  type ClusterListener,
  type DocumentLog,
  type Lease,
  LeaseLostError,
  type StoredDocument,
} from './document-log.ts'
import { EngineCalls } from './engine-calls.ts'
import { RedisKeys } from './redis-keys.ts'
import { type RedisScripts, withScripts } from './redis-scripts.ts'
import { RedisSubscriber } from './redis-subscriber.ts'
import { wellFormed } from './well-formed.ts'

export interface RedisLogOptions {
  /** `redis://[user:password@]host:port[/database]`, or `rediss://` for TLS. Either this or `client`. */
  url?: string
  /**
   * A connection of your own, which `close()` leaves open; a second one like it is made for subscriptions. It
   * must have no `keyPrefix`. With ioredis' defaults it sends again what it got no answer to.
   */
  client?: Redis
  /** What all keys begin with; `y-conversations` if not given. Channels have no database of their own: so must differ. */
  prefix?: string
  /** How long an operation may take before it rejects; 5000 if not given. */
  timeoutMs?: number
  /** Is told how Redis is set up to lose what it has promised, and of subscriptions that fail; `console.warn` if not given. */
  onWarning?: (message: string) => void
}

/** Bytes of updates that are told to the other servers; more they read. */
const MAX_TOLD = 64 * 1024

/**
 * Keeps documents in Redis (6.2 or later), for several servers. Every operation is one script, so one round trip and one moment.
 *
 * What has been answered is as durable as Redis is told to make it. With `appendonly yes` and `appendfsync always` it is
 * synced to disk before the answer. With `everysec`, what was answered in the last second or two may be lost
 * when the machine goes down (not when only Redis does), and its numbers are given out again. Without `appendonly`, or with
 * an eviction policy that takes keys without expiry, anything may be lost: `onWarning` says so, where Redis lets us ask.
 *
 * @throws ConversationsError (rejects) `invalid-argument`, or `storage` `open-failed` if Redis cannot be reached
 */
export async function redisLog(options: RedisLogOptions): Promise<DocumentLog> {
  const { url, client, prefix = 'y-conversations', timeoutMs = 5000 } = options
  if ((url === undefined) === (client === undefined)) {
    throw new ConversationsError('invalid-argument', 'redisLog takes either a url or a client')
  }
  if (client?.options.keyPrefix) {
    throw new ConversationsError(
      'invalid-argument',
      `The client has the keyPrefix ${JSON.stringify(client.options.keyPrefix)}, which channels ignore: use prefix instead`,
    )
  }
  const keys = new RedisKeys(prefix)
  const own = connectionOptions(timeoutMs)
  const commands = client ?? redisAt(url as string, own)
  const subscriber = commands.duplicate({ ...own, socketTimeout: timeoutMs })
  const onWarning = options.onWarning ?? console.warn
  const connections = client ? [subscriber] : [commands, subscriber]
  await connect(connections)
  const calls = new EngineCalls('Redis', timeoutMs)
  for (const loss of await calls.call(() => lossesOf(commands)).catch(() => [])) onWarning(loss)
  return new RedisLog(withScripts(commands), subscriber, keys, {
    timeoutMs,
    onWarning,
    isOwn: client === undefined,
  })
}

class RedisLog implements DocumentLog {
  readonly cluster: Cluster
  readonly #redis: Redis & RedisScripts
  readonly #keys: RedisKeys
  readonly #node = randomUUID()
  readonly #subscriber: RedisSubscriber
  readonly #calls: EngineCalls
  readonly #isOwn: boolean

  constructor(
    redis: Redis & RedisScripts,
    subscriber: Redis,
    keys: RedisKeys,
    options: { timeoutMs: number; onWarning: (message: string) => void; isOwn: boolean },
  ) {
    this.#redis = redis
    this.#keys = keys
    this.#isOwn = options.isOwn
    // What is still waiting there must not be sent after it was rejected.
    const onTimeout = () => this.#isOwn && redis.status === 'ready' && redis.disconnect(true)
    this.#calls = new EngineCalls('Redis', options.timeoutMs, onTimeout)
    this.#subscriber = new RedisSubscriber(subscriber, this.#node, options)
    this.cluster = {
      subscribe: (name, listener) => this.#subscribe(name, listener),
      publish: (name, message) => this.#publish(name, message),
      lease: (name, forMs) => this.#lease(name, forMs),
    }
  }

  async append(name: string, updates: readonly Uint8Array[], lease?: Lease): Promise<number> {
    if (updates.length === 0) return (await this.read(name, Number.MAX_SAFE_INTEGER)).upTo
    const size = updates.reduce((sum, { length }) => sum + length, 0)
    const told = size <= MAX_TOLD ? updates : undefined
    const seq = await this.#calls.call(() =>
      this.#redis.yjsAppend(
        this.#keys.of(name, 'h'),
        this.#keys.of(name, 'u'),
        this.#keys.of(lease?.name ?? name, 'l'),
        lease?.token ?? '',
        this.#keys.of(name, 'm'),
        bufferOf(encodeAnnouncement(this.#node, { kind: 'appended', updates: told })),
        ...updates.map(bufferOf),
      ),
    )
    if (seq === -1) throw new LeaseLostError((lease as Lease).name)
    return seq
  }

  async read(name: string, after = 0): Promise<StoredDocument> {
    const [upTo, snapshot, updates, owners] = await this.#calls.call(() =>
      this.#redis.yjsReadBuffer(
        this.#keys.of(name, 'h'),
        this.#keys.of(name, 'u'),
        this.#keys.of(name, 'c'),
        after,
      ),
    )
    const claims = new Map<string, string>()
    for (let i = 0; i + 1 < owners.length; i += 2)
      claims.set(String(owners[i]), String(owners[i + 1]))
    return { updates: snapshot ? [snapshot, ...updates] : updates, upTo, claims }
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    await this.#calls.call(() =>
      this.#redis.yjsSnapshot(
        this.#keys.of(name, 'h'),
        this.#keys.of(name, 'u'),
        upTo,
        bufferOf(state),
      ),
    )
  }

  async claim(name: string, key: string, owner: string): Promise<string> {
    return this.#calls.call(() =>
      this.#redis.yjsClaim(
        this.#keys.of(name, 'h'),
        this.#keys.of(name, 'c'),
        wellFormed(key),
        wellFormed(owner),
      ),
    )
  }

  async erase(name: string): Promise<void> {
    await this.#calls.call(() =>
      this.#redis.yjsErase(
        this.#keys.of(name, 'h'),
        this.#keys.of(name, 'u'),
        this.#keys.of(name, 'c'),
        this.#keys.of(name, 'm'),
        bufferOf(encodeAnnouncement(this.#node, { kind: 'erased' })),
      ),
    )
  }

  async *names(prefix: string): AsyncIterable<string> {
    const pattern = this.#keys.pattern(prefix)
    // Redis may tell a key twice while its table grows.
    const told = new Set<string>()
    let cursor = '0'
    do {
      const [next, heads] = await this.#calls.call(() =>
        this.#redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1000),
      )
      cursor = next
      for (const head of heads) {
        const name = this.#keys.nameOf(head)
        if (told.has(name) || !name.startsWith(prefix)) continue
        told.add(name)
        yield name
      }
    } while (cursor !== '0')
  }

  async close(): Promise<void> {
    await this.#calls.close()
    this.#subscriber.close()
    if (this.#isOwn) this.#redis.disconnect()
  }

  async #subscribe(name: string, listener: ClusterListener): Promise<() => void> {
    let isRejected = false
    try {
      return await this.#calls.call(async () => {
        const unsubscribe = await this.#subscriber.subscribe(this.#keys.of(name, 'm'), listener)
        if (isRejected) unsubscribe()
        return unsubscribe
      })
    } catch (error) {
      isRejected = true
      throw error
    }
  }

  #publish(name: string, message: Uint8Array): void {
    const bytes = encodeAnnouncement(this.#node, { kind: 'message', message })
    const said = Buffer.concat([Buffer.from('0:'), bytes])
    this.#calls.call(() => this.#redis.publish(this.#keys.of(name, 'm'), said)).catch(() => {})
  }

  async #lease(name: string, forMs: number): Promise<Lease | undefined> {
    const key = this.#keys.of(name, 'l')
    const token = await this.#calls.call(() => this.#redis.yjsLease(key, forMs))
    if (token === 0) return undefined
    const renew = async (forMs: number) =>
      (await this.#calls.call(() => this.#redis.yjsRenew(key, token, forMs))) === 1
    return {
      name,
      token,
      renew,
      release: async () => {
        await renew(0)
      },
    }
  }
}

/** Nothing waits for long, and nothing is sent twice. */
function connectionOptions(timeoutMs: number) {
  return {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, 1000),
    // As soon as the connection is lost, or cannot be made, whatever waits for it is rejected.
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    // A server that has become a replica has a successor, which the same address may lead to.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions
}

function redisAt(url: string, options: ReturnType<typeof connectionOptions>): Redis {
  if (!/^rediss?:\/\/./.test(url)) {
    throw new ConversationsError(
      'invalid-argument',
      'The url must begin with redis:// or rediss:// and name a host',
    )
  }
  return new Redis(url, options)
}

async function connect(connections: readonly Redis[]): Promise<void> {
  let cause: unknown
  for (const connection of connections) {
    // Without a listener ioredis prints its errors; whoever waits for an answer gets them anyway.
    connection.on('error', error => {
      cause = error
    })
  }
  try {
    await Promise.all(connections.map(connection => connection.connect()))
  } catch (error) {
    for (const connection of connections) connection.disconnect()
    const { host, port } = connections[0]?.options ?? {}
    throw new ConversationsError('storage', `Cannot reach Redis at ${host}:${port}`, {
      reason: 'open-failed',
      cause: cause ?? error,
    })
  }
}

/** How it is set up to lose what it has promised, if it lets us ask. */
async function lossesOf(redis: Redis): Promise<string[]> {
  const setting = async (name: string) => {
    const [, value] = (await redis.config('GET', name)) as string[]
    return value
  }
  const losses: string[] = []
  if ((await setting('appendonly')) !== 'yes') {
    losses.push('Redis keeps nothing when it ends: set `appendonly yes` (and `appendfsync always`)')
  } else if ((await setting('appendfsync')) === 'no') {
    losses.push('Redis never syncs its log: set `appendfsync always`, or at least `everysec`')
  }
  const policy = await setting('maxmemory-policy')
  if (policy?.startsWith('allkeys')) {
    losses.push(
      `Redis forgets documents when memory is short (${policy}): set \`maxmemory-policy noeviction\``,
    )
  }
  return losses
}

/** The same bytes, as ioredis wants them. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
