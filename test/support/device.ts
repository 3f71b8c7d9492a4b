import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { ConversationsError } from '../../src/base/errors.ts'
import { conversationSid } from '../../src/base/ids.ts'
import { Client } from '../../src/client/client.ts'
import type { ClientOptions } from '../../src/client/options.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { ProviderContext, Transport } from '../../src/sync/provider.ts'
import { type MemoryNetwork, type MemoryStore, memoryPersistence } from '../../src/testing/index.ts'
import { FakeClock } from './fake-clock.ts'

export interface DeviceOptions extends Partial<ClientOptions> {
  identity: string
  /** Its name in the network; that of the identity if not given. */
  name?: string
  /** How wrong its clock is. */
  skewMs?: number
}

/** A device of a user in a memory network, with a clock and a store of its own; it can crash and start again. */
export class Device {
  readonly name: string
  readonly identity: string
  readonly network: MemoryNetwork
  readonly store: MemoryStore = new Map()
  readonly errors: ConversationsError[] = []
  clock: FakeClock
  #options: DeviceOptions
  #client: Client | undefined
  #contexts: ProviderContext[] = []

  constructor(network: MemoryNetwork, options: DeviceOptions) {
    this.network = network
    this.identity = options.identity
    this.name = options.name ?? options.identity
    this.clock = new FakeClock(Date.UTC(2026, 0, 1) + (options.skewMs ?? 0))
    this.#options = options
  }

  get isRunning(): boolean {
    return this.#client !== undefined
  }

  get client(): Client {
    this.#client ??= this.#createClient()
    return this.#client
  }

  /** The documents that are open, by name. */
  doc(name: string): Y.Doc {
    return this.#contexts.findLast(context => context.name === name)?.doc as Y.Doc
  }

  /** The awareness of an open conversation. */
  awareness(name: string): Awareness {
    const sid = conversationSid(name)
    return this.#contexts.findLast(context => context.name === sid)?.awareness as Awareness
  }

  open(name = 'room'): Promise<Conversation> {
    return this.client.openConversation(name)
  }

  /** Stops as a killed process: nobody is told, and nothing is written any more. */
  crash(): void {
    this.network.crash(this.name)
    this.clock.stop()
    this.clock = new FakeClock(this.clock.now())
    for (const { awareness } of this.#contexts) awareness.destroy()
    this.#contexts = []
    this.#client = undefined
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.close()
    this.#contexts = []
  }

  #createClient(): Client {
    const plug = this.network.transport(this.name)
    const transport: Transport = context => {
      this.#contexts.push(context)
      return plug(context)
    }
    const { name: _, skewMs: __, ...options } = this.#options
    const client = new Client({
      transport,
      persistence: memoryPersistence(this.store),
      clock: this.clock,
      ...options,
    })
    client.on('error', error => this.errors.push(error))
    return client
  }
}
