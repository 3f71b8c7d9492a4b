import { median } from '../measure.ts'
import { type Built, each } from './libraries.ts'
import { lengthOf } from './library.ts'
import { inProcesses } from './processes.ts'
import { megabytes, type PeerRow, ratiosOf } from './report.ts'

/** For each library. */
export const PROCESSES = 3

/** What an open conversation takes, in bytes. */
export interface Memory {
  /** Of the JavaScript heap, of buffers, and of WebAssembly. */
  readonly used: number
  /** Of the process. */
  readonly resident: number
}

/** What a conversation takes where it is stored, and in memory while it is on the screen. */
export async function measureKeeping(
  messages: number,
  built: Built,
  small: Built,
): Promise<PeerRow[]> {
  const bytes = each(name => lengthOf([...built[name].values()]))
  const memories = await inProcesses<Memory>('memory-child.ts', PROCESSES, small, built)
  const used = each(name => median(memories[name].map(({ used }) => used)))
  const resident = each(name => median(memories[name].map(({ resident }) => resident)))
  const row = (what: string, values: typeof bytes): PeerRow => ({
    what,
    messages,
    ours: megabytes(values.ours),
    ratios: ratiosOf(values),
  })
  return [
    { ...row('stored', bytes), isSummary: true },
    { ...row('memory, on the screen', used), isSummary: true },
    row('memory of the process', resident),
  ]
}
