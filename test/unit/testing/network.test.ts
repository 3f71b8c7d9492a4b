import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CONNECTION_LOST } from '../../../src/sync/provider.ts'
import { Device } from '../../../src/testing/conformance/device.ts'
import {
  createMemoryNetwork,
  type MemoryNetwork,
  type NetworkLogEntry,
} from '../../../src/testing/index.ts'
import { nextTask } from '../../../src/testing/task.ts'
import { type Plugged, plug } from './plug.ts'

let network: MemoryNetwork
let log: NetworkLogEntry[]
let devices: Plugged[]

beforeEach(() => {
  log = []
  devices = []
  network = createMemoryNetwork({ onMessage: entry => log.push(entry) })
})

afterEach(() => {
  for (const device of devices) device.destroy()
})

function open(peer: string, room?: string): Plugged {
  const device = plug(network, peer, room)
  devices.push(device)
  return device
}

async function openAll<N extends string>(...peers: N[]): Promise<Record<N, Plugged>> {
  const opened = Object.fromEntries(peers.map(peer => [peer, open(peer)])) as Record<N, Plugged>
  await network.settle()
  return opened
}

describe('delivery', () => {
  test('a write arrives by itself, later than the task that made it', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    alice.notes.set('a', 1)
    await Promise.resolve()
    expect(bob.notes.has('a')).toBe(false)
    await bob.until(() => bob.notes.has('a'), 'the write arrives')
  })

  test('writes arrive one by one, in order', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    const seen: unknown[] = []
    bob.notes.observe(() => seen.push(bob.notes.get('count')))
    for (let i = 1; i <= 5; i++) alice.notes.set('count', i)
    await network.settle()
    expect(seen).toEqual([1, 2, 3, 4, 5])
  })

  test('a name given twice is two devices', async () => {
    const [one, two] = [open('alice'), open('alice')]
    one.notes.set('a', 1)
    await network.settle()
    two.assertNotes({ a: 1 }, 'at the second device')
  })

  test('who comes is greeted by each, and nobody repeats himself to the others', async () => {
    await openAll('alice', 'bob', 'carol')
    log.length = 0
    open('dave')
    await network.settle()
    const states = log.filter(({ kind }) => kind === 'awareness')
    expect(states.map(({ from, to }) => `${from} to ${to}`).sort()).toEqual([
      'alice to dave',
      'bob to dave',
      'carol to dave',
      'dave to alice',
      'dave to bob',
      'dave to carol',
    ])
  })

  test('a listener that throws is reported and stops nobody', async () => {
    const { alice, bob, carol } = await openAll('alice', 'bob', 'carol')
    bob.notes.observe(() => {
      throw new Error('of the app')
    })
    alice.notes.set('a', 1)
    alice.notes.set('b', 2)
    await network.settle()
    bob.assertNotes({ a: 1, b: 2 }, 'where a listener throws')
    carol.assertNotes({ a: 1, b: 2 }, 'elsewhere')
    expect(bob.errors.map(({ code }) => code)).toEqual(['transport', 'transport'])
    expect(bob.errors[0]?.cause).toEqual(new Error('of the app'))
  })

  test('stats count what is sent, once per receiver, and the log shows what arrives', async () => {
    const { alice } = await openAll('alice', 'bob', 'carol')
    const before = network.stats
    log.length = 0
    let bytes = 0
    alice.doc.on('update', (update: Uint8Array) => {
      bytes = update.byteLength
    })
    alice.notes.set('a', 1)
    const { messages, updates, updateBytes } = network.stats
    expect(messages - before.messages).toBe(2)
    expect(updates - before.updates).toBe(2)
    expect(updateBytes - before.updateBytes).toBe(2 * bytes)
    expect(log).toEqual([])
    await network.settle()
    const entries = log.map(({ from, to, room, kind, isLost }) => [from, to, room, kind, isLost])
    expect(entries).toEqual([
      ['alice', 'bob', 'room', 'update', false],
      ['alice', 'carol', 'room', 'update', false],
    ])
  })
})

