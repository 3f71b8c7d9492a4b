import { atMost, count, type Table } from '../report.ts'
import { type LeftFigures, measureLeft } from './left-rooms.ts'
import { PARTICIPANTS } from './many-rooms.ts'
import { ServerProcess } from './server-process.ts'
import { megabytes } from './table.ts'

/** More than that would be left behind. */
const TOLERANCE = 1.1

/** What conversations leave in our server when they are closed. */
export async function tabulateLeft(conversations: number, authorisation: string): Promise<Table> {
  const server = await ServerProcess.start('ours')
  const { before, after } = await measureLeft(server, conversations)
  await server.close()
  const line = (what: string, pick: (memory: LeftFigures['before']) => number) => {
    const target = atMost(pick(after), TOLERANCE * pick(before), `≤ ${TOLERANCE} × before`)
    const left = (pick(after) - pick(before)) / conversations
    return [
      what,
      megabytes(pick(before)),
      megabytes(pick(after)),
      left.toFixed(0),
      target.text,
      target.isMet ? '✓' : '✗',
    ]
  }
  return {
    title: `${count(conversations)} conversations opened and left, ours ${authorisation}`,
    method:
      `Each is created with ${PARTICIPANTS} participants, stored, and left, some together; memory after a garbage collection when none is open. RSS is also what ` +
      `LevelDB keeps of what was written.`,
    head: ['', 'before', 'after', 'bytes for each', 'target', ''],
    lines: [line('heap', ({ heap }) => heap), line('RSS', ({ rss }) => rss)],
  }
}
