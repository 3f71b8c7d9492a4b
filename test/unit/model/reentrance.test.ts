import { afterEach, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import { Client } from '../../../src/client/client.ts'
import { createMemoryNetwork } from '../../../src/testing/index.ts'
import { Device } from '../../support/device.ts'

const clients: Client[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map(client => client.close()))
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

async function open(doc = new Y.Doc()) {
  const client = new Client({ identity: 'alice', horizonIntervalMs: 0 })
  clients.push(client)
  return client.openConversation('room', { doc })
}

it('what a listener writes is visible to it at once', async () => {
  const conversation = await open()
  await conversation.join({ n: 0 })
  const me = await conversation.getParticipantByIdentity('alice')
  const seen: unknown[] = []
  conversation.once('participantJoined', () => {
    void me?.updateAttributes({ n: 1 })
    seen.push(me?.attributes)
    void me?.updateAttributes({ n: 0 })
    seen.push(me?.attributes)
  })
  await conversation.add('bob')
  expect(seen).toEqual([{ n: 1 }, { n: 0 }])
  expect(me?.attributes).toEqual({ n: 0 })
})

it('what a listener causes is told when everybody has heard of what caused it', async () => {
  const conversation = await open()
  const log: string[] = []
  conversation.on('participantJoined', () => void conversation.advanceLastReadMessageIndex(3))
  conversation.on('participantJoined', () => log.push('joined'))
  conversation.on('participantUpdated', ({ updateReasons }) => log.push(`${updateReasons}`))
  conversation.on('updated', ({ updateReasons }) => log.push(`conversation ${updateReasons}`))
  await conversation.join()
  expect(log).toEqual([
    'joined',
    'conversation status',
    'dateUpdated,lastReadMessageIndex,lastReadTimestamp',
    'conversation lastReadMessageIndex',
  ])
})

it('what an observer of the document causes is told with its transaction, and once', async () => {
  const doc = new Y.Doc()
  const conversation = await open(doc)
  const log: string[] = []
  conversation.on('participantJoined', ({ lastReadMessageIndex }) =>
    log.push(`joined ${lastReadMessageIndex}`),
  )
  conversation.on('participantUpdated', ({ updateReasons }) => log.push(`${updateReasons}`))
  let next = 3
  for (const root of ['participants', 'attributes']) {
    doc.getMap(root).observe(() => void conversation.advanceLastReadMessageIndex(next++))
  }
  await conversation.join()
  expect(log).toEqual(['joined 3'])
  await (await conversation.getParticipants())[0]?.updateAttributes({ n: 1 })
  expect(log.slice(1)).toEqual(['attributes,dateUpdated,lastReadMessageIndex,lastReadTimestamp'])
})

it('a listener of the document that throws is an error of the write, not of a timer', async () => {
  const doc = new Y.Doc()
  const conversation = await open(doc)
  await conversation.join()
  doc.on('update', () => {
    throw new Error('of the app')
  })
  await expect(conversation.advanceLastReadMessageIndex(2)).rejects.toThrow('of the app')
})

/** Alice hears of everything that may happen in a conversation; in the nth event she closes it. */
async function closeAt(n: number) {
  const network = createMemoryNetwork({ seed: 1 })
  const alice = new Device(network, { identity: 'alice' })
  const bob = new Device(network, { identity: 'bob' })
  const here = await alice.open()
  const there = await bob.open()
  await Promise.all([here.join(), there.join(), there.add('dave')])
  await network.settle()
  const heard: string[] = []
  const late: string[] = []
  let closing: Promise<void> | undefined
  const hear = (name: string) => () => {
    ;(closing ? late : heard).push(name)
    if (heard.length === n) closing ??= here.close()
  }
  for (const participant of await here.getParticipants()) {
    for (const event of ['updated', 'typingStarted', 'typingEnded'] as const)
      participant.on(event, hear(`participant ${event}`))
  }
  for (const event of [
    'participantJoined',
    'participantLeft',
    'participantUpdated',
    'typingStarted',
    'typingEnded',
    'participantOnline',
    'participantOffline',
  ] as const) {
    alice.client.on(event, hear(`client ${event}`))
    here.on(event, hear(event))
  }
  for (const event of ['updated', 'removed'] as const) here.on(event, hear(event))
  here.on('connectionStatusChanged', status => hear(status)())
  here.on('synced', isSynced => hear(`synced ${isSynced}`)())
  here.on('error', hear('error'))

  here.disconnect()
  alice.clock.advance(60_000)
  bob.doc(there.sid).transact(() => {
    void there.add('carol')
    void there.removeParticipant('dave')
    void there.updateFriendlyName('x')
    void there.advanceLastReadMessageIndex(1)
  })
  await there.typing()
  here.connect()
  await network.settle()
  await there.leave()
  await there.join()
  await there.typing()
  await network.settle()
  bob.doc(there.sid).transact(() => {
    void there.leave()
    void there.removeParticipant('alice')
  })
  await network.settle()
  await bob.close()
  await network.settle()
  await closing
  const timers = alice.clock.timerCount
  await alice.close()
  return { heard, late, timers }
}

it('a conversation ends once, also if it is closed and opened by a listener that hears of the end', async () => {
  const warn = vi.spyOn(console, 'error')
  const device = new Device(createMemoryNetwork(), { identity: 'alice' })
  const conversation = await device.open()
  await device.network.settle()
  let again: unknown
  conversation.on('connectionStatusChanged', () => {
    void conversation.close()
    again = device.open()
  })
  await conversation.close()
  expect(await again).not.toBe(conversation)
  expect(warn).not.toHaveBeenCalled()
  await device.close()
})

it('a conversation that was closed in a listener tells of its end, and of nothing else', async () => {
  const { heard } = await closeAt(Number.POSITIVE_INFINITY)
  expect(new Set(heard)).toEqual(
    new Set([
      ...['updated', 'typingStarted', 'typingEnded'].map(event => `participant ${event}`),
      ...[
        'participantJoined',
        'participantLeft',
        'participantUpdated',
        'typingStarted',
        'typingEnded',
        'participantOnline',
        'participantOffline',
      ].flatMap(event => [event, `client ${event}`]),
      ...['updated', 'removed', 'disconnected', 'connecting', 'connected'],
      ...['synced true', 'synced false'],
    ]),
  )
  for (let n = 1; n <= heard.length; n++) {
    const { late, timers } = await closeAt(n)
    const others = late.filter(event => event !== 'disconnected' && event !== 'synced false')
    expect(others, `after ${heard.slice(0, n)}`).toEqual([])
    expect(timers).toBe(0)
  }
})

it('what goes on is told though an app reports errors by throwing them, on the console too', async () => {
  const rethrow = (error: unknown) => {
    throw error
  }
  vi.stubGlobal('reportError', rethrow)
  vi.spyOn(console, 'error').mockImplementation(rethrow)
  const conversation = await open()
  const log: string[] = []
  conversation.on('participantJoined', () => {
    void conversation.advanceLastReadMessageIndex(3)
    log.push('joined')
    throw new Error('of the app')
  })
  conversation.on('participantUpdated', () => log.push('updated'))
  await conversation.join().catch(() => log.push('rejected'))
  await conversation.advanceLastReadMessageIndex(4)
  expect(log).toEqual(['joined', 'updated', 'rejected', 'updated'])
})
