import type { Clock } from '../src/base/clock.ts'
import { Crowd } from './crowd.ts'
import { type Layout, replica } from './layout.ts'
import { type Contender, compare } from './measure.ts'
import { openConversation, ours } from './ours.ts'
import { clientIdOf, timeOf } from './people.ts'
import { best, usual } from './raw.ts'
import { atMost, type Row, type Section } from './report.ts'

const EFFORT = { rounds: 5, chunks: 40 }
const ADVANCES = 200

/** What it costs somebody to read on. */
export async function measureLocal(): Promise<Section> {
  const rows: Row[] = []
  let samples = 0
  for (const participants of [100, 1000]) {
    const crowds = {
      ours: new Crowd(ours, participants),
      best: new Crowd(best, participants),
      usual: new Crowd(usual, participants),
    }
    const measured = await compare(
      {
        ours: () => advanceIn(ours, crowds.ours),
        best: () => advanceIn(best, crowds.best),
        usual: () => advanceIn(usual, crowds.usual),
        public: () => advanceInConversation(crowds.ours, 0),
        coalesced: () => advanceInConversation(crowds.ours, 1000),
      },
      EFFORT,
    )
    samples = measured.samples
    const row = (what: string, which: 'ours' | 'public' | 'coalesced'): Row => ({
      what,
      participants,
      usual: measured.ratio(which, 'usual'),
      best: measured.ratio(which, 'best'),
    })
    const inDocument = row('in the document, every one written', 'ours')
    rows.push(
      { ...inDocument, target: atMost(inDocument.best as number, 1.5, '≤ 1.5 best') },
      row('by the public method, every one written', 'public'),
      row('by the public method, a burst', 'coalesced'),
    )
  }
  return {
    title: 'A local advance',
    method:
      `CPU time of ${ADVANCES} advances in turn, medians of ${samples} pairs, until the update is encoded. Ours, in the ` +
      'document: lattice, reasons, write, and what our own observer does. By the public method: also argument checks, ' +
      'promises and `participantUpdated` with one listener; a burst is written once per second. The best way sets one ' +
      'key and observes nothing; the usual way sets three.',
    rows,
  }
}

function advanceIn(layout: Layout, crowd: Crowd): Contender {
  const doc = replica(crowd.state)
  doc.clientID = clientIdOf(0)
  doc.on('update', () => {})
  const me = layout.open(doc)
  let n = 100
  return {
    run() {
      for (const end = n + ADVANCES; n < end; n++) me.advance(0, n, timeOf(crowd.next + n))
    },
  }
}

async function advanceInConversation(crowd: Crowd, horizonIntervalMs: number): Promise<Contender> {
  const doc = replica(crowd.state)
  doc.clientID = clientIdOf(0)
  doc.on('update', () => {})
  const clock = new IntervalClock(timeOf(crowd.next))
  const { conversation, client } = await openConversation(0, doc, { clock, horizonIntervalMs })
  conversation.on('participantUpdated', () => {})
  let index = 100
  return {
    async run() {
      let last: Promise<unknown> = Promise.resolve()
      for (const end = index + ADVANCES; index < end; index++) {
        last = conversation.advanceLastReadMessageIndex(index)
        if (horizonIntervalMs === 0) clock.endInterval()
      }
      clock.endInterval()
      await last
    },
    close: () => client.close(),
  }
}

/** Whoever waits is called when the benchmark says so. */
class IntervalClock implements Clock {
  #now: number
  #waiting = new Set<() => void>()

  constructor(now: number) {
    this.#now = now
  }

  now(): number {
    this.#now += 250
    return this.#now
  }

  setTimeout(callback: () => void): () => void {
    this.#waiting.add(callback)
    return () => this.#waiting.delete(callback)
  }

  endInterval(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const callback of waiting) callback()
  }
}
