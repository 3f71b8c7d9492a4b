import { type Effort, median } from '../measure.ts'
import { count } from '../report.ts'
import { compareBursts, HISTORY, historyOf, BURST as SEQUENCED } from '../sequencer.ts'
import { buildAll } from './building.ts'
import { AUTHORS, BEHIND, Chat, PARTICIPANTS, SHOWN } from './chat.ts'
import { measureKeeping, PROCESSES } from './keeping.ts'
import type { Built } from './libraries.ts'
import { FIRST_TIMES, measureGrowing, Opening } from './opening.ts'
import { ours } from './ours.ts'
import type { PeerRow, PeerSection } from './report.ts'
import { BURST, Writing, type WritingEffort } from './writing.ts'

interface Size {
  readonly length: number
  readonly opening: Effort
  readonly writing: WritingEffort
  /** Of the time to the participants: ours to the fastest of the others. */
  readonly limit?: number
}

const LONG: Size = {
  length: 10_000,
  opening: { rounds: 3, chunks: 8 },
  writing: { rounds: 2, chunks: 10, times: 20 },
  limit: 0.5,
}
const LONGEST: Size = {
  length: 100_000,
  opening: { rounds: 1, chunks: 3 },
  writing: { rounds: 1, chunks: 8, times: 5 },
}
const SHORT = 100
const GROWING: Effort = { rounds: 4, chunks: 20 }

/** A conversation with many messages, beside the same one in other libraries. */
export async function measureMessages(): Promise<PeerSection[]> {
  const small = await buildAll(new Chat(SHORT, { participants: AUTHORS }))
  const long = await measureSize(LONG, small)
  const longest = await measureSize(LONGEST, small)
  const short = await ours.build(new Chat(SHORT))
  const growing = await measureGrowing(
    { messages: SHORT, stored: short },
    { messages: LONGEST.length, stored: longest.built.ours },
    GROWING,
  )
  return [
    {
      title: `Opening a conversation of ${count(PARTICIPANTS)} participants`,
      method: OPENING,
      rows: [...long.opening, ...longest.opening, ...growing],
    },
    {
      title: 'What a conversation takes',
      method: KEEPING,
      rows: [...long.keeping, ...longest.keeping],
    },
    {
      title: 'Messages and read horizons on their way',
      method: WRITING,
      rows: [
        ...long.writing,
        ...longest.writing.map(row => ({ ...row, isSummary: false })),
        ...(await measureCrowdedWriting()),
        await measureThroughput(),
      ],
    },
  ]
}

interface Measured {
  readonly built: Built
  readonly opening: PeerRow[]
  readonly keeping: PeerRow[]
  readonly writing: PeerRow[]
}

async function measureSize(size: Size, small: Built): Promise<Measured> {
  const chat = new Chat(size.length)
  const built = await buildAll(chat)
  const opening = await new Opening(size.length, built, size.opening).measure(size.limit)
  const keeping = await measureKeeping(size.length, built, small)
  const pairs = new Writing(chat, built, size.writing)
  const writing = [...(await pairs.alone()), ...(await pairs.burst()), ...(await pairs.advance())]
  pairs.close()
  return { built, opening, keeping, writing }
}

/** Where everybody has written, and not a few. */
async function measureCrowdedWriting(): Promise<PeerRow[]> {
  const chat = new Chat(LONG.length, { authors: PARTICIPANTS })
  const pairs = new Writing(chat, await buildAll(chat), LONG.writing)
  const rows = await pairs.alone(`, ${count(PARTICIPANTS)} have written`)
  pairs.close()
  return rows
}

async function measureThroughput(): Promise<PeerRow> {
  const bursts = await compareBursts(await historyOf(HISTORY))
  const perSecond = (1e6 * SEQUENCED) / bursts.cost('long')
  return {
    what: 'the server sequences, in bursts',
    messages: HISTORY,
    ours: `${count(Math.round(perSecond))} per second`,
    isSummary: true,
  }
}

/** The median. */
const BODY = Math.round(median(new Chat(1000).messages.map(({ body }) => body.length)))

const samplesOf = ({ opening: { rounds, chunks } }: Size) => rounds * chunks

const OPENING =
  `CPU time from the bytes in memory, as each library saves them, to the answer: the participants with attributes and horizon, ` +
  `the unread messages of one of them who has not read the last ${BEHIND}, the newest ${SHOWN} messages. Each question opens the conversation anew, in a process ` +
  `that has run the code before; "the first time" is in one of its own, median of ${FIRST_TIMES}. Medians of rounds in turn: ${samplesOf(LONG)} of each with ${count(LONG.length)} messages, ${samplesOf(LONGEST)} with ${count(LONGEST.length)}. ` +
  `${AUTHORS} of the participants have written, in turns, everybody with a device of their own. ` +
  `The others keep all of it in one document: Yjs in two root maps and an array of tuples, Automerge in two maps and a list of immutable strings, Loro in ` +
  `two maps and a list (opened from a snapshot, read by getShallowValue), TinyBase's MergeableStore in rows (the JSON of its ` +
  `mergeable content). Each of them has one value for the attributes and one for a message, which is the fastest and gives up merging inside. Ours opens the documents that the question needs; ` +
  `"by the client" is with its objects, events and promises.`

const KEEPING =
  `Bytes stored, of ours with all pages; Automerge compresses what it saves. Memory that opening adds, of a process of its own that keeps participants, unread count and newest ` +
  `messages: heap, buffers and WebAssembly after a garbage collection, and what the system counts for the process. Medians of ${PROCESSES} processes each, which have opened a ` +
  `small conversation before. Ours has the participants, the outboxes and the newest page open.`

const WRITING =
  `One writes and another one has it, both with the whole conversation open, or of ours with what is on the screen. CPU time of both, and of ours also of the ` +
  `server between them that sequences: each message goes to the outbox, from there to the page, and its outbox is emptied. Bytes of updates, without the ` +
  `envelopes: what the author sends, and what one other device gets. The body of a message has ${BODY} (median). Alone = one message is there before the next is written; ` +
  `together = ${BURST} changes that are encoded one by one, and taken over at once. The last row is of the server itself, as under "Sequencing messages".`
