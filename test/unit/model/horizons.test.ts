import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { Conversation } from '../../../src/model/conversation.ts'
import { FORMAT, ROOTS, slotKey } from '../../../src/schema/format.ts'
import { encodeHorizon } from '../../../src/schema/horizon-codec.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../src/testing/index.ts'
import { nextTask } from '../../../src/testing/task.ts'
import { Device, type DeviceOptions } from '../../support/device.ts'

let network: MemoryNetwork
let devices: Device[]

beforeEach(() => {
  network = createMemoryNetwork()
  devices = []
})

afterEach(async () => {
  await Promise.all(devices.map(device => device.close()))
})

function device(options: DeviceOptions): Device {
  const created = new Device(network, options)
  devices.push(created)
  return created
}

function indexesOf(conversation: Conversation): (number | null)[] {
  const told: (number | null)[] = []
  conversation.on('participantUpdated', ({ participant }) =>
    told.push(participant.lastReadMessageIndex),
  )
  return told
}

/** Two devices of alice and one of bob, all of whom know that alice has read up to 3. */
async function three(ids?: [number, number]) {
  const [phone, laptop] = ['phone', 'laptop'].map(name =>
    device({ identity: 'alice', name, horizonIntervalMs: 0 }),
  )
  const bob = device({ identity: 'bob' })
  const [a, b, other] = await Promise.all([phone, laptop, bob].map(one => (one as Device).open()))
  const [one, two, seen] = [a, b, other] as [Conversation, Conversation, Conversation]
  if (ids) {
    ;(phone as Device).doc(one.sid).clientID = ids[0]
    ;(laptop as Device).doc(one.sid).clientID = ids[1]
  }
  await one.join()
  await one.advanceLastReadMessageIndex(3)
  await network.settle()
  expect(two.lastReadMessageIndex).toBe(3)
  return { one, two, seen, told: indexesOf(seen) }
}

describe('two devices of one user that were apart', () => {
  const orders: string[][][] = [
    [['phone', 'bob'], ['laptop']],
    [['laptop', 'bob'], ['phone']],
    [['phone'], ['laptop'], ['bob']],
  ]
  for (const ids of [
    [10, 20],
    [20, 10],
  ] as [number, number][]) {
    for (const groups of orders) {
      it(`and moved to 5 and 9 end at 9 (ids ${ids}, first ${groups.join(' | ')})`, async () => {
        const { one, two, seen, told } = await three(ids)
        network.partition([['phone'], ['laptop'], ['bob']])
        await one.advanceLastReadMessageIndex(5)
        await two.advanceLastReadMessageIndex(9)
        network.partition(groups)
        await network.settle()
        network.heal()
        await network.settle()
        for (const conversation of [one, two]) expect(conversation.lastReadMessageIndex).toBe(9)
        expect((await seen.getParticipantByIdentity('alice'))?.lastReadMessageIndex).toBe(9)
        expect(told).toEqual(told.toSorted((a, b) => Number(a) - Number(b)))
      })
    }
  }

  it('where one marked as unread and the other read on: unread it is, on all', async () => {
    const { one, two, seen } = await three()
    network.partition([['phone'], ['laptop', 'bob']])
    await one.updateLastReadMessageIndex(1)
    await two.advanceLastReadMessageIndex(9)
    network.heal()
    await network.settle()
    for (const conversation of [one, two]) expect(conversation.lastReadMessageIndex).toBe(1)
    expect((await seen.getParticipantByIdentity('alice'))?.lastReadMessageIndex).toBe(1)
    await two.advanceLastReadMessageIndex(4)
    await network.settle()
    expect(one.lastReadMessageIndex).toBe(4)
  })

  it('where both marked as unread end at the lower', async () => {
    const { one, two } = await three()
    network.partition([['phone'], ['laptop', 'bob']])
    await one.updateLastReadMessageIndex(0)
    await two.setAllMessagesUnread()
    network.heal()
    await network.settle()
    expect([one.lastReadMessageIndex, two.lastReadMessageIndex]).toEqual([null, null])
  })

  it('read no less when both moved in turns', async () => {
    const { one, two } = await three()
    for (let i = 4; i < 30; i++) {
      await (i % 2 ? one : two).advanceLastReadMessageIndex(i)
      if (i % 5 === 0) await network.settle()
    }
    await network.settle()
    expect([one.lastReadMessageIndex, two.lastReadMessageIndex]).toEqual([29, 29])
  })
})

