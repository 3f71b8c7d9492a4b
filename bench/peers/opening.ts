import { type Contender, compare, type Effort, median } from '../measure.ts'
import { atMost, count } from '../report.ts'
import { SHOWN } from './chat.ts'
import { listByClient } from './client.ts'
import { type Built, each, type LibraryName, libraries, type PeerName } from './libraries.ts'
import type { Opened, Stored } from './library.ts'
import { inProcesses } from './processes.ts'
import { milliseconds, PEERS, type PeerRow, ratios } from './report.ts'

/** Processes for each library. */
export const FIRST_TIMES = 7

type Question = (opened: Opened) => unknown

const participants: Question = opened => opened.listed()
const unread: Question = opened => opened.unread()
const newest: Question = opened => opened.newest()
const everything: Question = opened => [participants, unread, newest].map(ask => ask(opened))

/** How long it takes from what is stored until a question is answered. */
export class Opening {
  readonly #messages: number
  readonly #built: Built
  readonly #effort: Effort

  constructor(messages: number, built: Built, effort: Effort) {
    this.#messages = messages
    this.#built = built
    this.#effort = effort
  }

  /** @param limit of ours to the fastest of the others */
  async measure(limit: number | undefined): Promise<PeerRow[]> {
    return [
      ...(await this.#participants(limit)),
      await this.#first(),
      await this.#question('unread count', unread),
      await this.#question(`newest ${SHOWN} messages`, newest),
      await this.#question('all three', everything),
    ]
  }

  async #participants(limit: number | undefined): Promise<PeerRow[]> {
    const client = () => listing(this.#built.ours)
    const measured = await compare({ ...this.#contenders(participants), client }, this.#effort)
    const row = this.#row(
      'participants',
      name => measured.ratio('ours', name),
      measured.cost('ours'),
    )
    const fastest = Math.max(...PEERS.map(peer => measured.ratio('ours', peer)))
    const target = limit ? atMost(fastest, limit, `≤ ${limit} of the fastest`) : undefined
    return [
      { ...row, isSummary: true, target },
      this.#row(
        'the same, by the client',
        name => measured.ratio('client', name),
        measured.cost('client'),
      ),
    ]
  }

  /** Where nothing has run yet, as after the start of an app. */
  async #first(): Promise<PeerRow> {
    const costs = await inProcesses<number>('first-child.ts', FIRST_TIMES, this.#built)
    const medians = each(name => median(costs[name]))
    return this.#row('the same, the first time', peer => medians.ours / medians[peer], medians.ours)
  }

  async #question(what: string, ask: Question): Promise<PeerRow> {
    const measured = await compare(this.#contenders(ask), this.#effort)
    const row = this.#row(what, peer => measured.ratio('ours', peer), measured.cost('ours'))
    return { ...row, isSummary: true }
  }

  #contenders(ask: Question): Record<LibraryName, () => Contender> {
    return each(name => () => asking(name, this.#built[name], ask))
  }

  #row(what: string, ratio: (peer: PeerName) => number, microseconds: number): PeerRow {
    const ours = milliseconds(microseconds)
    return { what, messages: this.#messages, ours, ratios: ratios(ratio) }
  }
}

interface Kept {
  readonly messages: number
  readonly stored: Stored
}

/** Whether what needs no page takes longer in a long conversation than in a short one. */
export async function measureGrowing(short: Kept, long: Kept, effort: Effort): Promise<PeerRow[]> {
  const rows: PeerRow[] = []
  for (const [what, ask] of Object.entries({ participants, 'unread count': unread })) {
    const measured = await compare(
      {
        short: () => asking('ours', short.stored, ask),
        long: () => asking('ours', long.stored, ask),
      },
      effort,
    )
    const ratio = measured.ratio('long', 'short')
    rows.push({
      what: `${what}, to those with ${count(short.messages)}`,
      messages: long.messages,
      ours: `${ratio.toFixed(2)} ×`,
      target: atMost(ratio, 1.2, '≤ 1.2'),
    })
  }
  return rows
}

function asking(name: LibraryName, stored: Stored, ask: Question): Contender {
  return {
    run() {
      const opened = libraries[name].open(stored)
      const answer = ask(opened)
      return () => leave(opened, answer)
    },
  }
}

function leave(opened: Opened, _answer: unknown): void {
  opened.close?.()
}

function listing(stored: Stored): Contender {
  return {
    async run() {
      const { listed, close } = await listByClient(stored)
      return async () => {
        if (listed.length === 0) throw new Error('nobody is there')
        await close()
      }
    },
  }
}
