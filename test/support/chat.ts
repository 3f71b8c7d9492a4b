import { onTestFinished } from 'vitest'
import type { Emitter } from '../../src/base/emitter.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { SharedEvents } from '../../src/model/conversation-events.ts'
import type { Message } from '../../src/model/message.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../src/testing/index.ts'
import { Device, type DeviceOptions } from './device.ts'

export interface PersonOptions extends Partial<DeviceOptions> {
  /** Gives messages their final indices. */
  sequencer?: boolean
}

/** A device of somebody who takes part in the conversation of a test. */
export class Person {
  readonly device: Device
  readonly #isSequencer: boolean
  /** The conversation, once it is open. */
  conversation!: Conversation

  constructor(network: MemoryNetwork, name: string, { sequencer, ...options }: PersonOptions) {
    this.device = new Device(network, { identity: name, name, horizonIntervalMs: 0, ...options })
    this.#isSequencer = sequencer === true
  }

  async open(): Promise<Conversation> {
    const options = this.#isSequencer ? { sequencer: true } : {}
    this.conversation = await this.device.client.openConversation('room', options)
    return this.conversation
  }

  async join(): Promise<this> {
    await (await this.open()).join()
    return this
  }

  /** Stops as a killed process, and starts again from its storage. */
  async restart(): Promise<Conversation> {
    this.device.crash()
    return this.open()
  }

  send(body: string): Promise<number> {
    return this.conversation.sendMessage(body)
  }

  /** Everything that is shown, in its order. */
  async messages(): Promise<Message[]> {
    return (await this.conversation.getMessages(10_000)).items
  }

  async bodies(): Promise<(string | null)[]> {
    return (await this.messages()).map(({ body }) => body)
  }

  async find(body: string): Promise<Message> {
    const message = (await this.messages()).find(one => one.body === body)
    if (!message) throw new Error(`No message says ${body}`)
    return message
  }
}

/** People who are participants and have met, each on a device named after them; closed with the test. */
export async function chat<Names extends string>(people: Record<Names, PersonOptions>) {
  const network = createMemoryNetwork()
  const persons = {} as Record<Names, Person>
  for (const [name, options] of Object.entries<PersonOptions>(people)) {
    persons[name as Names] = new Person(network, name, options)
  }
  const all = Object.values<Person>(persons)
  onTestFinished(async () => {
    await Promise.all(all.map(({ device }) => device.close()))
  })
  for (const one of all) await one.join()
  await network.settle()
  return { network, ...persons }
}

/** What a client and its conversations tell alike. */
type Told = Pick<Emitter<SharedEvents>, 'on'>

/** Hears of messages, in the order in which it is told. */
export function heard({ conversation, device }: Person): string[] {
  const log: string[] = []
  const write = (what: string) => log.push(what)
  const hear = (emitter: Told, where: string) => {
    emitter.on('messageAdded', ({ body, index }) => write(`${where}added ${index} ${body}`))
    emitter.on('messageRemoved', ({ index }) => write(`${where}removed ${index}`))
    emitter.on('messageUpdated', ({ message: { body }, updateReasons }) =>
      write(`${where}updated ${body}: ${updateReasons}`),
    )
    emitter.on('typingEnded', ({ identity }) => write(`${where}typingEnded ${identity}`))
  }
  hear(device.client as unknown as Told, 'client ')
  hear(conversation as unknown as Told, '')
  conversation.on('unreadCountChanged', count => write(`unread ${count}`))
  conversation.on('updated', ({ updateReasons }) => write(`conversation: ${updateReasons}`))
  return log
}