describe('moving forward', () => {
  it('never goes back, in whatever order calls are made or settle', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    const all = [9, 3, 7, 0].map(index => conversation.advanceLastReadMessageIndex(index))
    expect(conversation.lastReadMessageIndex).toBe(9)
    alice.clock.advance(1000)
    await Promise.all(all)
    expect(conversation.lastReadMessageIndex).toBe(9)
  })

  it('is visible and told at once, and written once per second: first and last', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    const updates: number[] = []
    alice.doc(conversation.sid).on('update', () => updates.push(alice.clock.now()))
    const told = indexesOf(conversation)
    const start = alice.clock.now()
    const calls: Promise<number>[] = []
    for (let i = 0; i < 100; i++) {
      calls.push(conversation.advanceLastReadMessageIndex(i))
      expect(conversation.lastReadMessageIndex).toBe(i)
      alice.clock.advance(10)
    }
    expect(told).toEqual(Array.from({ length: 100 }, (_, i) => i))
    await Promise.all(calls)
    alice.clock.advance(10_000)
    expect(updates.map(ms => ms - start)).toEqual([0, 1000])
  })

  it('is durable when it resolves, also when it was held back', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(1)
    let isWritten = false
    const written = conversation.advanceLastReadMessageIndex(8).then(() => {
      isWritten = true
    })
    alice.clock.advance(999)
    await nextTask()
    expect(isWritten).toBe(false)
    alice.clock.advance(1)
    await written
    alice.crash()
    expect((await alice.open()).lastReadMessageIndex).toBe(8)
  })

  it('that moves nothing is durable when it resolves too: what is shown may not be written yet', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(1)
    const first = conversation.advanceLastReadMessageIndex(8)
    const done: string[] = []
    const all = [
      conversation.advanceLastReadMessageIndex(7).then(() => done.push('7')),
      conversation.advanceLastReadMessageIndex(8).then(() => done.push('8')),
      conversation.updateLastReadMessageIndex(8).then(() => done.push('set to 8')),
    ]
    await nextTask()
    expect(done).toEqual([])
    alice.clock.advance(1000)
    await Promise.all([first, ...all])
    alice.crash()
    expect((await alice.open()).lastReadMessageIndex).toBe(8)
  })

  it('that is held back is written before this user leaves, not after', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(1)
    const written = conversation.advanceLastReadMessageIndex(8)
    await conversation.leave()
    let updates = 0
    alice.doc(conversation.sid).on('update', () => updates++)
    alice.clock.advance(1000)
    await written
    expect(updates).toBe(0)
    await conversation.join()
    expect(conversation.lastReadMessageIndex).toBe(8)
    alice.crash()
    expect((await alice.open()).lastReadMessageIndex).toBe(8)
  })

  it('is written when the conversation is closed', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(1)
    const written = conversation.advanceLastReadMessageIndex(8)
    await alice.close()
    await written
    expect((await alice.open()).lastReadMessageIndex).toBe(8)
    expect(alice.clock.timerCount).toBe(0)
  })

  it('takes one entry a device, however often', async () => {
    const alice = device({ identity: 'alice', horizonIntervalMs: 0 })
    const conversation = await alice.open()
    await conversation.join()
    for (let i = 0; i < 500; i++) await conversation.advanceLastReadMessageIndex(i)
    const doc = alice.doc(conversation.sid)
    expect(doc.getMap(ROOTS.horizons).size).toBe(1)
    // The items that were overwritten are merged into one.
    expect([...doc.store.clients.values()].flat().length).toBeLessThan(10)
  })

  it('costs at most 38 bytes on the wire, and a burst two updates', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    const sizes: number[] = []
    await conversation.advanceLastReadMessageIndex(1)
    alice.clock.advance(2000)
    alice.doc(conversation.sid).on('update', (update: Uint8Array) => sizes.push(update.length))
    for (let i = 2; i < 102; i++) void conversation.advanceLastReadMessageIndex(i)
    alice.clock.advance(2000)
    expect(sizes).toHaveLength(2)
    for (const size of sizes) expect(size).toBeLessThanOrEqual(38)
  })

  it('works with a clock that runs backwards, and its dates still only grow', async () => {
    const alice = device({ identity: 'alice', horizonIntervalMs: 0 })
    const conversation = await alice.open()
    await conversation.join()
    const participant = await conversation.getParticipantByIdentity('alice')
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      alice.clock.set(alice.clock.now() - 86_400_000)
      await (i === 3
        ? conversation.updateLastReadMessageIndex(0)
        : conversation.advanceLastReadMessageIndex(i))
      times.push(participant?.lastReadTimestamp?.getTime() as number)
      expect(participant?.dateUpdated?.getTime()).toBe(times.at(-1))
    }
    expect(new Set(times).size).toBe(5)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })
})

