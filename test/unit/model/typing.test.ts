import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { Participant } from '../../../src/model/participant.ts'
import { TypingSignal } from '../../../src/model/typing-signal.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../src/testing/index.ts'
import { Device, type DeviceOptions } from '../../support/device.ts'
import { FakeClock } from '../../support/fake-clock.ts'

let network: MemoryNetwork
let devices: Device[]

beforeEach(() => {
  network = createMemoryNetwork()
  devices = []
})

afterEach(async () => {
  for (const device of devices) expect(device.errors).toEqual([])
  await Promise.all(devices.map(device => device.close()))
})

/** A device that is a participant, and what it hears of typing. */
async function join(options: DeviceOptions) {
  const device = new Device(network, options)
  devices.push(device)
  const conversation = await device.open()
  await conversation.join()
  await network.settle()
  return { device, conversation, heard: listen(conversation) }
}

function listen(conversation: Conversation): string[] {
  const heard: string[] = []
  conversation.on('typingStarted', ({ identity, isTyping }) =>
    heard.push(`${identity} types${isTyping ? '' : '?'}`),
  )
  conversation.on('typingEnded', ({ identity, isTyping }) =>
    heard.push(`${identity} ended${isTyping ? '?' : ''}`),
  )
  conversation.on('participantLeft', ({ identity }) => heard.push(`${identity} left`))
  conversation.on('participantJoined', ({ identity }) => heard.push(`${identity} joined`))
  conversation.on('participantOffline', ({ identity }) => heard.push(`${identity} offline`))
  return heard
}

async function find(conversation: Conversation, identity: string): Promise<Participant> {
  return (await conversation.getParticipantByIdentity(identity)) as Participant
}

/** Time goes on for everybody. */
async function wait(ms: number): Promise<void> {
  for (let rest = ms; rest > 0; rest -= 100) {
    for (const { clock } of devices) clock.advance(Math.min(rest, 100))
    await network.settle()
  }
}

async function pair() {
  const alice = await join({ identity: 'alice' })
  const bob = await join({ identity: 'bob' })
  await network.settle()
  alice.heard.length = 0
  bob.heard.length = 0
  return { alice, bob }
}

