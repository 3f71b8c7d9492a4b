import fc from 'fast-check'
import { expect } from 'vitest'
import type * as Y from 'yjs'
import type { JSONValue } from '../../src/base/json.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import { ROOTS } from '../../src/schema/format.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../src/testing/index.ts'
import { nextTask } from '../../src/testing/task.ts'
import { Device } from './device.ts'
import { snapshot } from './snapshot.ts'

/*
 * Random lives of five devices of three users in a network that loses its links, delays, reorders and repeats,
 * with clocks that are days apart and processes that are killed.
 */

const DAY_MS = 86_400_000
export const DEVICES = [
  { name: 'alice-phone', identity: 'alice', skewMs: 0 },
  { name: 'alice-laptop', identity: 'alice', skewMs: -3 * DAY_MS },
  { name: 'bob-phone', identity: 'bob', skewMs: 5 * DAY_MS },
  { name: 'bob-laptop', identity: 'bob', skewMs: 0 },
  { name: 'carol', identity: '@carol|"x"', skewMs: 1 },
]
const NAMES = DEVICES.map(({ name }) => name)
const IDENTITIES = [...new Set(DEVICES.map(({ identity }) => identity)), 'dave']

export type Command =
  | {
      kind: 'join' | 'add' | 'update' | 'whole'
      device: number
      who: number
      attributes: JSONValue
    }
  | { kind: 'leave' | 'remove'; device: number; who: number }
  | { kind: 'role' | 'name' | 'unique'; device: number; who: number; text: string }
  | { kind: 'advance'; device: number; index: number }
  | { kind: 'rewind'; device: number; index: number | null }
  | { kind: 'crash' | 'restart' | 'disconnect' | 'connect'; device: number }
  | { kind: 'partition'; groups: number[] }
  | { kind: 'heal' | 'deliver' | 'settle' }
  | { kind: 'clock' | 'wait'; device: number; ms: number }
  | { kind: 'type'; device: number }

const device = fc.nat(DEVICES.length - 1)
const who = fc.nat(IDENTITIES.length - 1)
const attributes: fc.Arbitrary<JSONValue> = fc.oneof(
  fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom<JSONValue>(1, 2, 'x', [], ['x'], ['x', 'y'], { n: 1 }, { n: 2, m: [1] }),
    { maxKeys: 3 },
  ),
  fc.constantFrom<JSONValue>(null, 5, ['x', 'y'], ['y']),
)
export const horizon: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('advance' as const), device, index: fc.nat(20) }),
  fc.record({ kind: fc.constant('rewind' as const), device, index: fc.option(fc.nat(10)) }),
)
export const writing: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('join' as const, 'add' as const, 'update' as const, 'whole' as const),
      device,
      who,
      attributes,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('leave' as const, 'remove' as const),
      device,
      who,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('role' as const, 'role' as const, 'name' as const, 'unique' as const),
      device,
      who,
      text: fc.constantFrom('', 'r1', 'r2'),
    }),
  },
  { weight: 4, arbitrary: horizon },
)
export const weather: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(
      'crash' as const,
      'restart' as const,
      'disconnect' as const,
      'connect' as const,
    ),
    device,
  }),
  fc.record({
    kind: fc.constant('partition' as const),
    groups: fc.array(fc.nat(2), { minLength: DEVICES.length, maxLength: DEVICES.length }),
  }),
  fc.record({ kind: fc.constantFrom('heal' as const, 'deliver' as const, 'settle' as const) }),
  fc.record({
    kind: fc.constant('clock' as const),
    device,
    ms: fc.integer({ min: -10 * DAY_MS, max: 10 * DAY_MS }),
  }),
)

export const typing: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('type' as const), device }),
  fc.record({ kind: fc.constant('wait' as const), device, ms: fc.nat(12_000) }),
)

export function commands(...kinds: fc.Arbitrary<Command>[]): fc.Arbitrary<Command[]> {
  return fc.array(fc.oneof(...kinds), { maxLength: 40, size: 'max' })
}

export interface Watch {
  /** Called for every process, when it has opened the conversation. */
  onOpen?(conversation: Conversation, doc: Y.Doc): unknown
  /** Called after each command, and at the end. */
  onStep?(): unknown
}

export class World {
  readonly network: MemoryNetwork
  readonly devices: Device[]
  readonly #watch: Watch
  readonly #known = new Set<Conversation>()

  constructor(seed: number, watch: Watch = {}) {
    this.#watch = watch
    this.network = createMemoryNetwork({ seed })
    this.devices = DEVICES.map(options => new Device(this.network, options))
  }

