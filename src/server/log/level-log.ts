import { readdir } from 'node:fs/promises'
import { type BatchOperation, ClassicLevel } from 'classic-level'
import { ConversationsError } from '../../base/errors.ts'
import { SERVER_ROOM } from '../server-client-id.ts'
import type { DocumentLog, StoredDocument } from './document-log.ts'

type Level = ClassicLevel<string, Uint8Array>
type Operation = BatchOperation<Level, string, Uint8Array>

interface Write {
  operations: Operation[]
  resolve(): void
  reject(error: unknown): void
}

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
  #waiting: Write[] = []
  #commits = 0
  /** Claims that are being written. */
  readonly #claiming = new Map<string, Promise<string>>()
  #committing: Promise<void> | undefined
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
    const prefix = prefixOf(name)
    const operations = updates.map((value): Operation => {
      this.#seq += 1
      return { type: 'put', key: updateKey(prefix, this.#seq), value }
    })
    const seq = this.#seq
    await this.#write(operations)
    return seq
  }

  async read(name: string): Promise<StoredDocument> {
    this.#checkOpen()
    await this.#open()
    const prefix = prefixOf(name)
    const updates: Uint8Array[] = []
    const claims = new Map<string, string>()
    let upTo = 0
    // One iterator sees one moment, so a snapshot taken meanwhile cannot tear what is read.
    for await (const [key, value] of this.#db.iterator({ gte: prefix, lt: `${prefix}~` })) {
      if (key.startsWith(claimKey(prefix, ''))) {
        claims.set(decodeURIComponent(key.slice(claimKey(prefix, '').length)), decodeText(value))
        continue
      }
      updates.push(value)
      if (key !== snapshotKey(prefix)) upTo = Number.parseInt(key.slice(-SEQ_DIGITS), 16)
    }
    return { updates, upTo, claims }
  }

  async snapshot(name: string, state: Uint8Array, upTo: number): Promise<void> {
    this.#checkOpen()
    await this.#open()
    const prefix = prefixOf(name)
    const range = { gte: updateKey(prefix, 0), lte: updateKey(prefix, upTo) }
    const folded = await this.#db.keys(range).all()
    const operations: Operation[] = folded.map(key => ({ type: 'del', key }))
    operations.push({ type: 'put', key: snapshotKey(prefix), value: state })
    await this.#write(operations)
  }

  async claim(name: string, key: string, owner: string): Promise<string> {
    this.#checkOpen()
    await this.#open()
    const at = claimKey(prefixOf(name), key)
    const pending = this.#claiming.get(at)
    if (pending !== undefined) return pending
    const claimed = this.#claim(at, owner).finally(() => this.#claiming.delete(at))
    this.#claiming.set(at, claimed)
    return claimed
  }

  async #claim(at: string, owner: string): Promise<string> {
    const held = await this.#db.get(at)
    if (held !== undefined) return decodeText(held)
    await this.#write([{ type: 'put', key: at, value: encodeText(owner) }])
    return owner
  }

  async erase(name: string): Promise<void> {
    this.#checkOpen()
    await this.#open()
    const prefix = prefixOf(name)
    const keys = await this.#db.keys({ gte: prefix, lt: `${prefix}~` }).all()
    await this.#write(keys.map(key => ({ type: 'del', key })))
  }

  async compact(): Promise<void> {
    this.#checkOpen()
    await this.#open()
    // What was only ever in memory goes to the disk as it is; a second time, with something at both ends of it, it is
    // merged with that.
    const ends: Operation[] = COMPACTED.map(key => ({ type: 'put', key, value: new Uint8Array() }))
    for (const operations of [ends, ends.map(({ key }): Operation => ({ type: 'del', key }))]) {
      await this.#write(operations)
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
    let last: string | undefined
    for await (const key of this.#db.keys(RANGE)) {
      const name = decodeURIComponent(key.slice(2, key.indexOf('/', 2)))
      if (name === last) continue
      last = name
      if (name.startsWith(prefix)) yield name
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#committing
    await this.#db.close()
  }

  #write(operations: Operation[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkOpen()
      this.#waiting.push({ operations, resolve, reject })
      this.#committing ??= this.#commitAll()
    })
  }

  async #commitAll(): Promise<void> {
    // What is written in this very task belongs to the first commit already.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      await this.#commit(group)
    }
    // At once, so that nothing can come to wait for a loop that has ended.
    this.#committing = undefined
  }

  async #commit(group: readonly Write[]): Promise<void> {
    const operations = group.flatMap(write => write.operations)
    operations.push({ type: 'put', key: SEQ_KEY, value: encodeText(String(this.#seq)) })
    this.#commits += 1
    try {
      await this.#open()
      await this.#db.batch(operations, { sync: true })
    } catch (error) {
      for (const { reject } of group) reject(error)
      // A failed write may leave half a record behind, and nothing may follow that: opening again repairs it.
      await this.#db.close().catch(() => {})
      return
    }
    for (const { resolve } of group) resolve()
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
 * Keys: `d/<name>/c<key>` are a document's claims, `d/<name>/s` is its snapshot and `d/<name>/u<seq>` its updates after that,
 * so that all lie in one range and in the order in which they are read. `seq` is the last sequence number given out.
 */
const SEQ_KEY = 'seq'
const SEQ_DIGITS = 14

/** Everything but `seq`. */
const RANGE = { gte: 'd/', lt: 'd0' }

/** Around that. */
const COMPACTED: [string, string] = ['d', 'd0']

/** Bytes that a backup writes together. */
const BACKUP_BATCH = 2 ** 20

const prefixOf = (name: string) => `d/${encodeURIComponent(name)}/`
const claimKey = (prefix: string, key: string) => `${prefix}c${encodeURIComponent(key)}`
const snapshotKey = (prefix: string) => `${prefix}s`
const updateKey = (prefix: string, seq: number) =>
  `${prefix}u${seq.toString(16).padStart(SEQ_DIGITS, '0')}`

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
