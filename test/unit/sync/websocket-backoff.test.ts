import { expect, test } from 'vitest'
import { backoffMs } from '../../../src/sync/websocket/backoff.ts'

const limits = (failures: number[], maxMs: number) =>
  failures.map(n => backoffMs(n, maxMs, () => 1))

test('the limit of the wait doubles with each failure, up to the maximum', () => {
  expect(limits([0, 1, 2, 3, 4, 5, 6, 7, 1_000, 100_000], 30_000)).toEqual([
    500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000,
  ])
})

test('a maximum below the first limit holds from the start', () => {
  expect(limits([0, 5], 100)).toEqual([100, 100])
})

test('the wait is anything from nothing to the limit', () => {
  const shares = [0, 0.25, 0.5, 0.999]
  expect(shares.map(share => backoffMs(3, 30_000, () => share))).toEqual([0, 1_000, 2_000, 3_996])
})

test('clients of a server that comes back are spread over the whole time', () => {
  const waits = Array.from({ length: 10_000 }, () => backoffMs(10, 30_000))
  const perTenth = Array.from(
    { length: 10 },
    (_, tenth) => waits.filter(ms => Math.floor(ms / 3_000) === tenth).length,
  )
  // 1,000 are expected in each; 800 is six standard deviations away.
  for (const count of perTenth) expect(count).toBeGreaterThan(800)
})
