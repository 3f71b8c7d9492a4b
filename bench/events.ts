import * as Y from 'yjs'
import { Crowd } from './crowd.ts'
import { applyAll, type Device, type Layout, replica } from './layout.ts'
import { type Comparison, type Contender, compare } from './measure.ts'
import { openConversation, ours } from './ours.ts'
import { attributesOf, timeOf } from './people.ts'
import { best, observeIdly, usual } from './raw.ts'
import { atMost, count, type Row, type Section } from './report.ts'

const ROUNDS = 5
/** Updates in a chunk, and chunks in a round. */
const SINGLES = { size: 100, chunks: 20 }
const BATCHES = { size: 1000, chunks: 8 }

/** What it costs to hear which participant changed how. */
export async function measureEvents(): Promise<Section> {
  const rows: Row[] = []
  for (const participants of [100, 1000]) {
    for (const change of CHANGES) {
      const streams = {
        ours: streamOf(ours, participants, change.write),
        best: streamOf(best, participants, change.write),
        usual: streamOf(usual, participants, change.write),
      }
      for (const [name, { size, chunks }] of Object.entries({ single: SINGLES, batch: BATCHES })) {
        const isBatch = name === 'batch'
        const measured = await compare(
          {
            ours: () => hearing(streams.ours, size, isBatch),
            same: () => idle(streams.ours, size, isBatch, ['horizons', 'attributes']),
            best: () => idle(streams.best, size, isBatch, ['horizons', 'participants']),
            usual: () => hearingDeep(streams.usual, size, isBatch),
          },
          { rounds: ROUNDS, chunks },
        )
        const what = `${change.name}, ${isBatch ? `batch of ${count(size)}` : 'single'}`
        rows.push(...toRows(what, participants, measured, change.isTarget))
      }
    }
  }
  return { title: 'Events of remote changes', method: '', rows }
}

const CHANGES = [
  {
    name: 'advance',
    isTarget: true,
    write: (device: Device, n: number) =>
      device.write((me, who) => me.advance(who, 100 + n, timeOf(n))),
  },
  {
    name: 'attributes',
    isTarget: false,
    write: (device: Device, n: number) =>
      device.write((me, who) => me.setAttributes(who, attributesOf(who, n), timeOf(n))),
  },
]

/** A document, and updates that come in one after the other from its participants in turn. */
interface Stream {
  readonly state: Uint8Array
  readonly updates: readonly Uint8Array[]
}

function streamOf(
  layout: Layout,
  participants: number,
  write: (device: Device, n: number) => Uint8Array,
): Stream {
  const { state, devices, next } = new Crowd(layout, participants)
  const length = Math.max(SINGLES.size * SINGLES.chunks, BATCHES.size * BATCHES.chunks)
  const updates = Array.from({ length }, (_, n) =>
    write(devices[n % participants] as Device, next + n),
  )
  return { state, updates }
}

async function hearing(stream: Stream, size: number, isBatch: boolean): Promise<Contender> {
  const doc = replica(stream.state)
  const { conversation, client } = await openConversation(0, doc)
  let heard = 0
  conversation.on('participantUpdated', () => {
    heard++
  })
  return {
    ...receiving(doc, stream, size, isBatch),
    async close() {
      if (heard === 0) throw new Error('The listener heard nothing')
      await client.close()
    },
  }
}

function idle(stream: Stream, size: number, isBatch: boolean, roots: string[]): Contender {
  const doc = replica(stream.state)
  observeIdly(doc, ...roots)
  return receiving(doc, stream, size, isBatch)
}

function hearingDeep(stream: Stream, size: number, isBatch: boolean): Contender {
  const doc = replica(stream.state)
  usual.observe(doc, () => {})
  return receiving(doc, stream, size, isBatch)
}

function receiving(doc: Y.Doc, { updates }: Stream, size: number, isBatch: boolean): Contender {
  return {
    run(chunk) {
      const received = updates.slice(chunk * size, (chunk + 1) * size)
      if (isBatch) applyAll(doc, received)
      else for (const update of received) Y.applyUpdate(doc, update)
    },
  }
}

function toRows(
  what: string,
  participants: number,
  measured: Comparison<'ours' | 'same' | 'best' | 'usual'>,
  isTarget: boolean,
): Row[] {
  const same = measured.ratio('ours', 'same')
  return [
    {
      what: `${what}, of the same document`,
      participants,
      best: same,
      target: isTarget ? atMost(same, 1.25, '≤ 1.25 best') : undefined,
    },
    {
      what,
      participants,
      usual: measured.ratio('ours', 'usual'),
      best: measured.ratio('ours', 'best'),
    },
  ]
}
