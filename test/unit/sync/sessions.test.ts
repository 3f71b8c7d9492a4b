import { expect, it } from 'vitest'
import { DEVICES, SessionCrowd } from '../../support/session-crowd.ts'

it('10,000 sessions of 20 devices leave a document as large as 20 sessions do', async () => {
  const crowd = new SessionCrowd()
  for (let i = 0; i < DEVICES; i++) await crowd.visit()
  const few = crowd.size
  expect(few.clientIds).toBe(DEVICES)
  for (let i = DEVICES; i < 10_000; i++) await crowd.visit()
  const many = crowd.size
  expect(many.clientIds).toBe(DEVICES)
  // A record, a horizon, and one range of tombstones for all horizons before it.
  expect(many.structs).toBeLessThanOrEqual(3 * DEVICES)
  expect(many.bytes).toBeLessThanOrEqual(1.2 * few.bytes)
  expect(many.stateVectorBytes).toBeLessThanOrEqual(1.2 * few.stateVectorBytes)
}, 300_000)
