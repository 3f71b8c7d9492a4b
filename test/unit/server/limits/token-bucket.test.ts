import { expect, it } from 'vitest'
import { TokenBucket } from '../../../../src/server/limits/token-bucket.ts'
import { fakeClock } from '../support/fake-clock.ts'

it('a bucket gives what was saved up, and then no more than its rate', () => {
  const time = fakeClock()
  const bucket = new TokenBucket(time.clock, 10, 3)
  for (let i = 0; i < 30; i++) expect(bucket.tryTake()).toBe(true)
  expect(bucket.tryTake()).toBe(false)
  time.advance(99)
  expect(bucket.tryTake()).toBe(false)
  time.advance(1)
  expect(bucket.tryTake()).toBe(true)
  expect(bucket.isFull).toBe(false)
  time.advance(3_000)
  expect(bucket.isFull).toBe(true)
})

it('a bucket saves up no more than its burst', () => {
  const time = fakeClock()
  const bucket = new TokenBucket(time.clock, 10, 3)
  time.advance(1e9)
  bucket.take(30)
  expect(bucket.waitMs).toBe(0)
  bucket.take(1)
  expect(bucket.waitMs).toBe(100)
})

it('what is taken over it is a debt, however large', () => {
  const time = fakeClock()
  const bucket = new TokenBucket(time.clock, 1_000, 1)
  bucket.take(6_000)
  expect(bucket.waitMs).toBe(5_000)
  time.advance(4_999)
  expect(bucket.waitMs).toBe(1)
  time.advance(1)
  expect(bucket.waitMs).toBe(0)
})

it('a clock that is set back gives nothing and takes nothing', () => {
  let nowMs = 10_000
  const bucket = new TokenBucket({ now: () => nowMs, setTimeout: () => () => {} }, 10, 1)
  bucket.take(20)
  nowMs = 0
  expect(bucket.waitMs).toBe(1_000)
  nowMs = 1_000
  expect(bucket.waitMs).toBe(0)
})
