import { launchBrowser } from '../test/support/browser.ts'
import { startPageServer } from '../test/support/page-server.ts'

/** Ours to y-indexeddb's: the medians of one run in Chromium in which the two take turns; less is better. */
export interface IndexeddbRatios {
  /** A conversation of 100 participants in 300 rows. */
  openRows: number
  /** The same in one row. */
  openOneRow: number
  /** 1,000 updates in one task, until the last is durable. */
  burstDurable: number
  /** The same, the time in which the page can do nothing else. */
  burstMainThread: number
}

export async function indexeddbRatios(rounds = 60): Promise<IndexeddbRatios> {
  const server = await startPageServer()
  const browser = await launchBrowser()
  try {
    const page = await browser.newPage()
    await page.goto(`${server.url}/test/browser/blank.html`)
    const { rows, oneRow, burst } = await page.evaluate(async rounds => {
      const path = '/bench/indexeddb-page.ts'
      const { measureOpening, measureBurst }: typeof import('./indexeddb-page.ts') = await import(
        path
      )
      // What runs first pays for compiling.
      await measureOpening(5, false)
      await measureBurst(2, 1000)
      return {
        rows: await measureOpening(rounds, false),
        oneRow: await measureOpening(rounds, true),
        burst: await measureBurst(Math.ceil(rounds / 3), 1000),
      }
    }, rounds)
    const ratioOf = (pick: 'durableMs' | 'mainThreadMs') =>
      ratio(
        burst.ours.map(one => one[pick]),
        burst.raw.map(one => one[pick]),
      )
    return {
      openRows: ratio(rows.ours, rows.raw),
      openOneRow: ratio(oneRow.ours, oneRow.raw),
      burstDurable: ratioOf('durableMs'),
      burstMainThread: ratioOf('mainThreadMs'),
    }
  } finally {
    await browser.close()
    await server.close()
  }
}

/** Of those that ran one after the other, so that what else the machine does weighs on both. */
function ratio(ours: number[], raw: number[]): number {
  return median(ours.map((value, round) => value / (raw[round] ?? Number.NaN)))
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

if (import.meta.filename === process.argv[1]) {
  console.table(await indexeddbRatios())
}