  async open(device: Device): Promise<Conversation> {
    const conversation = await device.open()
    if (!this.#known.has(conversation)) {
      this.#known.add(conversation)
      await this.#watch.onOpen?.(conversation, device.doc(conversation.sid))
    }
    return conversation
  }

  async do(command: Command): Promise<void> {
    const device = this.devices['device' in command ? command.device : 0] as Device
    switch (command.kind) {
      case 'partition': {
        const groups: string[][] = [[], [], []]
        for (const [i, group] of command.groups.entries()) groups[group]?.push(NAMES[i] as string)
        return this.network.partition(groups)
      }
      case 'heal':
        return this.network.heal()
      case 'deliver':
        return nextTask()
      case 'settle':
        return this.network.settle()
      case 'clock':
        return device.clock.set(device.clock.now() + command.ms)
      case 'wait':
        return device.clock.advance(command.ms)
      case 'crash':
        return device.isRunning ? this.crash(device) : undefined
      case 'restart':
        await device.close()
        return void (await this.open(device))
      case 'disconnect':
        return device.client.disconnect()
      case 'connect':
        return device.client.connect()
    }
    const conversation = await this.open(device)
    await this.#write(conversation, command, device)
  }

  /** Nothing that was acknowledged is lost: what comes back from the store is what was there. */
  async crash(device: Device): Promise<void> {
    const conversation = await this.open(device)
    const doc = device.doc(conversation.sid)
    // Of an update that overtook another one, Yjs takes over the deletions only, so far.
    const isWaiting = doc.store.pendingStructs !== null || doc.store.pendingDs !== null
    const before = await snapshot(conversation)
    device.crash()
    device.client.disconnect()
    const after = await snapshot(await this.open(device))
    // A participant may come before the creation does, which another process of theirs wrote; until then, who created
    // the conversation and when is assumed, as of now.
    const isCreated = [...doc.getMap(ROOTS.fields).keys()].some(key => key.startsWith('created|'))
    const { dateCreated, dateUpdated } = after
    const assumed = isCreated ? {} : { dateCreated, dateUpdated }
    if (!isWaiting) expect(after).toEqual({ ...before, ...assumed })
    device.client.connect()
  }

  /** Everybody meets, and then all must be the same everywhere, and in every store. */
  async meet(): Promise<void> {
    this.network.heal()
    const conversations = await Promise.all(this.devices.map(one => this.open(one)))
    for (const { client } of this.devices) client.connect()
    await this.network.settle()
    const [expected, ...others] = await Promise.all(conversations.map(snapshot))
    for (const other of others) expect(other).toEqual(expected)
    for (const device of this.devices) {
      device.crash()
      device.client.disconnect()
      expect(await snapshot(await device.open())).toEqual(expected)
      expect(device.errors).toEqual([])
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.devices.map(device => device.close()))
  }

  async #write(conversation: Conversation, command: Command, { clock }: Device): Promise<void> {
    const { identity } = conversation.host
    const participants = await conversation.getParticipants()
    const find = (i: number) => participants.find(one => one.identity === IDENTITIES[i])
    switch (command.kind) {
      case 'join':
        return void (await conversation.join(command.attributes))
      case 'leave':
        return void (await conversation.leave())
      case 'add':
        return void (await conversation.add(IDENTITIES[command.who] as string, command.attributes))
      case 'remove':
        return find(command.who)?.remove()
      case 'update':
        return void (await find(command.who)?.updateAttributes(command.attributes))
      case 'role':
        return void (await find(command.who)?.updateRole(command.text))
      case 'whole':
        return void (await conversation.updateAttributes(command.attributes))
      case 'unique':
        return void (await conversation.updateUniqueName(command.text))
      case 'name':
        return void (await conversation.updateFriendlyName(command.text))
    }
    if (!participants.some(one => one.identity === identity)) return
    if (command.kind === 'type') return conversation.typing()
    const written =
      command.kind === 'advance'
        ? conversation.advanceLastReadMessageIndex(command.index)
        : conversation.updateLastReadMessageIndex((command as { index: number | null }).index)
    clock.advance(1000)
    await written
  }
}

/** Does all commands, lets everybody meet, and closes. */
export async function live(seed: number, list: Command[], watch: Watch = {}): Promise<void> {
  const world = new World(seed, watch)
  try {
    for (const command of list) {
      await world.do(command)
      await watch.onStep?.()
    }
    await world.meet()
    await watch.onStep?.()
  } finally {
    await world.close()
  }
}
