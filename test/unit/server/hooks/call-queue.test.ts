import { expect, it } from 'vitest'
import { CallQueue } from '../../../../src/server/hooks/call-queue.ts'
import { silent, until } from '../support/clients.ts'
import { fakeClock } from '../support/fake-clock.ts'

const stuck = () => new Promise<void>(() => {})

it('a call waits for the one before, 30 s at most', async () => {
  const time = fakeClock()
  const queue = new CallQueue('name', { clock: time.clock, log: silent }, () => {})
  const begun: string[] = []
  let finish = () => {}
  queue.push(() => {
    begun.push('a')
    return new Promise<void>(resolve => {
      finish = resolve
    })
  })
  queue.push(() => {
    begun.push('b')
    return stuck()
  })
  queue.push(() => begun.push('c'))
  await until(() => expect(begun).toEqual(['a']))
  time.advance(29_999)
  await new Promise(resolve => setImmediate(resolve))
  expect(begun).toEqual(['a'])
  finish()
  await until(() => expect(begun).toEqual(['a', 'b']))
  time.advance(30_000)
  await queue.whenIdle()
  expect(begun).toEqual(['a', 'b', 'c'])
  expect(time.timerCount).toBe(0)
})