describe('typing', () => {
  it('is seen by others, told on participant, conversation and client, and ends by itself after 6 s', async () => {
    const { alice, bob } = await pair()
    const typist = await find(bob.conversation, 'alice')
    const order: string[] = []
    typist.on('typingStarted', () => order.push('participant'))
    bob.device.client.on('typingStarted', () => order.push('client'))
    bob.conversation.on('typingStarted', () => order.push('conversation'))
    await alice.conversation.typing()
    await network.settle()
    expect(order).toEqual(['participant', 'client', 'conversation'])
    await wait(5900)
    expect(typist.isTyping).toBe(true)
    await wait(200)
    expect(typist.isTyping).toBe(false)
    expect(bob.heard).toEqual(['alice types', 'alice ended'])
  })

  it('goes on as long as keys are pressed, without a gap', async () => {
    const { alice, bob } = await pair()
    for (let ms = 0; ms < 30_000; ms += 300) {
      await alice.conversation.typing()
      await wait(300)
      expect((await find(bob.conversation, 'alice')).isTyping).toBe(true)
    }
    await wait(7000)
    expect(bob.heard.filter(entry => entry === 'alice ended')).toHaveLength(1)
    expect(bob.heard.at(-1)).toBe('alice ended')
  })

  it('is sent at most once in five seconds', async () => {
    const { alice } = await pair()
    const before = network.stats.messages
    for (let i = 0; i < 50; i++) {
      await alice.conversation.typing()
      await wait(100)
    }
    expect(network.stats.messages - before).toBe(1)
  })

  it('is not prolonged by heartbeats, nor by other news of the same device', async () => {
    const { alice, bob } = await pair()
    await alice.conversation.typing()
    await network.settle()
    const awareness = alice.device.awareness('room')
    for (let i = 0; i < 6; i++) {
      awareness.setLocalState(awareness.getLocalState())
      // And the app may say something else there.
      awareness.setLocalStateField('cursor', i)
      await network.settle()
      for (const { clock } of devices.slice(1)) clock.advance(1001)
    }
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(false)
    expect(bob.heard).toEqual(['alice types', 'alice ended'])
  })

  it('is never shown to oneself, on no device', async () => {
    const { alice, bob } = await pair()
    const laptop = await join({ identity: 'alice', name: 'laptop' })
    alice.heard.length = 0
    await alice.conversation.typing()
    await network.settle()
    for (const own of [alice, laptop]) {
      expect((await find(own.conversation, 'alice')).isTyping).toBe(false)
      expect(own.heard).toEqual([])
    }
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(true)
  })

  it('of one user on several devices is one', async () => {
    const { alice, bob } = await pair()
    const laptop = await join({ identity: 'alice', name: 'laptop' })
    await alice.conversation.typing()
    await wait(3000)
    await laptop.conversation.typing()
    await wait(4000)
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(true)
    await wait(3000)
    expect(bob.heard).toEqual(['alice types', 'alice types', 'alice ended'])
  })

  it('is seen by who comes later, and ends for them as well', async () => {
    const { alice } = await pair()
    await alice.conversation.typing()
    await wait(2000)
    const carol = await join({ identity: 'carol' })
    expect((await find(carol.conversation, 'alice')).isTyping).toBe(true)
    await wait(4500)
    expect((await find(carol.conversation, 'alice')).isTyping).toBe(false)
  })

  it('that ended is not seen by who comes later', async () => {
    const { alice } = await pair()
    await alice.conversation.typing()
    await wait(6500)
    const carol = await join({ identity: 'carol' })
    expect((await find(carol.conversation, 'alice')).isTyping).toBe(false)
    expect(carol.heard.filter(entry => entry.includes('types'))).toEqual([])
  })

  it('ends when the typist leaves, before they are told to have left', async () => {
    const { alice, bob } = await pair()
    await alice.conversation.typing()
    await network.settle()
    await alice.conversation.leave()
    await network.settle()
    await wait(7000)
    expect(bob.heard).toEqual(['alice types', 'alice ended', 'alice left'])
  })

  it('ends when the typist is removed, and is not told of while they are not there', async () => {
    const { alice, bob } = await pair()
    network.partition([['alice'], ['bob']])
    const gone = await find(bob.conversation, 'alice')
    const told: string[] = []
    gone.on('typingStarted', () => told.push('started'))
    await gone.remove()
    await alice.conversation.typing()
    // Typing reaches bob in awareness, which knows nothing of members.
    network.heal()
    await network.settle()
    expect(gone.isTyping).toBe(false)
    expect(told).toEqual([])
    await wait(7000)
    expect(bob.heard.filter(entry => !entry.endsWith('offline'))).toEqual(['alice left'])
  })

  it('that awareness knew before the document is told with the joining', async () => {
    const { alice, bob } = await pair()
    await alice.conversation.leave()
    await network.settle()
    bob.heard.length = 0
    network.partition([['alice'], ['bob']])
    await alice.conversation.join()
    await alice.conversation.typing()
    network.heal()
    await network.settle()
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(true)
    expect(bob.heard.indexOf('alice joined')).toBeLessThan(bob.heard.indexOf('alice types'))
  })

  it('ends within the timeout when the typist crashes', async () => {
    const { alice, bob } = await pair()
    await alice.conversation.typing()
    await network.settle()
    alice.device.crash()
    await wait(6100)
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(false)
    expect(bob.heard.filter(entry => entry === 'alice ended')).toHaveLength(1)
  })

  it('ends within the timeout when the network is lost', async () => {
    const { alice, bob } = await pair()
    await alice.conversation.typing()
    await network.settle()
    network.partition([['alice'], ['bob']])
    await wait(6100)
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(false)
  })

  it('ends at once when the conversation is closed', async () => {
    const { alice, bob } = await pair()
    await alice.conversation.typing()
    await network.settle()
    await alice.conversation.close()
    await network.settle()
    expect(bob.heard).toEqual(['alice types', 'alice ended', 'alice offline'])
  })

  it('of somebody who is no participant is refused, and theirs is not told', async () => {
    const { bob } = await pair()
    const carol = new Device(network, { identity: 'carol' })
    devices.push(carol)
    const conversation = await carol.open()
    await expect(conversation.typing()).rejects.toMatchObject({ code: 'not-a-participant' })
    await network.settle()
    expect(bob.heard).toEqual([])
  })

  it('leaves no timer behind when all is closed', async () => {
    const { alice, bob } = await pair()
    await alice.conversation.typing()
    await network.settle()
    await alice.device.close()
    await bob.device.close()
    expect([alice.device.clock.timerCount, bob.device.clock.timerCount]).toEqual([0, 0])
  })

  it('may be told in other measures', async () => {
    const quick = { typingWindowMs: 200, typingTimeoutMs: 300 }
    const alice = await join({ identity: 'alice', ...quick })
    const bob = await join({ identity: 'bob', ...quick })
    await alice.conversation.typing()
    await wait(200)
    await alice.conversation.typing()
    await wait(200)
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(true)
    await wait(200)
    expect((await find(bob.conversation, 'alice')).isTyping).toBe(false)
  })
})

describe('the own typing', () => {
  function signal(windowMs = 5000, timeoutMs = 6000) {
    const clock = new FakeClock()
    const told: (number | undefined)[] = []
    const typing = new TypingSignal(clock, { windowMs, timeoutMs }, count => told.push(count))
    return { clock, told, typing }
  }

  it('is told again at once after it ended', () => {
    const { told, typing } = signal()
    typing.refresh()
    typing.end()
    typing.refresh()
    typing.refresh()
    expect(told).toEqual([1, undefined, 2])
  })

  it('ends once', () => {
    const { clock, told, typing } = signal()
    typing.end()
    typing.refresh()
    clock.advance(60_000)
    typing.end()
    expect(told).toEqual([1, undefined])
    expect(clock.timerCount).toBe(0)
  })

  it('that times out within its window can begin anew', () => {
    const { clock, told, typing } = signal(5000, 1000)
    typing.refresh()
    clock.advance(1500)
    typing.refresh()
    expect(told).toEqual([1, undefined, 2])
  })
})
