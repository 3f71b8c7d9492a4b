import { create, type PRNG, uint32 } from 'lib0/prng'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  createMemoryNetwork,
  type MemoryNetworkOptions,
  type NetworkLogEntry,
} from '../../../src/testing/index.ts'
import { type Plugged, plug } from './plug.ts'

/** Two devices; one sends 30 writes, alternately to two keys. */
async function send(options: MemoryNetworkOptions) {
  const log: NetworkLogEntry[] = []
  const network = createMemoryNetwork({ ...options, onMessage: entry => log.push(entry) })
  const alice = plug(network, 'alice', 'room', 1)
  const bob = plug(network, 'bob', 'room', 2)
  await network.settle()
  const from = log.length
  for (let i = 0; i < 30; i++) alice.notes.set(`key ${i % 2}`, i)
  await network.settle()
  bob.assertNotes({ 'key 0': 28, 'key 1': 29 }, 'at the receiver')
  for (const device of [alice, bob]) device.destroy()
  const arrived = log.slice(from).map(({ payload }) => String(payload))
  return { arrived }
}

const isInOrder = (rows: string[]) => {
  const clocks = rows.map(row => [...Y.parseUpdateMeta(toBytes(row)).from.values()][0] ?? 0)
  return clocks.every((clock, i) => i === 0 || clock >= (clocks[i - 1] ?? 0))
}
const toBytes = (row: string) => Uint8Array.from(row.split(',').map(Number))

describe('with a seed', () => {
  test('messages overtake each other and some arrive twice', async () => {
    const { arrived } = await send({ seed: 1 })
    expect(arrived.length).toBeGreaterThan(30)
    expect(new Set(arrived).size).toBe(30)
    expect(isInOrder(arrived)).toBe(false)
  })

  test('the same seed gives the same log, another seed another one', async () => {
    const logs = []
    for (const seed of [0, 0, 1, 1, -7, -7]) {
      const { arrived } = await send({ seed })
      expect(isInOrder(arrived)).toBe(false)
      logs.push(arrived.join())
    }
    expect(logs[0]).toBe(logs[1])
    expect(logs[2]).toBe(logs[3])
    expect(logs[4]).toBe(logs[5])
    expect(new Set(logs).size).toBe(3)
  })

  test('each fault can be turned off', async () => {
    const inOrder = await send({ seed: 1, reorder: false, duplicate: 0 })
    expect(inOrder.arrived.length).toBe(30)
    expect(isInOrder(inOrder.arrived)).toBe(true)
    const once = await send({ seed: 1, duplicate: 0 })
    expect(once.arrived.length).toBe(30)
    const doubled = await send({ duplicate: 1 })
    expect(doubled.arrived.length).toBe(60)
    expect(isInOrder(doubled.arrived)).toBe(true)
  })

  test('a deletion takes effect before the write that it came with', async () => {
    // The first message after the exchange is held up: what replaces it comes first.
    let wasGap = false
    for (let seed = 0; seed < 20; seed++) {
      const network = createMemoryNetwork({ seed, duplicate: 0 })
      const [alice, bob] = [plug(network, 'alice'), plug(network, 'bob')]
      alice.notes.set('a', 'old')
      await network.settle()
      bob.notes.observe(() => {
        wasGap ||= !bob.notes.has('a')
      })
      alice.notes.set('b', 1)
      alice.notes.set('a', 'new')
      await network.settle()
      bob.assertNotes({ a: 'new', b: 1 }, 'in the end')
      for (const device of [alice, bob]) device.destroy()
    }
    expect(wasGap).toBe(true)
  })
})

describe('whatever happens', () => {
  test('all who are left end in the same state', async () => {
    for (let seed = 1; seed <= 60; seed++) await runSchedule(seed)
  }, 30_000)
})

const peers = ['a', 'b', 'c', 'd']

async function runSchedule(seed: number): Promise<void> {
  const random = create(seed)
  const network = createMemoryNetwork({ seed })
  const alive = new Map(peers.map(peer => [peer, plug(network, peer)]))
  const dead: Plugged[] = []
  for (let step = 0; step < 60; step++) {
    const peer = pick(random, peers)
    act(random, peer, alive.get(peer) as Plugged)
    if (uint32(random, 0, 5) === 0) await new Promise(resolve => setImmediate(resolve))
  }
  network.heal()
  for (const device of alive.values()) device.handle.connect()
  await network.settle()
  const [first, ...others] = alive.values()
  for (const other of others) {
    expect(other.notes.toJSON(), `seed ${seed}`).toEqual(first?.notes.toJSON())
    expect(other.isSynced, `seed ${seed}`).toBe(true)
    for (const peer of alive.values()) {
      expect(other.stateOf(peer), `seed ${seed}`).toEqual(peer.awareness.getLocalState())
    }
  }
  for (const device of [...alive.values(), ...dead]) {
    expect(device.errors).toEqual([])
    device.destroy()
  }

  function act(random: PRNG, peer: string, device: Plugged): void {
    const choice = uint32(random, 0, 19)
    const key = `key ${uint32(random, 0, 2)}`
    if (choice < 10) device.notes.set(key, uint32(random, 0, 1000))
    else if (choice < 12) device.notes.delete(key)
    else if (choice < 14) device.awareness.setLocalStateField('mood', uint32(random, 0, 1000))
    else if (choice < 16) network.partition([peers.filter(() => uint32(random, 0, 1) === 0)])
    else if (choice < 17) network.heal()
    else if (choice < 18) device.handle.disconnect()
    else if (choice < 19) device.handle.connect()
    else {
      network.crash(peer)
      dead.push(device)
      alive.set(peer, plug(network, peer))
    }
  }
}

function pick<T>(random: PRNG, items: T[]): T {
  return items[uint32(random, 0, items.length - 1)] as T
}
