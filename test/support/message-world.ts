import * as prng from 'lib0/prng'
import { expect } from 'vitest'
import type { JSONValue } from '../../src/base/json.ts'
import { Client } from '../../src/client/client.ts'
import type { Message } from '../../src/model/message.ts'
import {
  createMemoryNetwork,
  type MemoryNetwork,
  memoryPersistence,
} from '../../src/testing/index.ts'
import { nextTask } from '../../src/testing/task.ts'
import { MESSAGE_DEVICES, type MessageCommand, type Schedule } from './message-commands.ts'
import { MessageLedger } from './message-ledger.ts'
import { Process } from './message-process.ts'
import { ReadingHistory } from './reading-history.ts'

/*
 * Random lives of devices that send and read messages, in a network that loses its links, delays, reorders and repeats,
 * with clocks that are days apart, processes that are killed, and a sequencer that comes and goes.
 */

interface Device {
  readonly name: string
  readonly identity: string
  readonly store: Map<string, Uint8Array[]>
  nowMs: number
  process: Process | undefined
}

const START_MS = Date.UTC(2026, 0, 1)
const IDENTITIES = [...new Set(MESSAGE_DEVICES.map(({ identity }) => identity))]

let whenPrepared: Promise<Map<string, Uint8Array[]>> | undefined

/** What every device begins with: a conversation of all of them, with no messages. */
function prepared(): Promise<Map<string, Uint8Array[]>> {
  const prepare = async () => {
    const store = new Map<string, Uint8Array[]>()
    const client = new Client({ identity: 'alice', persistence: memoryPersistence(store) })
    const conversation = await client.openConversation('room')
    for (const identity of IDENTITIES) await conversation.add(identity)
    await client.close()
    return store
  }
  whenPrepared ??= prepare()
  return whenPrepared
}

export class MessageWorld {
  readonly ledger = new MessageLedger()
  readonly #network: MemoryNetwork
  readonly #devices: Device[]
  readonly #histories = new Map(IDENTITIES.map(identity => [identity, new ReadingHistory()]))
  #sequencer: number | null
  #names = 0
  readonly #random: prng.PRNG

