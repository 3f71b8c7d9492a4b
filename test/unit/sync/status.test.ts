import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bestOf,
  type ConnectionEvent,
  type ConnectionState,
  type ConnectionStatus,
  TRANSITIONS,
  toStatus,
  worstOf,
} from '../../../src/sync/status.ts'
import { runs } from '../../support/runs.ts'

const states: ConnectionState[] = ['off', 'down', 'connecting', 'connected', 'denied']
const events: ConnectionEvent[] = [
  'connect',
  'disconnect',
  'disconnected',
  'connecting',
  'connected',
  'denied',
]
const statuses: ConnectionStatus[] = ['disconnected', 'connecting', 'connected', 'denied']

describe('the machine of one connection', () => {
  it('has an answer for every event in every state', () => {
    expect(Object.keys(TRANSITIONS).sort()).toEqual(states.toSorted())
    for (const state of states) {
      expect(Object.keys(TRANSITIONS[state]).sort()).toEqual(events.toSorted())
      for (const event of events) expect(states).toContain(TRANSITIONS[state][event])
    }
  })

  it('follows the wishes of the app and the news of the transport, by these rules', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), list => {
        let state: ConnectionState = 'off'
        let isWanted = false
        let isDenied = false
        let news: ConnectionStatus = 'disconnected'
        for (const event of list) {
          state = TRANSITIONS[state][event]
          if (event === 'disconnect') {
            isWanted = false
            isDenied = false
            news = 'disconnected'
          } else if (event === 'connect') {
            isWanted = true
            if (isDenied) news = 'disconnected'
            isDenied = false
          } else if (isWanted && !isDenied) {
            news = event
            isDenied = event === 'denied'
          }
          expect(toStatus(state)).toBe(isWanted ? news : 'disconnected')
          expect(state === 'off').toBe(!isWanted)
        }
      }),
      runs(1000),
    )
  })
})

describe('several at once', () => {
  const some = fc.array(fc.constantFrom(...statuses), { maxLength: 5 })

  it('are as good as the best that leads to the same peers', () => {
    expect(bestOf([])).toBe('disconnected')
    expect(bestOf(['denied', 'disconnected'])).toBe('denied')
    expect(bestOf(['denied', 'connecting'])).toBe('connecting')
    expect(bestOf(statuses)).toBe('connected')
  })

  it('are as bad as the worst of several documents', () => {
    expect(worstOf([])).toBe('disconnected')
    expect(worstOf(['connected', 'connecting'])).toBe('connected')
    expect(worstOf(['connecting', 'disconnected'])).toBe('disconnected')
    expect(worstOf(statuses)).toBe('denied')
  })

  it('count alike in every order', () => {
    fc.assert(
      fc.property(some, list => {
        expect(bestOf(list.toReversed())).toBe(bestOf(list))
        expect(worstOf(list.toReversed())).toBe(worstOf(list))
        if (list.length > 0) expect(list).toContain(bestOf(list))
        if (list.length > 0) expect(list).toContain(worstOf(list))
      }),
      runs(200),
    )
  })
})