describe('settle', () => {
  test('has everybody write what is held back, and waits for answers to answers', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    let held = ['held']
    alice.context.flushWrites = () => {
      for (const key of held) alice.notes.set(key, 0)
      held = []
    }
    bob.notes.observe(async () => {
      await Promise.resolve()
      const count = Number(bob.notes.get('held'))
      if (count < 6) bob.notes.set('held', count + 1)
    })
    alice.notes.observe((_, { local }) => {
      const count = Number(alice.notes.get('held'))
      if (!local && count < 6) alice.notes.set('held', count + 1)
    })
    await network.settle()
    alice.assertNotes({ held: 6 }, 'at one')
    bob.assertNotes({ held: 6 }, 'at the other')
  })

  test('brings out what a listener has held back meanwhile', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    let hasNews = false
    bob.notes.observe((_, { local }) => {
      hasNews ||= !local
    })
    bob.context.flushWrites = () => {
      if (hasNews) bob.notes.set('read', true)
      hasNews = false
    }
    alice.notes.set('a', 1)
    await network.settle()
    alice.assertNotes({ a: 1, read: true }, 'at the writer')
  })

  test('waits for an answer that takes a task', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    bob.notes.observe(async (_, { local }) => {
      await nextTask()
      if (!local) bob.notes.set('answer', 42)
    })
    alice.notes.set('question', true)
    await network.settle()
    alice.assertNotes({ question: true, answer: 42 }, 'at the one who asked')
  })

  test('needs no timers', async () => {
    vi.useFakeTimers()
    try {
      const { alice, bob } = await openAll('alice', 'bob')
      alice.notes.set('a', 1)
      await network.settle()
      bob.assertNotes({ a: 1 }, 'at the other')
      expect(vi.getTimerCount()).toBe(2) // those of the two awareness objects
    } finally {
      vi.useRealTimers()
    }
  })

  test('rejects when listeners never stop answering', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    for (const { notes } of [alice, bob]) {
      notes.observe((_, { local }) => {
        if (!local) notes.set('count', Number(notes.get('count')) + 1)
      })
    }
    alice.notes.set('count', 0)
    await expect(network.settle()).rejects.toThrow('listeners keep answering')
    network.crash('bob')
    await network.settle()
  })
})

describe('partition', () => {
  test('keeps groups apart, and whom no group names together', async () => {
    const { alice, bob, carol, dave } = await openAll('alice', 'bob', 'carol', 'dave')
    network.partition([['alice', 'bob']])
    alice.notes.set('a', 1)
    carol.notes.set('c', 1)
    await network.settle()
    bob.assertNotes({ a: 1 }, 'in the named group')
    dave.assertNotes({ c: 1 }, 'in the other group')
    network.heal()
    await network.settle()
    for (const device of devices) device.assertNotes({ a: 1, c: 1 }, 'after healing')
  })

  test('takes the place of an earlier one, and holds for devices that come later', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    network.partition([['alice'], ['bob']])
    network.partition([['carol']])
    const carol = open('carol')
    alice.notes.set('a', 1)
    await network.settle()
    bob.assertNotes({ a: 1 }, 'in the same group again')
    carol.assertNotes({}, 'at the one who is cut off now')
  })

  test('tells only who is left alone, and tells it before peers are taken away', async () => {
    const { alice, bob, carol } = await openAll('alice', 'bob', 'carol')
    const losses: unknown[] = []
    for (const device of [alice, bob]) {
      device.awareness.on('change', ({ removed }: { removed: number[] }, origin: unknown) => {
        if (removed.length > 0) losses.push([device.status, origin === CONNECTION_LOST])
      })
    }
    network.partition([['alice']])
    expect(alice.statuses).toEqual(['connecting', 'connected', 'disconnected'])
    expect(alice.synced).toEqual([true, false])
    expect(losses).toEqual([
      ['disconnected', true],
      ['connected', false],
    ])
    expect([...alice.awareness.getStates().keys()]).toEqual([alice.awareness.clientID])
    expect(bob.statuses).toEqual(['connecting', 'connected'])
    expect(bob.stateOf(alice)).toBeUndefined()
    expect(bob.stateOf(carol)).toEqual({})

    network.heal()
    await network.settle()
    expect(alice.status).toBe('connected')
    expect(alice.isSynced).toBe(true)
    expect(bob.stateOf(alice)).toEqual({})
    expect(alice.stateOf(bob)).toEqual({})
  })

  test('leaves a device alone that has several documents open but nobody to talk to', async () => {
    const transport = network.transport('alice')
    const [one, two] = [open('bob', 'one'), open('bob', 'two')]
    const handles = [transport(one.context), transport(two.context)]
    for (const handle of handles) handle.connect()
    network.partition([['alice']])
    expect(one.statuses.at(-1)).toBe('disconnected')
    for (const handle of handles) await handle.destroy()
  })

  test('ends being alone when a device of the same group comes, and begins when it goes', async () => {
    const { alice } = await openAll('alice', 'bob')
    network.partition([['alice', 'tablet']])
    expect(alice.status).toBe('disconnected')
    const tablet = new Device('room')
    const handle = network.transport('tablet')(tablet.context)
    expect(alice.status).toBe('connected')
    expect(tablet.status).toBe('disconnected')
    handle.connect()
    expect(tablet.status).toBe('connected')
    await network.settle()
    await handle.destroy()
    tablet.destroy()
    expect(alice.status).toBe('disconnected')
    const again = open('tablet')
    await network.settle()
    network.crash('tablet')
    expect(alice.status).toBe('disconnected')
    expect(again.status).toBe('connected')
  })

  test('answers connect with disconnected where nobody can be reached', async () => {
    network.partition([['alice'], ['bob']])
    const { alice } = await openAll('alice', 'bob')
    expect(alice.statuses).toEqual(['connecting', 'disconnected'])
    expect(alice.synced).toEqual([])
  })

  test('loses what is under way, which healing makes good', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    log.length = 0
    alice.notes.set('a', 1)
    network.partition([['alice'], ['bob']])
    await network.settle()
    bob.assertNotes({}, 'while cut off')
    expect(log.map(({ kind, isLost }) => [kind, isLost])).toEqual([['update', true]])
    network.heal()
    await network.settle()
    bob.assertNotes({ a: 1 }, 'after healing')
  })

  test('refuses a peer in two groups', () => {
    expect(() => network.partition([['alice'], ['bob', 'alice']])).toThrow('one group only')
  })
})

