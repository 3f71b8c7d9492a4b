import * as Y from 'yjs'
import type { Persistence } from '../src/sync/provider.ts'
import { addedByOne, Crowd } from './crowd.ts'
import { type Layout, replica } from './layout.ts'
import { type Comparison, type Contender, compare } from './measure.ts'
import { openConversation, ours } from './ours.ts'
import { best, type RawLayout, type Shown, usual } from './raw.ts'
import { atMost, type Row, type Section } from './report.ts'

const ROLE = 'RL0123456789abcdef0123456789abcdef'

/** What it costs to open a conversation. */
export async function measureLoad(): Promise<Section[]> {
  const loaded: Row[] = []
  const listed: Row[] = []
  const samples = new Set<number>()
  for (const participants of [100, 1000, 10_000]) {
    const effort = { rounds: 4, chunks: participants === 10_000 ? 8 : 20 }
    // Small conversations are opened several times in one chunk.
    const times = Math.max(1, 2000 / participants)
    const layouts = { ours, best, usual }
    for (const variant of VARIANTS) {
      const states = mapValues(layouts, layout => variant.state(layout, participants))
      const read = await compare(
        mapValues(layouts, (layout, name) => () => reading(layout, states[name], times)),
        effort,
      )
      samples.add(read.samples)
      loaded.push(toRow(variant.name, participants, read, variant.isTarget ? 1.0 : undefined))

      const list = await compare(
        {
          ours: () => listingConversation(states.ours, times),
          best: () => listing(best, states.best, times),
          usual: () => listing(usual, states.usual, times),
        },
        effort,
      )
      listed.push(toRow(variant.name, participants, list, variant.isTarget ? 1.3 : undefined))
    }
  }
  return [
    { title: 'Loading a document', method: '', rows: loaded },
    { title: 'Loading to a list of participants', method: '', rows: listed },
  ]
}

const VARIANTS: { name: string; isTarget?: true; state(layout: Layout, n: number): Uint8Array }[] =
  [
    { name: 'added by one device', isTarget: true, state: (layout, n) => addedByOne(layout, n) },
    { name: 'added by one device, roles', state: (layout, n) => addedByOne(layout, n, ROLE) },
    {
      name: 'joined by themselves and read',
      isTarget: true,
      state: (l, n) => new Crowd(l, n).state,
    },
    {
      name: 'joined by themselves and read, roles',
      state: (l, n) => new Crowd(l, n, { roleSid: ROLE }).state,
    },
  ]

function toRow(
  what: string,
  participants: number,
  measured: Comparison<'ours' | 'usual' | 'best'>,
  limit: number | undefined,
): Row {
  const [toUsual, toBest] = [measured.ratio('ours', 'usual'), measured.ratio('ours', 'best')]
  const target =
    limit && participants === 10_000 ? atMost(toBest, limit, `≤ ${limit} best`) : undefined
  return { what, participants, usual: toUsual, best: toBest, target }
}

function reading(layout: Layout, state: Uint8Array, times: number): Contender {
  const kept: unknown[] = []
  return {
    run() {
      kept.length = 0
      for (let i = 0; i < times; i++) kept.push(layout.read(replica(state)))
    },
  }
}

function listing(layout: RawLayout, state: Uint8Array, times: number): Contender {
  const kept: unknown[] = []
  return {
    run() {
      kept.length = 0
      for (let i = 0; i < times; i++) kept.push(layout.list(replica(state)))
    },
  }
}

function listingConversation(state: Uint8Array, times: number): Contender {
  const persistence: Persistence = ({ doc }) => {
    Y.applyUpdate(doc, state)
    const done = Promise.resolve()
    return { whenLoaded: done, flush: () => done, destroy: () => done }
  }
  return {
    async run() {
      const kept: Shown[][] = []
      const clients: { close(): Promise<void> }[] = []
      for (let i = 0; i < times; i++) {
        const { client, conversation } = await openConversation(0, undefined, { persistence })
        clients.push(client)
        const shown: Shown[] = []
        for (const participant of await conversation.getParticipants()) {
          shown.push({
            identity: participant.identity as string,
            attributes: participant.attributes,
            dateCreated: 0,
            roleSid: participant.roleSid,
            lastReadMessageIndex: participant.lastReadMessageIndex,
          })
        }
        kept.push(shown)
      }
      return async () => {
        for (const client of clients) await client.close()
      }
    },
  }
}

function mapValues<K extends string, A, B>(
  record: Record<K, A>,
  map: (value: A, key: K) => B,
): Record<K, B> {
  return Object.fromEntries(
    Object.entries<A>(record).map(([key, value]) => [key, map(value, key as K)]),
  ) as Record<K, B>
}
