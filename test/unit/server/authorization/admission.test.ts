import { describe, expect, it } from 'vitest'
import {
  Admission,
  type Judgement,
  type Submission,
} from '../../../../src/server/authorization/admission.ts'
import { decodeUpdate } from '../../../../src/server/update-check.ts'
import { updateOf } from '../support/clients.ts'
import { fakeClock } from '../support/fake-clock.ts'

const update = updateOf(doc => doc.getMap('map').set('key', 1))
const decoded = decodeUpdate(update)

/** Updates are named by their senders and a number; `verdicts` says what is thought of each. */
function desk(verdicts: Record<string, Judgement | Judgement['kind']> = {}) {
  const time = fakeClock()
  const events: string[] = []
  const names = new Map<unknown, string>()
  const namesOf = (some: readonly Submission<string>[]) => some.map(one => names.get(one)).join(' ')
  const admission = new Admission<string>(
    { clock: time.clock, timings: { permissionMs: 100 } },
    {
      onRefused: (dropped, { reason }) => events.push(`refused ${namesOf(dropped)}: ${reason}`),
      onGap: dropped => events.push(`gap ${namesOf(dropped)}`),
      onReady: () => events.push('ready'),
    },
  )
  const judge = {
    judge: (submission: Submission<string>): Judgement => {
      const name = names.get(submission) as string
      const verdict = verdicts[name] ?? 'accepted'
      if (typeof verdict === 'object') return verdict
      if (verdict === 'gap') return { kind: 'gap' }
      if (verdict === 'waiting') return { kind: 'waiting', reason: 'not yet' }
      if (verdict === 'refused') return { kind: 'refused', code: 'forbidden', reason: 'no' }
      return { kind: 'accepted', changesStanding: false }
    },
  }
  return {
    time,
    events,
    verdicts,
    admission,
    push(name: string) {
      const submission = { update, sender: name.slice(0, 1), decoded }
      names.set(submission, name)
      admission.push(submission)
    },
    take: () => namesOf(admission.take(judge)),
  }
}

describe('what is submitted', () => {
  it('is taken in the order in which it came, once', () => {
    const { push, take } = desk()
    for (const name of ['a1', 'b1', 'a2']) push(name)
    expect(take()).toBe('a1 b1 a2')
    expect(take()).toBe('')
  })

  it('is taken no further than what changes who is who', () => {
    const { push, take } = desk({ a1: { kind: 'accepted', changesStanding: true } })
    for (const name of ['a1', 'b1', 'a2']) push(name)
    expect(take()).toBe('a1')
    push('c1')
    expect(take()).toBe('b1 a2 c1')
  })

  it('is judged only where it is of somebody else than the server', () => {
    const { admission, take, push } = desk({ a1: 'refused' })
    admission.push({ update, sender: 'server' })
    push('b1')
    expect(take()).toBe(' b1')
  })
})

describe('what may not be written', () => {
  it('is refused, with all that came after it from the same sender', () => {
    const { push, take, events } = desk({ a2: 'refused' })
    for (const name of ['a1', 'a2', 'b1', 'a3']) push(name)
    expect(take()).toBe('a1 b1')
    expect(events).toEqual(['refused a2 a3: no'])
    expect(take()).toBe('')
  })

  it('and rests on what is not here is given back, with what came after it', () => {
    const { push, take, events } = desk({ a1: 'gap' })
    for (const name of ['a1', 'b1', 'a2']) push(name)
    expect(take()).toBe('b1')
    expect(events).toEqual(['gap a1 a2'])
  })
})

describe('what may not be written yet', () => {
  it('waits, with what comes after it, until it is permitted', () => {
    const { push, take, events, admission, verdicts } = desk({ a1: 'waiting' })
    for (const name of ['a1', 'b1', 'a2']) push(name)
    expect(take()).toBe('b1')
    push('a3')
    expect(take()).toBe('')
    expect(admission.isWaiting).toBe(true)
    verdicts.a1 = 'accepted'
    admission.reconsider()
    expect(events).toEqual(['ready'])
    expect(take()).toBe('a1 a2 a3')
    expect(admission.isWaiting).toBe(false)
  })

  it('is refused when it is not permitted in time, however often it is looked at', () => {
    const { push, take, events, admission, time } = desk({ a1: 'waiting' })
    push('a1')
    push('a2')
    take()
    time.advance(99)
    admission.reconsider()
    take()
    expect(events).toEqual(['ready'])
    time.advance(1)
    expect(events).toEqual(['ready', 'ready'])
    expect(take()).toBe('')
    expect(events.at(-1)).toBe('refused a1 a2: not yet')
    expect(time.timerCount).toBe(0)
  })

  it('can be withdrawn', () => {
    const { push, take, admission } = desk({ a1: 'waiting' })
    for (const name of ['a1', 'b1']) push(name)
    take()
    push('a2')
    push('b2')
    expect(admission.withdraw(new Set(['a']))).toHaveLength(2)
    expect(admission.isWaiting).toBe(false)
    expect(take()).toBe('b2')
  })

  it('leaves no timer behind', () => {
    const { push, take, admission, time } = desk({ a1: 'waiting' })
    push('a1')
    take()
    admission.destroy()
    expect(time.timerCount).toBe(0)
  })
})
