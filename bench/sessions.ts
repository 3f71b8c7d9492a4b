import * as Y from 'yjs'
import { ConversationDocument } from '../src/schema/conversation-document.ts'
import { DEVICES, SessionCrowd } from '../test/support/session-crowd.ts'
import { applyAll, replica } from './layout.ts'
import { type Contender, compare } from './measure.ts'
import { timeOf } from './people.ts'
import { atMost, count, type Section } from './report.ts'

const SESSIONS = 10_000
const EFFORT = { rounds: 5, chunks: 20 }
/** So many in a chunk: the usual way would take minutes for as many. */
const UPDATES = 500
const UPDATES_APART = 10

/** What sessions leave behind: with client ids that go from one to the next, and with a new one for each. */
export async function measureSessions(): Promise<Section> {
  const crowd = new SessionCrowd()
  for (let i = 0; i < DEVICES; i++) await crowd.visit()
  const few = sizeOf(crowd.hub)
  for (let i = DEVICES; i < SESSIONS; i++) await crowd.visit()
  const many = sizeOf(crowd.hub)
  const apart = sizeOf(underIdsOfTheirOwn(few.state))
  const toFew = await compare(
    { few: () => applying(few.state, UPDATES), many: () => applying(many.state, UPDATES) },
    EFFORT,
  )
  const toApart = await compare(
    {
      many: () => applying(many.state, UPDATES_APART),
      apart: () => applying(apart.state, UPDATES_APART),
    },
    EFFORT,
  )
  const slower = toFew.ratio('many', 'few')
  const row = (what: string, pick: (size: Size) => number) => ({
    what,
    participants: DEVICES,
    ours: count(pick(many)),
    usual: pick(many) / pick(apart),
    target: atMost(pick(many) / pick(few), 1.2, `≤ 1.2 × ${DEVICES} sessions`),
  })
  return {
    title: 'Growth by sessions',
    method:
      `${count(SESSIONS)} sessions of ${DEVICES} devices, each opens, reads on by one message, and closes. The usual way is a ` +
      `client id for each session. Updates are applied one by one; CPU time, medians of ${toFew.samples} pairs. ` +
      `The target is what ${DEVICES} sessions leave.`,
    rows: [
      row('client ids', ({ state }) => clientIdsOf(state)),
      row('bytes of the document', ({ state }) => state.length),
      row('bytes of the state vector', ({ stateVector }) => stateVector.length),
      {
        what: 'applying an update',
        participants: DEVICES,
        ours: `${slower.toFixed(2)} × ${DEVICES} sessions`,
        usual: toApart.ratio('many', 'apart'),
        target: atMost(slower, 1.2, `≤ 1.2 × ${DEVICES} sessions`),
      },
    ],
  }
}

interface Size {
  readonly state: Uint8Array
  readonly stateVector: Uint8Array
}

function sizeOf(doc: Y.Doc): Size {
  return { state: Y.encodeStateAsUpdate(doc), stateVector: Y.encodeStateVector(doc) }
}

function clientIdsOf(state: Uint8Array): number {
  return replica(state).store.clients.size
}

function underIdsOfTheirOwn(state: Uint8Array): Y.Doc {
  const hub = replica(state)
  const updates: Uint8Array[] = []
  for (let i = DEVICES; i < SESSIONS; i++) updates.push(...advancesIn(new Y.Doc(), i, 1))
  applyAll(hub, updates)
  return hub
}

/** Advances of one device, each an update. */
function advancesIn(doc: Y.Doc, from: number, length: number): Uint8Array[] {
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const document = new ConversationDocument(doc, () => {})
  document.start()
  const entry = document.entry(`person-${from % DEVICES}`)
  for (let n = from; n < from + length * DEVICES; n += DEVICES) {
    document.advanceHorizon(entry, { index: Math.floor(n / DEVICES) }, timeOf(n))
    document.transact(() => document.writeHorizon(entry))
  }
  return updates
}

function applying(state: Uint8Array, length: number): Contender {
  const doc = replica(state)
  const peer = replica(state)
  peer.clientID = [...peer.store.clients.keys()][0] as number
  const updates = advancesIn(peer, SESSIONS, length * EFFORT.chunks)
  return {
    run(chunk) {
      for (const update of updates.slice(chunk * length, (chunk + 1) * length)) {
        Y.applyUpdate(doc, update)
      }
    },
  }
}
