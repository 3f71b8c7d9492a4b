import { readdir } from 'node:fs/promises'
import { type BatchOperation, ClassicLevel } from 'classic-level'
import { ConversationsError } from '../../base/errors.ts'
import { SERVER_ROOM } from '../server-client-id.ts'
import { Batches } from './batches.ts'
import type { DocumentLog, StoredDocument } from './document-log.ts'
import { wellFormed } from './well-formed.ts'

type Level = ClassicLevel<string, Uint8Array>
type Operation = BatchOperation<Level, string, Uint8Array>

/**
 * Keeps documents in a directory, in LevelDB. Every commit is synced to disk, and everything that is appended
 * while one is under way shares the next.
 *
 * @throws ConversationsError `storage`: `blocked` if another process has the directory open, else `open-failed`
 */
export async function levelLog(directory: string): Promise<LevelLog> {
  const db: Level = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'view' })
  try {
    await db.open()
    return new LevelLog(db, Number((await db.get(SEQ_KEY, { valueEncoding: 'utf8' })) ?? 0))
  } catch (error) {
    throw openError(directory, error)
  }
}

export class LevelLog implements DocumentLog {
  readonly #db: Level
  #seq: number
  #commits = 0
  readonly #writes = new Batches((group: readonly Operation[][]) => this.#commit(group))
  /** What has begun and is not done. */
  readonly #pending = new Set<Promise<unknown>>()
  /** Claims that are being written. */
  readonly #claiming = new Map<string, Promise<string>>()
  /** Folding and erasing, one after the other, as each goes by what it finds. */
  #rewriting: Promise<unknown> = Promise.resolve()
  #isClosed = false

  /** Use `levelLog`. */
  constructor(db: Level, seq: number) {
    this.#db = db
    this.#seq = seq
  }

  /** How many commits were tried since the log was opened. */
  get commits(): number {
    return this.#commits
  }

  async append(name: string, updates: readonly Uint8Array[]): Promise<number> {
    if (updates.length === 0) return (await this.read(name)).upTo
    return this.#begin(async () => {
      const prefix = prefixOf(name)
      const operations = updates.map((value): Operation => {
        this.#seq += 1
        return { type: 'put', key: updateKey(prefix, this.#seq), value }
      })
      const seq = this.#seq
      await this.#writes.add(operations)
      return seq
    })
  }