describe('a device that leaves', () => {
  test('still gets across what it wrote before', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    alice.notes.set('a', 1)
    alice.handle.destroy()
    await network.settle()
    bob.assertNotes({ a: 1 }, 'at the other')
    expect(bob.stateOf(alice)).toBeUndefined()
  })

  test('does not come back to life by an awareness state that was under way', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    alice.awareness.setLocalStateField('mood', 'calm')
    alice.handle.disconnect()
    await network.settle()
    expect(bob.stateOf(alice)).toBeUndefined()
  })

  test('gets across to those, too, who come before its last words have arrived', async () => {
    network = createMemoryNetwork({ seed: 3, maxDelay: 40, duplicate: 0 })
    const { alice, bob } = await openAll('alice', 'bob')
    for (let i = 0; i < 20; i++) alice.notes.set(`key ${i}`, i)
    alice.handle.destroy()
    const carol = open('carol')
    await network.settle()
    expect(bob.notes.size).toBe(20)
    expect(carol.notes.size).toBe(20)
  })
})

describe('a crash', () => {
  test('is no goodbye: others go on seeing its state, and nobody is called back', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    alice.awareness.setLocalStateField('mood', 'typing')
    await network.settle()
    network.crash('alice')
    await network.settle()
    expect(bob.stateOf(alice)).toEqual({ mood: 'typing' })
    expect(alice.statuses).toEqual(['connecting', 'connected'])
    expect(alice.synced).toEqual([true])
  })

  test('stops everything to and from it, at once and for good', async () => {
    const { alice, bob } = await openAll('alice', 'bob')
    alice.notes.set('under way', 1)
    bob.notes.set('under way too', 1)
    network.crash('alice')
    alice.notes.set('after', 1)
    alice.handle.connect()
    alice.awareness.setLocalState(null)
    await network.settle()
    bob.assertNotes({ 'under way too': 1 }, 'at the survivor')
    alice.assertNotes({ 'under way': 1, after: 1 }, 'at the dead')
    expect(bob.stateOf(alice)).toEqual({})
  })

  test('leaves the name free for a restart', async () => {
    const { bob } = await openAll('alice', 'bob')
    network.crash('alice')
    bob.notes.set('b', 1)
    const again = open('alice')
    await network.settle()
    again.assertNotes({ b: 1 }, 'after the restart')
    expect(again.isSynced).toBe(true)
  })

  test('leaves those in agreement who remain, whomever its last write reached', async () => {
    for (let seed = 0; seed < 30; seed++) {
      network = createMemoryNetwork({ seed })
      const { alice, bob, carol } = await openAll('alice', 'bob', 'carol')
      alice.notes.set('last words', seed)
      const someone = Promise.race(
        [bob, carol].map(device => device.until(() => device.notes.size > 0, 'it arrives')),
      )
      await someone
      network.crash('alice')
      await network.settle()
      bob.assertNotes({ 'last words': seed }, 'at one')
      carol.assertNotes({ 'last words': seed }, 'at the other')
    }
  })
})