describe('a value that is set', () => {
  it('and is higher moves forward, and lower goes back', async () => {
    const alice = device({ identity: 'alice', horizonIntervalMs: 0 })
    const conversation = await alice.open()
    await conversation.join()
    const told = indexesOf(conversation)
    for (const index of [5, 5, 2, 2, null, null, 0])
      await conversation.updateLastReadMessageIndex(index)
    expect(told).toEqual([5, 2, null, 0])
  })

  it('as unread before anything was read stays null', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    expect(await conversation.setAllMessagesUnread()).toBe(null)
    expect(await conversation.updateLastReadMessageIndex(null)).toBe(null)
    const [participant] = await conversation.getParticipants()
    expect([participant?.lastReadMessageIndex, participant?.lastReadTimestamp]).toEqual([
      null,
      null,
    ])
  })

  it('right after one that was not written yet counts as said', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    const all = [
      conversation.advanceLastReadMessageIndex(5),
      conversation.advanceLastReadMessageIndex(9),
      conversation.updateLastReadMessageIndex(2),
      conversation.advanceLastReadMessageIndex(4),
    ]
    alice.clock.advance(1000)
    await Promise.all(all)
    expect(conversation.lastReadMessageIndex).toBe(4)
    alice.crash()
    expect((await alice.open()).lastReadMessageIndex).toBe(4)
  })
})

describe('forged horizons', () => {
  it('that supersede each other leave nothing read, and can be moved again', async () => {
    const alice = device({ identity: 'alice', horizonIntervalMs: 0 })
    const conversation = await alice.open()
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(5)
    const stranger = new Y.Doc()
    const seen = new Map([
      [1, 1],
      [2, 1],
    ])
    for (const writer of seen.keys()) {
      const forged = { live: [{ writer, n: 1, index: 9 }], seen, time: 1 }
      stranger.getMap(ROOTS.horizons).set(slotKey('alice', writer), encodeHorizon(forged))
    }
    Y.applyUpdate(alice.doc(conversation.sid), Y.encodeStateAsUpdate(stranger))
    // The initial epoch, which nobody claims to have superseded, is not among those they say are live.
    expect(conversation.lastReadMessageIndex).toBe(null)
    await conversation.advanceLastReadMessageIndex(3)
    await conversation.advanceLastReadMessageIndex(4)
    expect(conversation.lastReadMessageIndex).toBe(4)
    alice.crash()
    expect((await alice.open()).lastReadMessageIndex).toBe(4)
  })
})

describe('a document of a newer format that arrives between a move and its writing', () => {
  it('is not written, and the move is refused', async () => {
    const alice = device({ identity: 'alice' })
    const conversation = await alice.open()
    await conversation.join()
    await conversation.advanceLastReadMessageIndex(1)
    const written = conversation.advanceLastReadMessageIndex(2)
    const newer = new Y.Doc()
    newer.getMap(ROOTS.fields).set(`format|${FORMAT + 1}`, true)
    const doc = alice.doc(conversation.sid)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(newer))
    let updates = 0
    doc.on('update', () => updates++)
    alice.clock.advance(1000)
    await expect(written).rejects.toMatchObject({ code: 'read-only' })
    await alice.close()
    expect(updates).toBe(0)
  })
})
