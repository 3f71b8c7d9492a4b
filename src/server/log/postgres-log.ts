import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'
import { ConversationsError } from '../../base/errors.ts'
import { encodeAnnouncement } from './announcement.ts'
import { Batches } from './batches.ts'
import {
  type Cluster,
  type ClusterListener,
  type DocumentLog,
  type Lease,
  LeaseLostError,
  type StoredDocument,
} from './document-log.ts'
import { EngineCalls } from './engine-calls.ts'
import { PostgresListener } from './postgres-listener.ts'
import { MAX_SAID, noticePayloads } from './postgres-notices.ts'
import { type PostgresStatements, postgresStatements } from './postgres-statements.ts'
import { createTables } from './postgres-tables.ts'
import { wellFormed } from './well-formed.ts'

export interface PostgresLogOptions {
  /** `postgres://user:password@host:port/database`. Either this or `pool`. */
  connectionString?: string
  /** A pool of your own, which `close()` leaves open. One of its connections, two at least, is taken as long as the log is open. */
  pool?: pg.Pool
  /** Where the tables are, and the channel that servers hear of each other on; `y_conversations` if not given. */
  schema?: string
  /** How long an operation may take before it rejects; 5000 if not given. */
  timeoutMs?: number
  /** Is told if Postgres is set up to lose what it has promised; `console.warn` if not given. */
  onWarning?: (message: string) => void
}

/**
 * Keeps documents in Postgres (12 or later), for several servers. Tables are made at the first start. Everything that is
 * appended while a commit is under way shares the next, which is one round trip and one sync of the disk.
 *
 * What has been answered was committed with `synchronous_commit` on, whatever the pool or the role says: it is on
 * the disk of Postgres, unless `fsync` is off there, of which `onWarning` is told. Servers hear of each other over NOTIFY, so
 * the connections must not go through a pooler that gives each transaction another one.
 *
 * @throws ConversationsError (rejects) `invalid-argument`, or `storage` `open-failed` if Postgres cannot be reached or
 * does not let us make the tables
 */
export async function postgresLog(options: PostgresLogOptions): Promise<DocumentLog> {
  const { connectionString, schema = 'y_conversations', timeoutMs = 5000 } = options
  if ((connectionString === undefined) === (options.pool === undefined)) {
    throw new ConversationsError(
      'invalid-argument',
      'postgresLog takes either a connectionString or a pool',
    )
  }
  if (!/^[^\0]+$/.test(wellFormed(schema)) || Buffer.byteLength(schema) > 63) {
    throw new ConversationsError(
      'invalid-argument',
      `The schema ${JSON.stringify(schema)} must have 1 to 63 bytes, and no NUL`,
    )
  }
  if (options.pool && options.pool.options.max < 2) {
    throw new ConversationsError(
      'invalid-argument',
      'The pool has max 1, but one connection is taken to listen: give it 2 at least',
    )
  }
  const pool = options.pool ?? poolAt(connectionString as string, timeoutMs)
  const log = new PostgresLog(pool, schema, { timeoutMs, isOwn: options.pool === undefined })
  await log.open(options.onWarning ?? console.warn)
  return log
}

interface Append {
  readonly name: string
  readonly updates: readonly Uint8Array[]
  readonly lease: Lease | undefined
}

interface Claim {
  readonly name: string
  readonly key: string
  readonly owner: string
}

/** Bytes that share a transaction, each item counting for some at least. */
const MAX_BATCH = 8 * 1024 * 1024
const MIN_WEIGHT = 16 * 1024
/** Bytes of what is only said that may wait; more is lost. */
const MAX_UNSAID = 4 * 1024 * 1024
const PAGE = 1000

