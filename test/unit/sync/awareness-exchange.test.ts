import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { AwarenessExchange } from '../../../src/sync/awareness-exchange.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function setUp() {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  const exchange = new AwarenessExchange(awareness, {}, () => {})
  const peer = new Awareness(new Y.Doc())
  peer.setLocalState({ name: 'peer' })
  const hear = () => exchange.receive(encodeAwarenessUpdate(peer, [peer.clientID]))
  return { awareness, exchange, hear, isHere: () => awareness.getStates().has(peer.clientID) }
}

/** y-protocols looks every 3 s, with a clock that cannot be faked. */
function wait({ meta, clientID }: Awareness): void {
  for (const [id, one] of meta) if (id !== clientID) one.lastUpdated -= 60_000
  vi.advanceTimersByTime(4_000)
}

it('forgets who was not heard of for long', () => {
  const { awareness, hear, isHere } = setUp()
  hear()
  expect(isHere()).toBe(true)
  wait(awareness)
  expect(isHere()).toBe(false)
})

it('keeps who was heard by a server that tells when somebody is gone, before and after it said so', () => {
  for (const isFirst of [true, false]) {
    const { awareness, exchange, hear, isHere } = setUp()
    if (isFirst) exchange.trust()
    hear()
    if (!isFirst) exchange.trust()
    wait(awareness)
    expect(isHere()).toBe(true)
    exchange.forget()
    expect(isHere()).toBe(false)
  }
})

it('trusts nobody after the connection is lost', () => {
  const { awareness, exchange, hear, isHere } = setUp()
  exchange.trust()
  exchange.forget()
  hear()
  wait(awareness)
  expect(isHere()).toBe(false)
})
