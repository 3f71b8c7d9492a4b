import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { Client } from '../../src/client/client.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { ProviderContext } from '../../src/sync/provider.ts'
import { type MemoryStore, memoryPersistence } from '../../src/testing/index.ts'
import { nextTask } from '../../src/testing/task.ts'
import { EventView } from '../support/event-view.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { RefusingServer, Tabs } from '../support/refusing-server.ts'
import { runs } from '../support/runs.ts'
import { snapshot } from '../support/snapshot.ts'

/*
 * Random lives of people whose writes a server refuses at random moments, whatever these are, while they are offline, are
 * killed, and have several tabs.
 */

const DEVICES = [
  { identity: 'alice', tabs: 0 },
  { identity: 'bob', tabs: 1 },
  { identity: 'bob', tabs: 1 },
  { identity: 'carol', tabs: 2 },
]
const NAMES = ['alice', 'bob', 'carol', 'dave']

const device = fc.nat(DEVICES.length - 1)
const who = fc.constantFrom(...NAMES)
const command = fc.oneof(
  fc.record({
    kind: fc.constantFrom('add', 'remove', 'role', 'attributes', 'name', 'send', 'edit', 'read'),
    device,
    who,
    text: fc.constantFrom('a', 'b', 'c'),
  }),
  fc.record({
    kind: fc.constantFrom('refuse', 'refuse', 'disconnect', 'connect', 'restart'),
    device,
    who,
    text: fc.constantFrom('', '/o'),
  }),
  fc.record({
    kind: fc.constantFrom('deliver', 'settle', 'wait'),
    device,
    who,
    text: fc.constant(''),
  }),
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

let refusals = 0

class Device {
  readonly identity: string
  readonly clock = new FakeClock()
  readonly store: MemoryStore = new Map()
  readonly errors: unknown[] = []
  readonly #world: World
  readonly #tabs: Tabs
  contexts: ProviderContext[] = []
  view: EventView | undefined
  client!: Client
  conversation!: Conversation

  constructor(world: World, identity: string, tabs: Tabs) {
    this.identity = identity
    this.#world = world
    this.#tabs = tabs
  }

  async open(isSequencer = false): Promise<void> {
    const transport = this.#world.server.transport(this.identity)
    this.contexts = []
    this.client = new Client({
      identity: this.identity,
      clock: this.clock,
      persistence: memoryPersistence(this.store),
      horizonIntervalMs: 0,
      transport: [
        context => {
          this.contexts.push(context)
          return transport(context)
        },
        this.#tabs.transport(),
      ],
    })
    this.client.on('error', error => this.errors.push(error))
    const options = isSequencer ? { sequencer: true } : {}
    this.conversation = await this.client.openConversation('room', options)
    const participants = await this.conversation.getParticipants()
    this.view = new EventView(this.conversation, participants, this.doc() as Y.Doc)
  }

  doc(): Y.Doc | undefined {
    return this.contexts.find(({ name }) => name === this.conversation.sid)?.doc
  }

  async bodies() {
    return (await this.conversation.getMessages(1000)).items.map(({ body }) => body)
  }
}

class World {
  readonly server = new RefusingServer()
  readonly devices: Device[]
  /** Carries indices and is never refused. */
  readonly sequencer: Device
  /** What is refused next, as identity and part of the conversation. */
  readonly doomed = new Set<string>()

  constructor() {
    const tabs = [new Tabs(), new Tabs(), new Tabs()]
    this.devices = DEVICES.map(one => new Device(this, one.identity, tabs[one.tabs] as Tabs))
    this.sequencer = new Device(this, 'zoe', new Tabs())
    this.server.saysSaved = true
    this.server.judge = ({ room, identity, before, after }) => {
      const key = identity + room.slice(34)
      const isEmpty = Y.equalSnapshots(Y.snapshot(before), Y.snapshot(after))
      if (isEmpty || !this.doomed.delete(key)) return undefined
      refusals++
      // Otherwise they are too many.
      for (const { clock } of this.devices) clock.set(clock.now() + 31_000)
      return { code: 'forbidden', reason: 'at random' }
    }
  }

  async do({ kind, device: n, who: name, text }: Command): Promise<void> {
    const one = this.devices[n] as Device
    const { conversation } = one
    switch (kind) {
      case 'deliver':
        return nextTask()
      case 'settle':
        return this.server.settle()
      case 'wait':
        return one.clock.advance(11_000)
      case 'refuse':
        return void this.doomed.add(one.identity + text)
      case 'disconnect':
        return one.client.disconnect()
      case 'connect':
        return one.client.connect()
      case 'restart':
        await one.client.close()
        return one.open()
    }
    // What was refused meanwhile is rejected, or there is nobody to change.
    const writing = this.#write(conversation, kind, name, text).catch(error => {
      expect(['forbidden', 'not-found', 'not-a-participant']).toContain(error.code)
    })
    await Promise.race([writing, nextTask()])
  }

  async #write(conversation: Conversation, kind: string, name: string, text: string) {
    const participants = await conversation.getParticipants()
    const participant = participants.find(({ identity }) => identity === name)
    const message = (await conversation.getMessages(1)).items[0]
    switch (kind) {
      case 'add':
        return conversation.add(name, { text })
      case 'remove':
        return participant?.remove()
      case 'role':
        return participant?.updateRole(text)
      case 'attributes':
        return participant?.updateAttributes({ [text]: participants.length })
      case 'name':
        return conversation.updateFriendlyName(text)
      case 'send':
        return conversation.sendMessage(text)
      case 'edit':
        return message?.updateBody(`${message.body}${text}`)
      case 'read':
        return conversation.setAllMessagesRead()
    }
  }

  /** Nobody refuses anything any more, and then all must be as the server is. */
  async meet(): Promise<void> {
    this.doomed.clear()
    for (const { client } of this.devices) client.connect()
    await this.server.settle()
    const stranger = new Device(this, 'stranger', new Tabs())
    await stranger.open()
    const everybody = [...this.devices, this.sequencer, stranger]
    await this.server.settle()
    const expected = await snapshot(stranger.conversation)
    const bodies = await stranger.bodies()
    for (const one of everybody) {
      expect(await snapshot(one.conversation)).toEqual(expected)
      expect(await one.bodies()).toEqual(bodies)
      expect(one.errors).toEqual([])
      expect(one.conversation.connectionStatus).toBe('connected')
      expect(one.conversation.isSaved).toBe(true)
      for (const { doc } of one.contexts) expect(doc.store.pendingStructs).toBeNull()
    }
    for (const { view } of this.devices) {
      if (view) view.assert(await view.conversation.getParticipants())
    }
    await stranger.client.close()
  }

  async close(): Promise<void> {
    await Promise.all([...this.devices, this.sequencer].map(({ client }) => client?.close()))
  }
}

async function live(commands: Command[]): Promise<void> {
  const world = new World()
  try {
    await world.sequencer.open(true)
    for (const { identity } of DEVICES) await world.sequencer.conversation.add(identity)
    await world.sequencer.conversation.join()
    await world.server.settle()
    for (const one of world.devices) await one.open()
    await world.server.settle()
    for (const one of commands) await world.do(one)
    await world.meet()
    // And it goes on.
    for (const { conversation, identity } of world.devices) {
      await conversation.join()
      await conversation.sendMessage(`of ${identity}`)
      await conversation.updateAttributes({ by: identity })
      await conversation.setAllMessagesRead()
      await world.server.settle()
    }
    await world.meet()
    expect((await world.sequencer.bodies()).slice(-DEVICES.length)).toEqual(
      DEVICES.map(({ identity }) => `of ${identity}`),
    )
  } finally {
    await world.close()
  }
}

describe('people whose writes are refused', () => {
  it('end with what the server has, were told of all of it, and go on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40, size: 'max' }), live),
      runs(30),
    )
    expect(refusals).toBeGreaterThan(0)
  }, 600_000)
})
