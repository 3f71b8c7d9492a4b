import { describe, expect, it } from 'vitest'
import { relayRoom } from './support/relay.ts'

describe('what is sent on', () => {
  it('goes to the others within the window, and not back', () => {
    const { peer, window } = relayRoom()
    const [a, b, c] = [peer(), peer(), peer()]
    a.say([1, 1, { typing: 1 }])
    window()
    expect(b.news()).toEqual([[1, 1, { typing: 1 }]])
    expect(c.news()).toEqual([[1, 1, { typing: 1 }]])
    expect(a.news()).toEqual([])
  })

  it('is one frame for each peer with the last of everything in the window, without its own', () => {
    const { peer, window } = relayRoom()
    const [a, b, c] = [peer(), peer(), peer()]
    a.say([1, 1, { n: 1 }])
    a.say([1, 2, { n: 2 }])
    b.say([2, 1, { n: 3 }])
    window()
    expect(a.frames).toEqual([[[2, 1, { n: 3 }]]])
    expect(b.frames).toEqual([[[1, 2, { n: 2 }]]])
    expect(c.frames).toEqual([
      [
        [1, 2, { n: 2 }],
        [2, 1, { n: 3 }],
      ],
    ])
  })

  it('leaves no timer behind when nothing changes, nor when it is destroyed', () => {
    const { time, relay, peer, window } = relayRoom()
    const a = peer()
    a.say([1, 1, {}])
    window()
    expect(time.timerCount).toBe(0)
    a.say([1, 2, { n: 1 }])
    relay.destroy()
    expect(time.timerCount).toBe(0)
  })

  it('is nothing when a state comes again, older or the same', () => {
    const { peer, window } = relayRoom()
    const [a, b] = [peer(), peer()]
    a.say([1, 5, { n: 1 }])
    window()
    b.news()
    a.say([1, 4, { n: 2 }], [1, 5, { n: 3 }], [1, 4, null])
    window()
    expect(b.news()).toEqual([])
  })

  it('is a null state too, and a state after it', () => {
    const { peer, window } = relayRoom()
    const [a, b] = [peer(), peer()]
    a.say([1, 1, null])
    window()
    expect(b.news(), 'nothing to take away').toEqual([])
    a.say([1, 2, {}])
    window()
    a.say([1, 2, null])
    window()
    a.say([1, 3, { n: 1 }])
    window()
    expect(b.news()).toEqual([
      [1, 2, {}],
      [1, 2, null],
      [1, 3, { n: 1 }],
    ])
  })
})

describe('a peer that joins', () => {
  it('is told all states there are, and may ask again', () => {
    const { relay, peer, window } = relayRoom()
    const [a, b] = [peer(), peer()]
    a.say([1, 1, { n: 1 }])
    b.say([2, 1, { n: 2 }], [3, 1, {}])
    b.say([3, 1, null])
    window()
    const late = peer()
    const all = [
      [1, 1, { n: 1 }],
      [2, 1, { n: 2 }],
    ]
    expect(late.news()).toEqual(all)
    relay.answer(late)
    expect(late.news()).toEqual(all)
    a.news()
    relay.answer(a)
    expect(a.news()).toEqual([[2, 1, { n: 2 }]])
  })

  it('is told nothing in an empty room, but answered when it asks', () => {
    const { relay, peer } = relayRoom()
    const a = peer()
    expect(a.frames).toEqual([])
    relay.answer(a)
    expect(a.frames).toEqual([[]])
  })
})

describe('a client id', () => {
  it('belongs to the connection that brought it: what others say of it is ignored', () => {
    const { relay, peer, window } = relayRoom()
    const [a, b, c] = [peer(), peer(), peer()]
    a.say([1, 1, { by: 'a' }])
    window()
    c.news()
    b.say([1, 9, { by: 'b' }])
    b.say([1, 10, null])
    window()
    expect(c.news()).toEqual([])
    relay.answer(c)
    expect(c.news()).toEqual([[1, 1, { by: 'a' }]])
  })

  it('still belongs to it after a null state', () => {
    const { peer, window } = relayRoom()
    const [a, b, c] = [peer(), peer(), peer()]
    a.say([1, 1, {}], [1, 2, null])
    b.say([1, 9, { by: 'b' }])
    window()
    expect(c.news()).toEqual([[1, 2, null]])
  })

  it('counts against a limit', () => {
    const { peer, window } = relayRoom({ maxAwarenessClients: 2 })
    const [a, b] = [peer(), peer()]
    a.say([1, 1, {}], [2, 1, {}], [3, 1, {}])
    window()
    expect(b.news().map(([clientId]) => clientId)).toEqual([1, 2])
  })
})

describe('mere renewals', () => {
  it('are not sent to who keeps states until they end, and what changes is', () => {
    const { time, peer, window, relay } = relayRoom()
    const [a, b, patient] = [peer(), peer(), Object.assign(peer(), { isPatient: true })]
    a.say([1, 1, { n: 1 }])
    window()
    for (const one of [b, patient]) expect(one.news()).toEqual([[1, 1, { n: 1 }]])
    a.say([1, 2, { n: 1 }])
    time.advance(10_000)
    relay.sweep(time.clock.now())
    expect(b.news()).toEqual([[1, 2, { n: 1 }]])
    expect(patient.news()).toEqual([])
    a.say([1, 3, { n: 2 }])
    window()
    a.leave()
    window()
    expect(patient.news()).toEqual([
      [1, 3, { n: 2 }],
      [1, 3, null],
    ])
  })
})

describe('awareness of identities', () => {
  const of = (clientId: number, identity: string, clock = 1) => ({
    clientId,
    clock,
    json: JSON.stringify({ identity, typing: 1 }),
  })
  const refusal = 'awareness of somebody else than mallory'

  it('refuses a connection that says it is somebody else, from the beginning or later', () => {
    const { relay, peer } = relayRoom()
    const mallory = peer()
    expect(() => relay.receive(mallory, [of(1, 'alice')], 'mallory')).toThrow(refusal)
    expect(relay.localStates()).toEqual([])
    relay.receive(mallory, [of(1, 'mallory')], 'mallory')
    expect(() => relay.receive(mallory, [of(1, 'alice', 2)], 'mallory')).toThrow(refusal)
    expect(relay.localStates()).toMatchObject([of(1, 'mallory')])
  })

  it('ignores what is passed on of others, who are there or have just left', () => {
    const { relay, peer } = relayRoom()
    const [alice, bob] = [peer(), peer()]
    relay.receive(alice, [of(1, 'alice')], 'alice')
    relay.receive(bob, [of(1, 'alice', 2)], 'bob')
    expect(relay.localStates()).toMatchObject([of(1, 'alice')])
    relay.leave(alice)
    relay.receive(bob, [of(1, 'alice')], 'bob')
    expect(relay.localStates()).toEqual([])
  })
})