  constructor({ seed, size, sequencer }: Schedule, rows: ReadonlyMap<string, Uint8Array[]>) {
    this.#random = prng.create(seed + 1)
    this.#network = createMemoryNetwork({ seed })
    this.#sequencer = sequencer === null ? null : sequencer % size
    this.#devices = MESSAGE_DEVICES.slice(0, size).map(({ name, identity, skewMs }) => {
      const store = new Map([...rows].map(([doc, updates]) => [doc, [...updates]]))
      return { name, identity, store, nowMs: START_MS + skewMs, process: undefined }
    })
  }

  async start(): Promise<void> {
    for (const device of this.#devices) await this.#open(device)
  }

  async do(command: MessageCommand): Promise<void> {
    switch (command.kind) {
      case 'partition':
        return this.#partition(command.groups)
      case 'heal':
        return this.#network.heal()
      case 'settle':
        await this.#settle()
        return this.#checkQuiet()
      case 'deliver':
        for (let tick = 0; tick < command.ticks; tick++) await nextTask()
        return
    }
    const device = this.#devices[command.device % this.#devices.length] as Device
    switch (command.kind) {
      case 'start':
        return this.#open(device)
      case 'kill':
        return this.#kill(device)
      case 'crash':
        await this.#kill(device)
        return this.#open(device)
      case 'restart':
        await this.#close(device)
        return this.#open(device)
      case 'move':
        return this.#move(this.#devices.indexOf(device))
    }
    const { process } = device
    if (!process) return
    switch (command.kind) {
      case 'wait':
        return process.clock.advance(command.ms)
      case 'clock':
        return process.clock.set(process.clock.now() + command.ms)
      case 'type':
        return process.conversation.typing()
      case 'send':
        return this.#send(process)
    }
    // Who sees nothing yet has nothing to do anything to.
    const { isLoaded, messages } = process.mirror
    if (!isLoaded) return
    switch (command.kind) {
      case 'readAll':
        return this.#read(process, messages.at(-1)?.index, () =>
          process.conversation.setAllMessagesRead(),
        )
      case 'unreadAll':
        return this.#markUnread(process, null, () => process.conversation.setAllMessagesUnread())
      case 'unread': {
        const place = command.pick % (messages.length + 1)
        const index = messages[place]?.index ?? null
        return this.#markUnread(process, index, () => {
          return process.conversation.updateLastReadMessageIndex(index)
        })
      }
      case 'pages':
        return this.#readPages(process, command.size)
    }
    const message = messages[command.pick % messages.length]
    if (!message) return
    const { index } = message
    switch (command.kind) {
      case 'read':
        return this.#read(process, index, () => {
          return process.conversation.advanceLastReadMessageIndex(index)
        })
      case 'edit':
        return this.#edit(process, message)
      case 'react':
        return this.#react(process, message)
      case 'remove':
        this.ledger.remove(message.sid)
        return this.#done(process, message.remove())
    }
  }

  /** What holds at any time. */
  check(): void {
    for (const { process } of this.#devices) {
      if (!process) continue
      process.mirror.check()
      process.lookAtPage()
      expect(process.errors).toEqual([])
      this.ledger.look(process.mirror)
      this.#checkReading(process)
    }
    this.ledger.check()
  }

  /** Everybody meets, and then all must be the same everywhere. */
  async meet(): Promise<void> {
    this.#network.heal()
    for (const device of this.#devices) await this.#open(device)
    await this.#settle()
    // Whoever waits for an index that nobody gives has waited long enough.
    for (const { process } of this.#devices) process?.clock.advance(6000)
    await this.#settle()
    this.check()
    await this.#checkQuiet()
    const [first, ...others] = this.#processes.map(({ mirror }) => mirror.messages)
    const expected = first?.map(plain)
    for (const other of others) expect(other.map(plain)).toEqual(expected)
    this.ledger.checkEnd(first ?? [], this.#sequencer !== null)
    for (const process of this.#processes) {
      expect(process.isComplete).toBe(true)
      const { conversation } = process
      expect(await conversation.getMessagesCount()).toBe(first?.length)
      expect(conversation.lastMessage?.index ?? -1).toBe(this.ledger.sentCount - 1)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map(process => process.close()))
  }

  get #processes(): Process[] {
    return this.#devices.flatMap(({ process }) => process ?? [])
  }

  async #open(device: Device): Promise<void> {
    if (device.process) return
    const { name, identity, store, nowMs } = device
    const isSequencer = this.#devices.indexOf(device) === this.#sequencer
    const network = this.#network
    const nextClientId = () => prng.uint32(this.#random, 1, 2 ** 32 - 1)
    const process = new Process({
      network,
      name,
      identity,
      store,
      nowMs,
      isSequencer,
      history: this.#histories.get(identity) as ReadingHistory,
      nextClientId,
    })
    await process.inTime(process.open())
    device.process = process
  }

  async #close(device: Device): Promise<void> {
    const { process } = device
    if (!process || !(await this.#canEnd(process))) return
    device.process = undefined
    device.nowMs = process.clock.now()
    await process.inTime(process.close())
  }

  async #kill(device: Device): Promise<void> {
    const { process } = device
    if (!process || !(await this.#canEnd(process))) return
    device.process = undefined
    device.nowMs = process.clock.now()
    process.kill()
  }

  /** Of an update that overtook another one, Yjs takes over the deletions only, so far: a horizon may come back lower. */
  async #canEnd(process: Process): Promise<boolean> {
    for (let tick = 0; process.isWaiting && tick < 10; tick++) await nextTask()
    return !process.isWaiting
  }

  /** As an app may do it: when the new one has all that the old one wrote, and the old one is closed. */
  async #move(to: number): Promise<void> {
    if (this.#sequencer === null || this.#sequencer === to) return
    const old = this.#devices[this.#sequencer] as Device
    const next = this.#devices[to] as Device
    this.#network.heal()
    await this.#open(old)
    await this.#open(next)
    await this.#settle()
    await this.#close(old)
    if (old.process) return
    await this.#settle()
    await this.#close(next)
    if (next.process) return this.#open(old)
    this.#sequencer = to
    await this.#open(old)
    await this.#open(next)
  }

  /** Until nothing moves any more, neither in the network nor in the steps of the sequencer. */
  async #settle(): Promise<void> {
    let before = -1
    while (before !== this.#network.stats.messages) {
      before = this.#network.stats.messages
      await this.#network.settle()
      for (let tick = 0; tick < 8; tick++) await nextTask()
    }
  }

  #partition(groups: number[]): void {
    const names: string[][] = [[], [], []]
    for (const [i, { name }] of this.#devices.entries()) names[groups[i] ?? 0]?.push(name)
    this.#network.partition(names)
  }

  #send(process: Process): void {
    const { conversation, mirror } = process
    const before = new Set(mirror.messages)
    const body = `m${++this.#names}`
    const whenSent = conversation.sendMessage(body, { by: {} })
    const [message, ...others] = mirror.messages.filter(one => !before.has(one))
    expect([message?.body, others], 'there at once').toEqual([body, []])
    this.ledger.send(message as Message)
    this.ledger.follow(process, whenSent, index => {
      expect(index, 'what sendMessage() resolves to').toBe((message as Message).index)
    })
  }

  async #edit(process: Process, message: Message): Promise<void> {
    const body = `e${++this.#names}`
    this.ledger.edit(message.sid, body)
    await this.#done(process, message.updateBody(body))
    // What is on its way to the log is shown as it was.
    const isShown = process.isComplete && process.mirror.messages.includes(message)
    if (isShown) expect(message.body, 'the own edit').toBe(body)
  }

  async #react(process: Process, message: Message): Promise<void> {
    const name = `r${++this.#names}`
    const { by } = message.attributes as { by: { [name: string]: JSONValue } }
    const whenDone = message.updateAttributes({ by: { ...by, [name]: true } })
    this.ledger.react(message.sid, name)
    await this.#done(process, whenDone)
  }

  /** Long enough for it to be written; it is durable later. */
  async #done(process: Process, whenDone: Promise<unknown>): Promise<void> {
    this.ledger.follow(process, whenDone)
    for (let i = 0; i < 10; i++) await undefined
  }

  #read(
    process: Process,
    index: number | undefined,
    read: (index: number) => Promise<unknown>,
  ): void {
    if (index === undefined) return
    const covered = this.#upTo(process, index)
    const { whenDone, stamp } = process.writes(() => read(index))
    this.ledger.follow(process, whenDone)
    this.#historyOf(process).add('advance', covered, process, stamp)
  }

  #markUnread(process: Process, index: number | null, mark: () => Promise<unknown>): void {
    const { mirror, conversation } = process
    const beyond = mirror.messages.filter(message => message.index > (index ?? -1))
    const lastRead = conversation.lastReadMessageIndex ?? -1
    const isBack =
      lastRead > (index ?? -1) || beyond.some(one => isOthers(one, process) && one.isRead)
    // What was removed while it was pending is not shown, and may have been read.
    if (!isBack && [...mirror.removed].some(one => one.deliveryState === 'pending' && one.isRead)) {
      return
    }
    const covered = index === null ? [] : this.#upTo(process, index)
    const history = this.#historyOf(process)
    const { whenDone, stamp } = process.writes(mark)
    this.ledger.follow(process, whenDone)
    if (index !== null) history.add('advance', covered, process, stamp)
    // To nothing at all it also goes back where only own messages were read.
    const isRewind = isBack || (index === null && stamp !== undefined)
    if (isRewind) history.add('rewind', covered, process, stamp)
  }

  /** What is read by who reads up to an index: pending messages only where it is sure that nothing is before them. */
  #upTo({ mirror, isComplete }: Process, index: number): string[] {
    const shown = mirror.messages.filter(message => message.index <= index)
    const read = shown.filter(({ deliveryState }) => deliveryState === 'sent' || isComplete)
    return read.map(({ sid }) => sid)
  }

  #historyOf({ identity }: Process): ReadingHistory {
    return this.#histories.get(identity) as ReadingHistory
  }

  /** Every message is read exactly by those who saw it and read on, as far as that is known here. */
  #checkReading(process: Process): void {
    for (const message of process.mirror.messages) {
      const readBy = message.readBy.map(({ identity }) => identity)
      const { isRead } = message
      if (process.conversation.isRead(message) !== isRead) expect.fail('isRead twice')
      if (!isOthers(message, process) && !isRead) expect.fail('own and unread')
      if (readBy.includes(message.author)) expect.fail('read by its author')
      // Who knew of its removal did not see it, and read on.
      if (this.ledger.isRemoved(message.sid)) continue
      for (const [identity, history] of this.#histories) {
        if (identity === message.author) continue
        const expected = history.isRead(message.sid, process)
        const actual = readBy.includes(identity)
        // Who knows its index says so by that, and it is not known here.
        const isBehind = message.deliveryState === 'pending' && this.ledger.isFinal(message.sid)
        if (expected && !actual && isBehind) continue
        // `expect` is slow, and this is done very often.
        const isRight =
          actual === expected && (identity !== process.identity || isRead === expected)
        const what = `${message.body} is read by ${identity}, as ${process.name} has it`
        if (!isRight) expect([actual, isRead], what).toEqual([expected, expected])
      }
    }
  }

  /** What holds when nothing goes on. */
  async #checkQuiet(): Promise<void> {
    for (const process of this.#processes) {
      const { mirror, conversation } = process
      mirror.checkAll(await process.inTime(conversation.getMessages(1000)), process.isComplete)
      // What left the outbox before its page came is with others only, if it was killed in between.
      if (!process.isComplete) continue
      this.ledger.checkKept(process.name, mirror.messages)
      const unread = mirror.messages.filter(one => isOthers(one, process) && !one.isRead)
      expect(conversation.unreadCount, `unread on ${process.name}`).toBe(unread.length)
    }
  }

  async #readPages(process: Process, size: number): Promise<void> {
    const { conversation, mirror } = process
    const walk = async () => {
      const items: Message[] = []
      let page = await conversation.getMessages(size)
      for (;;) {
        expect(page.items.length).toBeLessThanOrEqual(size)
        items.unshift(...page.items)
        if (!page.hasPrevPage) return items
        const older = await page.prevPage().catch(error => {
          // It is not here, and cannot be had now.
          if (error.code !== 'transport') throw error
        })
        if (!older) return undefined
        page = older
      }
    }
    const before = mirror.messages
    let items: Message[] | undefined
    this.ledger.follow(process, walk(), result => {
      items = result
    })
    for (let i = 0; i < 500 && !items; i++) await undefined
    if (!items || !process.isComplete) return
    expect(items.map(({ body }) => body)).toEqual(before.map(({ body }) => body))
  }
}

function isOthers({ author }: Message, { identity }: Process): boolean {
  return author !== identity
}

/** Everything a message says that is the same for everybody. */
function plain(message: Message) {
  const { sid, index, author, body, attributes, deliveryState, lastUpdatedBy } = message
  const readBy = message.readBy.map(({ identity }) => identity).sort()
  const times = [message.dateCreated?.getTime(), message.dateUpdated?.getTime()]
  return { sid, index, author, body, attributes, deliveryState, lastUpdatedBy, readBy, times }
}

/** Does all commands, lets everybody meet, and closes. */
export async function live(schedule: Schedule): Promise<void> {
  const world = new MessageWorld(schedule, await prepared())
  try {
    await world.start()
    for (const command of schedule.commands) {
      await world.do(command)
      world.check()
    }
    await world.meet()
  } finally {
    await world.close()
  }
  world.ledger.checkSettled()
}
