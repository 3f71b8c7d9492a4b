import { describe, expect, it } from 'vitest'
import { outdatedTimeout } from 'y-protocols/awareness'
import { defaultTimings } from '../../../src/server/options.ts'
import { relayRoom } from './support/relay.ts'

const { awarenessWindowMs, renewalMs, overdueMs } = defaultTimings

describe('a peer that leaves', () => {
  it('takes its states away from everybody, with the clock they have', () => {
    const { peer, window } = relayRoom()
    const [a, b] = [peer(), peer()]
    a.say([1, 7, {}], [2, 3, { n: 1 }], [3, 1, {}])
    a.say([3, 1, null])
    window()
    b.news()
    a.leave()
    window()
    expect(b.news()).toEqual([
      [1, 7, null],
      [2, 3, null],
    ])
    const late = peer()
    expect(late.news()).toEqual([])
  })

  it('takes a state away that was not sent on yet', () => {
    const { peer, window } = relayRoom()
    const [a, b] = [peer(), peer()]
    a.say([1, 7, {}])
    a.leave()
    window()
    expect(b.news()).toEqual([[1, 7, null]])
  })

  it('is removed at others that are real, and seen again at once when it comes back', () => {
    const { realPeer, window } = relayRoom()
    const [a, b] = [realPeer(), realPeer()]
    a.connect()
    b.connect()
    window()
    expect(b.awareness.getStates().get(a.clientId)).toEqual({ name: 'real' })

    a.leave()
    window()
    expect(b.awareness.getStates().has(a.clientId)).toBe(false)

    // With the same clock, which the others would not take: y-protocols counts it up when asked.
    a.connect()
    window()
    expect(b.awareness.getStates().get(a.clientId)).toEqual({ name: 'real' })
    a.awareness.destroy()
    b.awareness.destroy()
  })
})

describe('a client that comes back before its old connection is seen to be dead', () => {
  it('has the old one probed, and gets its id when that ends', () => {
    const { peer, window } = relayRoom()
    const [old, other] = [peer(), peer()]
    old.say([1, 4, { n: 1 }])
    window()
    other.news()
    const back = peer()
    back.news()
    back.say([1, 6, { n: 2 }])
    expect(old.probes).toBe(1)
    window()
    expect([other.news(), back.news()], 'the old one may live').toEqual([[], []])

    old.leave()
    // Above the clock that was refused, so that the client is bound to answer.
    expect(back.news()).toEqual([[1, 6, null]])
    back.say([1, 7, { n: 2 }])
    window()
    expect(other.news()).toEqual([[1, 7, { n: 2 }]])
  })

  it('is not what an echo looks like: y-websocket sends its own state first', () => {
    const { peer, window } = relayRoom()
    const [a, b] = [peer(), peer()]
    b.say([2, 1, {}])
    a.say([1, 1, {}])
    window()
    b.say([1, 1, {}])
    expect(a.probes).toBe(0)
  })
})

describe('renewals', () => {
  it('are sent on together, and in time', () => {
    const { time, relay, peer, window } = relayRoom()
    const [a, b, c] = [peer(), peer(), peer()]
    a.say([1, 1, {}])
    b.say([2, 1, {}])
    window()
    for (const one of [a, b, c]) one.news()
    a.say([1, 2, {}])
    b.say([2, 2, {}])
    a.say([1, 3, {}])
    window()
    expect(c.frames, 'no hurry').toEqual([])
    time.advance(renewalMs)
    relay.sweep(time.clock.now())
    expect(c.frames).toEqual([
      [
        [1, 3, {}],
        [2, 2, {}],
      ],
    ])
    expect(a.news()).toEqual([[2, 2, {}]])
    relay.sweep(time.clock.now() + renewalMs)
    expect(c.frames, 'once').toHaveLength(1)
  })

  it('are asked for when they are late, so that no live peer is forgotten', () => {
    const { time, relay, peer, window } = relayRoom()
    const [a, b] = [peer(), peer()]
    a.say([1, 4, { n: 1 }])
    b.say([2, 1, {}], [2, 2, null])
    window()
    for (const one of [a, b]) one.news()
    time.advance(overdueMs - awarenessWindowMs - 1)
    relay.sweep(time.clock.now())
    expect(a.news()).toEqual([])
    time.advance(1)
    relay.sweep(time.clock.now())
    expect(a.news()).toEqual([[1, 4, null]])
    expect(b.news(), 'has no state to renew').toEqual([])
    relay.sweep(time.clock.now())
    expect(a.news(), 'asked once').toEqual([])
  })

  it('reach the others within the 30 s after which y-protocols forgets a peer', () => {
    // A client renews when 15 s are over, and looks each 3 s; a late one is asked, and answers at once.
    const { sweepMs } = defaultTimings
    expect(18_000 + renewalMs + sweepMs).toBeLessThan(outdatedTimeout)
    expect(overdueMs + sweepMs + renewalMs + sweepMs).toBeLessThan(outdatedTimeout)
  })

  it('are given by a real client that is asked', () => {
    const { time, relay, peer, realPeer, window } = relayRoom()
    const a = realPeer()
    a.connect()
    const b = peer()
    window()
    b.news()
    time.advance(overdueMs)
    relay.sweep(time.clock.now())
    time.advance(renewalMs)
    relay.sweep(time.clock.now())
    expect(b.news()).toEqual([[a.clientId, 2, { name: 'real' }]])
    expect(a.awareness.getLocalState()).toEqual({ name: 'real' })
    a.awareness.destroy()
  })
})