class PostgresLog implements DocumentLog {
  readonly cluster: Cluster
  readonly #pool: pg.Pool
  readonly #schema: string
  readonly #isOwn: boolean
  readonly #timeoutMs: number
  readonly #statements: PostgresStatements
  readonly #node = randomUUID()
  readonly #calls: EngineCalls
  readonly #listener: PostgresListener
  readonly #appends = new Batches(
    (items: readonly Append[]) => this.#appendAll(items),
    ({ updates }) => Math.max(MIN_WEIGHT, sizeOf(updates)),
    MAX_BATCH,
  )
  readonly #claims = new Batches(
    (items: readonly Claim[]) => this.#claimAll(items),
    () => MIN_WEIGHT,
    MAX_BATCH,
  )
  readonly #notices = new Batches((items: readonly string[][]) => this.#notifyAll(items))
  #noticeCount = 0
  #unsaid = 0

  constructor(
    pool: pg.Pool,
    schema: string,
    { timeoutMs, isOwn }: { timeoutMs: number; isOwn: boolean },
  ) {
    this.#pool = pool
    this.#schema = schema
    this.#isOwn = isOwn
    this.#timeoutMs = timeoutMs
    this.#statements = postgresStatements(schema)
    this.#calls = new EngineCalls('Postgres', timeoutMs)
    const listen = `LISTEN ${pg.escapeIdentifier(schema)}`
    this.#listener = new PostgresListener(pool, listen, this.#node, timeoutMs)
    this.cluster = {
      subscribe: (name, listener) => this.#subscribe(name, listener),
      publish: (name, message) => this.#publish(name, message),
      lease: (name, forMs) => this.#lease(name, forMs),
    }
  }

  /** Once, before anything else; closes what it has opened if it rejects. */
  async open(onWarning: (message: string) => void): Promise<void> {
    this.#pool.on('error', ignore)
    try {
      await this.#calls.call(async () => {
        await createTables(this.#pool, this.#schema)
        await this.#listener.start()
        const { rows } = await this.#query('SHOW fsync', [])
        if (rows[0]?.fsync === 'off') {
          onWarning(
            'Postgres does not sync its log to disk, and may lose everything: set `fsync = on`',
          )
        }
      })
    } catch (error) {
      await this.close()
      const { cause, message } = error as Error
      throw new ConversationsError('storage', `Cannot open the log in Postgres. ${message}`, {
        reason: 'open-failed',
        cause: cause ?? error,
      })
    }
  }

  async append(name: string, updates: readonly Uint8Array[], lease?: Lease): Promise<number> {
    if (updates.length === 0) return (await this.read(name, Number.MAX_SAFE_INTEGER)).upTo
    // Here, as what is wrong with one of them must not fail those that share its transaction.
    for (const text of [name, lease?.name ?? '']) wellFormed(text)
    return this.#calls.call(() => this.#appends.add({ name, updates, lease }))
  }

  async read(name: string, after = 0): Promise<StoredDocument> {
    const { rows } = await this.#ask(this.#statements.read, [bytesOf(name), after])
    const stored: StoredDocument = { updates: [], upTo: 0, claims: new Map() }
    for (const { kind, seq, data, owner } of rows) {
      if (kind === 0) stored.upTo = Number(seq)
      if (kind === 2) stored.claims.set(String(data), String(owner))
      else if (data !== null) stored.updates.push(data)
    }
    return stored
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    await this.#ask(this.#statements.snapshot, [bytesOf(name), bufferOf(state), upTo])
  }

  async claim(name: string, key: string, owner: string): Promise<string> {
    for (const text of [name, key, owner]) wellFormed(text)
    return this.#calls.call(() => this.#claims.add({ name, key, owner }))
  }

  async erase(name: string): Promise<void> {
    await this.#calls.call(async () => {
      const client = await this.#pool.connect()
      // Whoever has a client from the pool hears of its errors, and here the query does too.
      client.on('error', ignore)
      const run = (text: string) => client.query(this.#config(text, [bytesOf(name)]))
      let failure: Error | undefined
      try {
        await client.query(this.#config('BEGIN', []))
        await client.query(this.#config("SET LOCAL synchronous_commit = 'on'", []))
        const { document, updates, claims } = this.#statements.erase
        if ((await run(document)).rowCount) {
          await run(updates)
          await run(claims)
          const said = encodeAnnouncement(this.#node, { kind: 'erased' })
          const payloads = noticePayloads(keyOf(name), said, ++this.#noticeCount)
          for (const payload of payloads) {
            const notify = this.#config('SELECT pg_notify($1, $2)', [this.#schema, payload])
            await client.query(notify)
          }
        }
        await client.query(this.#config('COMMIT', []))
      } catch (error) {
        failure = error as Error
        throw error
      } finally {
        client.off('error', ignore)
        client.release(failure)
      }
    })
  }

  async *names(prefix: string): AsyncIterable<string> {
    const bytes = bytesOf(prefix)
    const first = bytes.subarray(0, 64)
    // No byte of UTF-8 is 255.
    const behind = Buffer.from(first.length > 0 ? first : [254])
    behind[behind.length - 1] = (behind.at(-1) ?? 0) + 1
    let last = Buffer.alloc(0)
    for (;;) {
      const values = [bytes, first, behind, last, PAGE]
      const { rows } = await this.#ask(this.#statements.names, values)
      for (const { name } of rows) yield String(name)
      if (rows.length < PAGE) return
      last = rows.at(-1).key
    }
  }

  async close(): Promise<void> {
    await this.#calls.close()
    this.#listener.close()
    if (!this.#isOwn) this.#pool.off('error', ignore)
    else if (!this.#pool.ending) await this.#pool.end()
  }

  async #subscribe(name: string, listener: ClusterListener): Promise<() => void> {
    return this.#calls.call(() => this.#listener.subscribe(keyOf(name), listener))
  }

  #publish(name: string, message: Uint8Array): void {
    const said = encodeAnnouncement(this.#node, { kind: 'message', message })
    const payloads = noticePayloads(keyOf(name), said, ++this.#noticeCount)
    if (this.#unsaid + said.length > MAX_UNSAID) return
    this.#unsaid += said.length
    this.#calls
      .call(() => this.#notices.add(payloads))
      .catch(ignore)
      .finally(() => {
        this.#unsaid -= said.length
      })
  }

  async #lease(name: string, forMs: number): Promise<Lease | undefined> {
    const { rows } = await this.#ask(this.#statements.lease, [bytesOf(name), forMs])
    if (rows.length === 0) return undefined
    const token = Number(rows[0].token)
    const renew = async (forMs: number) => {
      const { rowCount } = await this.#ask(this.#statements.renew, [bytesOf(name), token, forMs])
      return rowCount === 1
    }
    return {
      name,
      token,
      renew,
      release: async () => {
        await renew(0)
      },
    }
  }

  async #appendAll(items: readonly Append[]): Promise<PromiseSettledResult<number>[]> {
    const updates = items.flatMap(item => item.updates)
    const { rows } = await this.#query(this.#statements.append, [
      items.map(({ name }) => bytesOf(name)),
      items.map(item => item.updates.length),
      items.map(({ lease }) => (lease ? bytesOf(lease.name) : null)),
      items.map(({ lease }) => lease?.token ?? null),
      items.map(item => this.#said(item.updates)),
      Buffer.concat(updates),
      updates.map(({ length }) => length),
      items.flatMap((item, i) => item.updates.map(() => i + 1)),
      this.#schema,
    ])
    const seqs = new Map(rows.map(({ nth, seq }) => [Number(nth), Number(seq)]))
    return items.map(({ lease }, i) => {
      const seq = seqs.get(i + 1)
      return seq === undefined
        ? { status: 'rejected', reason: new LeaseLostError((lease as Lease).name) }
        : { status: 'fulfilled', value: seq }
    })
  }

  /** In base64: the updates if they are small, else that there are some. */
  #said(updates: readonly Uint8Array[]): string {
    if (sizeOf(updates) < MAX_SAID) {
      const said = encodeAnnouncement(this.#node, { kind: 'appended', updates })
      const text = Buffer.from(said).toString('base64')
      if (text.length <= MAX_SAID) return text
    }
    const said = encodeAnnouncement(this.#node, { kind: 'appended', updates: undefined })
    return Buffer.from(said).toString('base64')
  }

  async #claimAll(items: readonly Claim[]): Promise<PromiseSettledResult<string>[]> {
    // Who was first in this batch asks for all.
    const first = new Map<string, Claim>()
    const idOf = ({ name, key }: Claim) => JSON.stringify([name, key])
    for (const item of items) if (!first.has(idOf(item))) first.set(idOf(item), item)
    const asked = [...first.values()]
    const { rows } = await this.#query(this.#statements.claim, [
      asked.map(({ name }) => bytesOf(name)),
      asked.map(({ key }) => bytesOf(key)),
      asked.map(({ owner }) => bytesOf(owner)),
    ])
    const owners = new Map<string, string>()
    for (const { nth, owner } of rows) {
      owners.set(idOf(asked[Number(nth) - 1] as Claim), String(owner))
    }
    return items.map(item => ({ status: 'fulfilled', value: owners.get(idOf(item)) as string }))
  }

  async #notifyAll(items: readonly string[][]): Promise<PromiseSettledResult<void>[]> {
    await this.#query(this.#statements.notify, [this.#schema, items.flat()])
    return items.map(() => ({ status: 'fulfilled', value: undefined }))
  }

  #ask(text: string, values: unknown[]): Promise<pg.QueryResult> {
    return this.#calls.call(() => this.#query(text, values))
  }

  #query(text: string, values: unknown[]): Promise<pg.QueryResult> {
    return this.#pool.query(this.#config(text, values))
  }

  #config(text: string, values: unknown[]) {
    return { text, values, query_timeout: this.#timeoutMs }
  }
}

function poolAt(connectionString: string, timeoutMs: number): pg.Pool {
  if (!/^postgres(ql)?:\/\/./.test(connectionString)) {
    throw new ConversationsError(
      'invalid-argument',
      'The connectionString must begin with postgres:// and name a host',
    )
  }
  return new pg.Pool({
    connectionString,
    connectionTimeoutMillis: timeoutMs,
    application_name: 'y-conversations',
    query_timeout: timeoutMs,
    keepAlive: true,
  })
}

/** An idle connection that is lost is none of our business: the pool makes another when it is needed. */
function ignore(): void {}

const sizeOf = (updates: readonly Uint8Array[]) =>
  updates.reduce((sum, { length }) => sum + length, 0)
const bytesOf = (text: string) => Buffer.from(wellFormed(text))
const keyOf = (name: string) => createHash('sha256').update(bytesOf(name)).digest('base64')

/** The same bytes, as pg wants them. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
