import { deepStrictEqual } from 'node:assert'
import { PAGE_SIZE } from '../../src/schema/messages/ids.ts'
import { compare, type Effort } from '../measure.ts'
import { count } from '../report.ts'
import type { Chat, Message } from './chat.ts'
import { type Built, each, libraries } from './libraries.ts'
import type { Pair, Wire } from './library.ts'
import { type PeerRow, ratios, ratiosOf } from './report.ts'

export const BURST = 100

export interface WritingEffort extends Effort {
  /** How many messages, one after the other, are a chunk; and how many advances of the horizon. */
  readonly times: number
}

/** What it costs until another one has it, in every library, in a conversation that grows meanwhile. */
export class Writing {
  readonly #chat: Chat
  readonly #effort: WritingEffort
  readonly #writers: Record<keyof Built, Writer>

  constructor(chat: Chat, built: Built, effort: WritingEffort) {
    const { rounds, chunks, times } = effort
    const messages = chat.write((rounds + 1) * chunks * (times + BURST))
    const from = chat.messages.length - PAGE_SIZE
    this.#chat = chat
    this.#effort = effort
    this.#writers = each(name => new Writer(libraries[name].pair(built[name]), messages, from))
  }

  /** Each message is there before the next one is written. */
  alone(note = ''): Promise<PeerRow[]> {
    const { times } = this.#effort
    return this.#measure(`a message alone${note}`, times, async writer => {
      for (let i = 0; i < times; i++) await writer.send(1)
    })
  }

  burst(): Promise<PeerRow[]> {
    return this.#measure(`a message of ${BURST} together`, BURST, writer => writer.send(BURST))
  }

  advance(): Promise<PeerRow[]> {
    const { times } = this.#effort
    return this.#measure('an advance of the horizon', times, async writer => {
      for (let i = 0; i < times; i++) await writer.advance()
    })
  }

  close(): void {
    for (const writer of Object.values(this.#writers)) writer.close()
  }

  async #measure(
    what: string,
    times: number,
    write: (writer: Writer) => Promise<void>,
  ): Promise<PeerRow[]> {
    const writers = this.#writers
    const before = each(name => writers[name].wire)
    const measured = await compare(
      each(name => () => ({ run: () => write(writers[name]) })),
      this.#effort,
    )
    const { rounds, chunks } = this.#effort
    const writes = (rounds + 1) * chunks * times
    const bytes = (end: keyof Wire) =>
      each(name => (writers[name].wire[end] - before[name][end]) / writes)
    const row = (what: string, ours: string, ratios: PeerRow['ratios']): PeerRow => {
      return { what, messages: this.#chat.messages.length, ours, ratios }
    }
    const [up, down] = [bytes('up'), bytes('down')]
    const bytesOf = (one: typeof up) => count(Math.round(one.ours))
    const cost = `${(measured.cost('ours') / times).toFixed(0)} µs`
    return [
      {
        ...row(
          what,
          cost,
          ratios(peer => measured.ratio('ours', peer)),
        ),
        isSummary: true,
      },
      row('its bytes, from its author', bytesOf(up), ratiosOf(up)),
      { ...row('its bytes, to another device', bytesOf(down), ratiosOf(down)), isSummary: true },
    ]
  }
}

/** One library's pair, and what it writes: the same as in every other. */
class Writer {
  readonly #pair: Pair
  readonly #messages: readonly Message[]
  #written = 0
  #index: number
  #wire: Wire = { up: 0, down: 0 }

  constructor(pair: Pair, messages: readonly Message[], index: number) {
    this.#pair = pair
    this.#messages = messages
    this.#index = index
  }

  /** So far. */
  get wire(): Wire {
    return this.#wire
  }

  async send(length: number): Promise<void> {
    const messages = this.#messages.slice(this.#written, this.#written + length)
    this.#written += length
    this.#count(await this.#pair.send(messages))
  }

  async advance(): Promise<void> {
    this.#count(await this.#pair.advance(this.#index++))
  }

  /** Throws if the other one does not have everything. */
  close(): void {
    const { lastBody, lastRead } = this.#pair.seen()
    if (this.#written > 0) deepStrictEqual(lastBody, this.#messages[this.#written - 1]?.body)
    deepStrictEqual(lastRead, this.#index - 1)
    this.#pair.close?.()
  }

  #count({ up, down }: Wire): void {
    this.#wire = { up: this.#wire.up + up, down: this.#wire.down + down }
  }
}
