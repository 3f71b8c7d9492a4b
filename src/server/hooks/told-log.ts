import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { DocumentLog } from '../log/document-log.ts'

/** No request can name it. */
const PREFIX = '\u0001told/'

const MAX_ROWS = 100

/** All of it only grows, so of several the greatest of each counts, whoever wrote it. */
interface Told {
  /** Messages below this index were told of. */
  readonly below: number
  /** How often somebody has begun to sequence messages that are to be told of, */
  readonly begun: number
  /** and the last of these after which all were. */
  readonly ended: number
}

/**
 * How far the messages of a conversation were told of, so that one that was not, because a server died, is told of later.
 * That something may be untold is kept before a message is stored.
 */
export class ToldLog {
  readonly #storage: DocumentLog
  readonly #name: string
  #told: Told
  #kept: Told
  #rows: number
  #keeping: Promise<void> | undefined

  static async open(storage: DocumentLog, sid: string): Promise<ToldLog> {
    const { updates } = await storage.read(PREFIX + sid)
    return new ToldLog(storage, PREFIX + sid, joinAll(updates), updates.length)
  }

  private constructor(storage: DocumentLog, name: string, told: Told, rows: number) {
    this.#storage = storage
    this.#name = name
    this.#told = told
    this.#kept = told
    this.#rows = rows
  }

  /** From which index on messages may be untold; undefined = none is. */
  get untoldFrom(): number | undefined {
    return this.#told.begun > this.#told.ended ? this.#told.below : undefined
  }

  /** Resolves when it is durable that messages from an index on may be untold. */
  async begin(index: number): Promise<void> {
    if (this.untoldFrom === undefined) {
      const { below, begun, ended } = this.#told
      this.#told = { below: Math.max(below, index), begun: begun + 1, ended }
    }
    // If it failed the last time, it is tried again.
    while (this.#kept.begun < this.#told.begun) await this.#keep()
  }

  /** Messages below this index were told of. */
  reach(index: number): void {
    this.#told = { ...this.#told, below: Math.max(index, this.#told.below) }
    if (!this.#keeping) this.#keep().catch(() => {})
  }

  /** All were told of. Never rejects: at worst some are told of again. */
  async end(): Promise<void> {
    this.#told = { ...this.#told, ended: this.#told.begun }
    while (this.#told !== this.#kept) {
      try {
        await this.#keep()
      } catch {
        return
      }
    }
  }

  #keep(): Promise<void> {
    this.#keeping ??= this.#append(this.#told).finally(() => {
      this.#keeping = undefined
    })
    return this.#keeping
  }

  async #append(told: Told): Promise<void> {
    if (told === this.#kept) return
    const upTo = await this.#storage.append(this.#name, [encode(told)])
    this.#kept = told
    this.#rows += 1
    if (this.#rows <= MAX_ROWS) return
    this.#rows = 1
    await this.#storage.snapshot(this.#name, encode(told), upTo)
  }
}

/** The conversations of which messages may be untold. */
export async function* untoldConversations(storage: DocumentLog): AsyncIterable<string> {
  for await (const name of storage.names(PREFIX)) {
    const { begun, ended } = joinAll((await storage.read(name)).updates)
    if (begun > ended) yield name.slice(PREFIX.length)
  }
}

export function eraseTold(storage: DocumentLog, sid: string): Promise<void> {
  return storage.erase(PREFIX + sid)
}

function encode({ below, begun, ended }: Told): Uint8Array {
  return encoding.encode(encoder => {
    for (const number of [below, begun, ended]) encoding.writeVarUint(encoder, number)
  })
}

function joinAll(rows: readonly Uint8Array[]): Told {
  let told: Told = { below: 0, begun: 0, ended: 0 }
  for (const row of rows) {
    const decoder = decoding.createDecoder(row)
    const next = () => decoding.readVarUint(decoder)
    told = {
      below: Math.max(told.below, next()),
      begun: Math.max(told.begun, next()),
      ended: Math.max(told.ended, next()),
    }
  }
  return told
}
