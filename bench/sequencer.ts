import * as Y from 'yjs'
import { ConversationDocument } from '../src/schema/conversation-document.ts'
import { outboxName } from '../src/schema/messages/ids.ts'
import { OutboxDocument } from '../src/schema/messages/outbox-document.ts'
import { type DocumentLog, memoryLog } from '../src/server/index.ts'
import { replica } from './layout.ts'
import { type Comparison, type Contender, compare } from './measure.ts'
import { timeOf } from './people.ts'
import { atMost, count, type Row, type Section } from './report.ts'
import { BenchServer } from './sequencer-server.ts'

export const HISTORY = 20_000
const SENDS = 20_000
export const BURST = 1_000
const SINGLE = 500
const EFFORT = { rounds: 8, chunks: 4 }
const SID = `CH${'0'.repeat(32)}`
const AUTHOR = 'person-0'

/** What the server does for a message until it has its index, and what that leaves behind. */
export async function measureSequencer(): Promise<Section> {
  const history = await historyOf(HISTORY)
  const bursts = await compareBursts(history)
  const singles = await compare(
    { empty: () => sending(undefined, 1, SINGLE), long: () => sending(history, 1, SINGLE) },
    EFFORT,
  )
  const row = (what: string, microseconds: number, target?: Row['target']): Row => ({
    what,
    participants: 1,
    ours: `${microseconds.toFixed(0)} µs`,
    target,
  })
  const burst = (which: 'empty' | 'long') => bursts.cost(which) / BURST
  const single = (which: 'empty' | 'long') => singles.cost(which) / SINGLE
  const structs = await alternate()
  return {
    title: 'Sequencing messages',
    method:
      `CPU time of the server for each message, from the client's message to those for its readers, without network and disk: ` +
      `bursts of ${count(BURST)}, and one by one (each with three commits of its own). Medians of ${bursts.samples} chunks. Structs: after ${count(SENDS)} sends that ` +
      `alternate with ${count(SENDS)} advances of the horizon by one writer, of the outboxes and the conversation's document.`,
    rows: [
      row('a message in a burst, none before', burst('empty'), upTo60(burst('empty'))),
      row(`the same, ${count(HISTORY)} before`, burst('long'), upTo60(burst('long'))),
      row('a message alone, none before', single('empty')),
      row(`the same, ${count(HISTORY)} before`, single('long')),
      {
        what: 'structs outside the pages',
        participants: 1,
        ours: count(structs),
        target: atMost(structs, 10, '≤ 10'),
      },
    ],
  }
}

/** Bursts into a conversation without messages, and into one with this history. */
export function compareBursts(history: DocumentLog): Promise<Comparison<'empty' | 'long'>> {
  return compare(
    { empty: () => sending(undefined, BURST, 1), long: () => sending(history, BURST, 1) },
    EFFORT,
  )
}

const upTo60 = (microseconds: number) => atMost(microseconds, 60, '≤ 60 µs')

/** Writes messages, each an update of its own. */
class Author {
  readonly doc = new Y.Doc()
  readonly #outbox = new OutboxDocument(this.doc)
  #updates: Uint8Array[] = []
  #counter = 0

  constructor() {
    this.doc.on('update', (update: Uint8Array) => this.#updates.push(update))
  }

  send(length: number): Uint8Array[] {
    for (let i = 0; i < length; i++) {
      const counter = ++this.#counter
      const content = {
        body: `message ${counter} of a conversation`,
        subject: null,
        media: [],
        attributes: '{}',
      }
      const time = timeOf(counter)
      this.#outbox.push(AUTHOR, { kind: 'message', counter, lamport: counter, time, content })
    }
    return this.#updates.splice(0)
  }
}

export async function historyOf(length: number): Promise<DocumentLog> {
  const server = new BenchServer()
  const author = new Author()
  const client = server.connect(outboxName(SID))
  await server.settle()
  for (let sent = 0; sent < length; sent += BURST) {
    for (const update of author.send(BURST)) client.send(update)
    await server.settle()
  }
  await server.close()
  return server.storage
}

/** A server of its own over what lies in a storage. */
async function copyOf(storage: DocumentLog | undefined): Promise<DocumentLog> {
  const copy = memoryLog()
  if (!storage) return copy
  const pages = Array.from({ length: HISTORY / 1000 + 1 }, (_, n) => `${SID}/m/${n}`)
  for (const name of [outboxName(SID), ...pages]) {
    const { updates } = await storage.read(name)
    if (updates.length > 0) await copy.append(name, updates)
  }
  return copy
}

/** So many messages together, so many times. */
async function sending(
  history: DocumentLog | undefined,
  together: number,
  times: number,
): Promise<Contender> {
  const server = new BenchServer(await copyOf(history))
  const client = server.connect(outboxName(SID))
  const author = new Author()
  const send = async () => {
    for (const update of author.send(together)) client.send(update)
  }
  await server.settle()
  await send()
  await server.settle()
  const chunks = Array.from({ length: EFFORT.chunks }, () =>
    Array.from({ length: times }, () => author.send(together)),
  )
  return {
    async run(chunk) {
      for (const updates of chunks[chunk] ?? []) {
        for (const update of updates) client.send(update)
        await server.settle()
      }
    },
    close: () => server.close(),
  }
}

/** Structs that are left where no page is. */
async function alternate(): Promise<number> {
  const server = new BenchServer()
  const author = new Author()
  const client = server.connect(outboxName(SID))
  await server.settle()
  const doc = new Y.Doc()
  const document = new ConversationDocument(doc, () => {})
  document.start()
  const entry = document.entry(AUTHOR)
  for (let n = 0; n < SENDS; n++) {
    for (const update of author.send(1)) client.send(update)
    await server.settle()
    document.advanceHorizon(entry, { index: n }, timeOf(n))
    document.transact(() => document.writeHorizon(entry))
  }
  await server.close()
  const { updates } = await server.storage.read(outboxName(SID))
  const outboxes = new Y.Doc()
  outboxes.transact(() => {
    for (const update of updates) Y.applyUpdate(outboxes, update)
  })
  if (new OutboxDocument(outboxes).state.count !== SENDS) throw new Error('not sequenced')
  return structsOf(outboxes) + structsOf(replica(Y.encodeStateAsUpdate(doc)))
}

function structsOf({ store }: Y.Doc): number {
  return [...store.clients.values()].reduce((sum, structs) => sum + structs.length, 0)
}