  async read(name: string, after = 0): Promise<StoredDocument> {
    return this.#begin(async () => {
      const prefix = prefixOf(name)
      await this.#open()
      const stored: StoredDocument = { updates: [], upTo: 0, claims: new Map() }
      // One iterator sees one moment, so a snapshot taken meanwhile cannot tear what is read.
      for await (const [key, value] of this.#db.iterator(rangeOf(prefix))) {
        const claimed = claimedKey(prefix, key)
        if (claimed !== undefined) {
          stored.claims.set(claimed, decodeText(value))
          continue
        }
        const seq = seqOf(key)
        if (seq === undefined || seq > after) stored.updates.push(value)
        stored.upTo = seq ?? stored.upTo
      }
      return stored
    })
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    return this.#rewrite(async () => {
      const prefix = prefixOf(name)
      const keys = await this.#db.keys({ ...rangeOf(prefix), gte: snapshotKey(prefix) }).all()
      const seqs = keys.map(key => seqOf(key) ?? 0)
      const isStale = (seqs[0] ?? Number.POSITIVE_INFINITY) > upTo || (seqs.at(-1) ?? 0) < upTo
      if (isStale) return
      const folded = keys.filter((_, i) => (seqs[i] ?? 0) <= upTo)
      const operations: Operation[] = folded.map(key => ({ type: 'del', key }))
      operations.push({ type: 'put', key: snapshotKey(prefix, upTo), value: state })
      await this.#writes.add(operations)
    })
  }

  async claim(name: string, key: string, owner: string): Promise<string> {
    return this.#begin(async () => {
      const at = claimKey(prefixOf(name), wellFormed(key))
      const claiming = this.#claiming.get(at) ?? this.#claim(at, wellFormed(owner))
      this.#claiming.set(at, claiming)
      return claiming.finally(() => this.#claiming.delete(at))
    })
  }

  async erase(name: string): Promise<void> {
    return this.#rewrite(async () => {
      const prefix = prefixOf(name)
      // Behind everything that is on its way.
      await this.#writes.add([])
      const keys = await this.#db.keys(rangeOf(prefix)).all()
      await this.#writes.add(keys.map(key => ({ type: 'del', key })))
    })
  }

  async compact(): Promise<void> {
    this.#checkOpen()
    await this.#open()
    // What was only ever in memory goes to the disk as it is; a second time, with something at both ends of it, it is
    // merged with that.
    const ends: Operation[] = COMPACTED.map(key => ({ type: 'put', key, value: new Uint8Array() }))
    for (const operations of [ends, ends.map(({ key }): Operation => ({ type: 'del', key }))]) {
      await this.#writes.add(operations)
      await this.#db.compactRange(...COMPACTED)
    }
  }

  /**
   * Copies everything, as of one moment, into another directory, which must not exist or be empty; servers may go on meanwhile. But for
   * the client id of the server: one that starts on the copy takes another.
   *
   * @throws ConversationsError `invalid-argument` if there is something; `storage`
   */
  async backup(directory: string): Promise<void> {
    this.#checkOpen()
    await this.#open()
    if ((await readdir(directory).catch(() => [])).length > 0) {
      throw new ConversationsError(
        'invalid-argument',
        `The directory ${directory} is not empty; pass one that is, or that does not exist`,
      )
    }
    const copy: Level = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'view' })
    try {
      await copy.open()
      const server = prefixOf(SERVER_ROOM)
      let batch: Operation[] = []
      let size = 0
      // One iterator sees one moment.
      for await (const [key, value] of this.#db.iterator()) {
        if (key.startsWith(server)) continue
        batch.push({ type: 'put', key, value })
        size += value.length
        if (size < BACKUP_BATCH) continue
        await copy.batch(batch)
        batch = []
        size = 0
      }
      await copy.batch(batch, { sync: true })
    } catch (error) {
      throw openError(directory, error)
    } finally {
      await copy.close()
    }
  }

  async *names(prefix: string): AsyncIterable<string> {
    this.#checkOpen()
    await this.#open()
    const first = `d/${encodeURIComponent(wellFormed(prefix))}`
    const keys = this.#db.keys({ gte: first, lt: `${first}\x7f` })
    try {
      for (let key = await keys.next(); key !== undefined; key = await keys.next()) {
        const encoded = key.slice(2, key.indexOf('/', 2))
        yield decodeURIComponent(encoded)
        keys.seek(rangeOf(`d/${encoded}/`).lt)
      }
    } finally {
      await keys.close()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
    await this.#db.close()
  }

  async #claim(at: string, owner: string): Promise<string> {
    await this.#open()
    const held = await this.#db.get(at)
    if (held !== undefined) return decodeText(held)
    await this.#writes.add([{ type: 'put', key: at, value: encodeText(owner) }])
    return owner
  }

  /** Begins at once, if the log is open; `close` waits for it. */
  async #begin<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    const doing = work()
    this.#pending.add(doing)
    try {
      return await doing
    } finally {
      this.#pending.delete(doing)
    }
  }

  async #rewrite(work: () => Promise<void>): Promise<void> {
    return this.#begin(() => {
      const rewriting = this.#rewriting.then(async () => {
        await this.#open()
        await work()
      })
      this.#rewriting = rewriting.catch(() => {})
      return rewriting
    })
  }

  async #commit(group: readonly Operation[][]): Promise<PromiseSettledResult<void>[]> {
    const operations = group.flat()
    operations.push({ type: 'put', key: SEQ_KEY, value: encodeText(String(this.#seq)) })
    this.#commits += 1
    try {
      await this.#open()
      await this.#db.batch(operations, { sync: true })
    } catch (error) {
      // A failed write may leave half a record behind, and nothing may follow that: opening again repairs it.
      await this.#db.close().catch(() => {})
      throw error
    }
    return group.map(() => ({ status: 'fulfilled', value: undefined }))
  }

  /** Opens again after a failed write; rejects while that cannot be done. */
  async #open(): Promise<void> {
    if (this.#db.status !== 'open') await this.#db.open()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ConversationsError('closed', 'The log is closed')
  }
}

/*
 * Keys: `d/<name>/c<key>` are a document's claims, `d/<name>/s<seq>` is its snapshot (without a number where an earlier
 * version took it) and `d/<name>/u<seq>` its updates after that, so that all lie in one range and in the order in which
 * they are read. `seq` is the last sequence number given out.
 */
const SEQ_KEY = 'seq'
const SEQ_DIGITS = 14

const digitsOf = (seq: number) => seq.toString(16).padStart(SEQ_DIGITS, '0')
const prefixOf = (name: string) => `d/${encodeURIComponent(wellFormed(name))}/`
const rangeOf = (prefix: string) => ({ gte: prefix, lt: `${prefix}~` })
/** Around all documents. */
const COMPACTED: [string, string] = ['d', 'd0']

/** Bytes that a backup writes together. */
const BACKUP_BATCH = 2 ** 20

const claimKey = (prefix: string, key: string) => `${prefix}c${encodeURIComponent(key)}`
const snapshotKey = (prefix: string, seq?: number) =>
  `${prefix}s${seq === undefined ? '' : digitsOf(seq)}`
const updateKey = (prefix: string, seq: number) => `${prefix}u${digitsOf(seq)}`

function claimedKey(prefix: string, key: string): string | undefined {
  const start = claimKey(prefix, '')
  return key.startsWith(start) ? decodeURIComponent(key.slice(start.length)) : undefined
}

/** The number in the key of a snapshot or an update. */
function seqOf(key: string): number | undefined {
  const digits = key.slice(key.lastIndexOf('/') + 2)
  return digits === '' ? undefined : Number.parseInt(digits, 16)
}

const decodeText = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const encodeText = (text: string) => new TextEncoder().encode(text)

function openError(directory: string, error: unknown): ConversationsError {
  const { cause } = error as { cause?: { code?: unknown } }
  return cause?.code === 'LEVEL_LOCKED'
    ? new ConversationsError(
        'storage',
        `The storage directory ${directory} is in use: stop the other server, or give each server its own directory`,
        { reason: 'blocked', cause: error },
      )
    : new ConversationsError('storage', `Cannot open the storage directory ${directory}`, {
        reason: 'open-failed',
        cause: error,
      })
}
