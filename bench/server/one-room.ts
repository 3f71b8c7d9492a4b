import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { replica } from '../layout.ts'
import { median } from '../measure.ts'
import { ours } from '../ours.ts'
import { clientIdOf, identityOf, timeOf } from '../people.ts'
import { contenders } from './contenders.ts'
import { type Crowd, docOf, gather, type Piece } from './conversation.ts'
import { type Address, DocClient } from './doc-client.ts'
import { Reaches, Receiver } from './receiver.ts'
import type { ServerProcess } from './server-process.ts'

export const PEOPLE = 100
export const WRITERS = 10
export const WRITES_PER_SECOND = 10

export interface RoomEffort {
  /** One by one. */
  readonly writes: number
  /** Updates at once, of all writers together. */
  readonly burst: number
  /** No further burst begins after so long, in ms. */
  readonly burstsForMs: number
  readonly maxBursts: number
}

export interface RoomFigures {
  /** From a write to another client's document, in ms. */
  readonly p50: number
  readonly p99: number
  /** CPU time of the server for each write to one client's document, in µs. */
  readonly cpuPerDelivery: number
  readonly deliveriesPerSecond: number
  readonly bytesPerDelivery: number
  /** Of the server, at the end. */
  readonly rss: number
}

export async function measureRoom(
  server: ServerProcess,
  clients: number,
  effort: RoomEffort,
): Promise<RoomFigures> {
  const crowd = gather(`${clients} clients`, PEOPLE)
  const creator = contenders[server.name].wire.hasDocuments && (await store(server, crowd))
  const room = await Room.enter(server, crowd, clients)
  if (creator) await creator.close()
  const latencies = await room.writeSingly(effort.writes)
  const burst = async (updates: number) => {
    const bursts: Burst[] = []
    const endMs = performance.now() + effort.burstsForMs
    do bursts.push(await room.writeTogether(updates))
    while (bursts.length < effort.maxBursts && performance.now() < endMs)
    return bursts
  }
  // Not counted: code that runs for the first times.
  await burst(effort.burst / 5)
  const bursts = await burst(effort.burst)
  const { rss } = await server.usage()
  await room.close()
  const deliveries = effort.burst * (clients - 1)
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    cpuPerDelivery: median(bursts.map(({ cpu }) => cpu)) / deliveries,
    deliveriesPerSecond: (deliveries / median(bursts.map(({ ms }) => ms))) * 1000,
    bytesPerDelivery: median(bursts.map(({ sent }) => sent)) / deliveries,
    rss,
  }
}

interface Burst {
  /** Of the server, in µs. */
  readonly cpu: number
  /** Until everybody had everything. */
  readonly ms: number
  /** Bytes that left the server. */
  readonly sent: number
}

function addressOf({ name, url }: ServerProcess, room: string, person: number): Address {
  return { wire: contenders[name].wire, url, room, token: identityOf(person) }
}

/**
 * Everybody brings what they have written; resolves when the server has all of it, to a client that is still there: without
 * one, Hocuspocus would forget it again.
 */
export async function store(
  server: ServerProcess,
  { room, pieces: [creation, ...others] }: Crowd,
): Promise<DocClient> {
  const bring = async ({ person, update }: Piece, doc: Y.Doc) => {
    const client = new DocClient(addressOf(server, room, person), doc)
    await client.whenSynced
    Y.applyUpdate(doc, update)
    await client.ask()
    return client
  }
  const creator = await bring(creation, new Y.Doc())
  // Before there is a conversation, nobody else may come.
  await whenStored(server, room, 1)
  for (const piece of others) {
    const client = await bring(piece, replica(creation.update))
    await client.close()
  }
  await whenStored(server, room, 1 + others.length)
  return creator
}

/** Resolves when so many people's pieces are in the document for whoever asks. */
async function whenStored(server: ServerProcess, room: string, pieces: number): Promise<void> {
  for (let found = 0; found < pieces; ) {
    const client = new DocClient(addressOf(server, room, 0), new Y.Doc())
    await client.whenSynced
    found = client.doc.store.clients.size
    await client.close()
  }
}

/** Clients of whom some write; the rest only receive. Each is of one of the people. */
class Room {
  readonly #server: ServerProcess
  readonly #writers: readonly Writer[]
  readonly #receivers: readonly Receiver[]
  #time = 0

  static async enter(server: ServerProcess, crowd: Crowd, clients: number): Promise<Room> {
    const updates = crowd.pieces.map(({ update }) => update)
    const stateVector = Y.encodeStateVector(docOf(0, updates))
    const reaches = new Reaches()
    const writers: Writer[] = []
    const receivers: Receiver[] = []
    for (let i = 0; i < clients; i++) {
      const address = addressOf(server, crowd.room, i % PEOPLE)
      if (i < WRITERS) {
        const writer = new Writer(i, new DocClient(address, docOf(i, updates)))
        writers.push(writer)
        await writer.client.whenSynced
      } else {
        const receiver = new Receiver(address, stateVector, reaches)
        receivers.push(receiver)
        await receiver.whenReady
      }
    }
    return new Room(server, writers, receivers)
  }

  private constructor(
    server: ServerProcess,
    writers: readonly Writer[],
    receivers: readonly Receiver[],
  ) {
    this.#server = server
    this.#writers = writers
    this.#receivers = receivers
  }

  /** Returns how long each write took to each of the other writers, in ms. */
  async writeSingly(writes: number): Promise<number[]> {
    const latencies: number[] = []
    for (let n = 0; n < writes; n++) {
      const writer = this.#writers[n % this.#writers.length] as Writer
      const pause = sleep(1000 / WRITES_PER_SECOND)
      const startMs = performance.now()
      writer.write(this.#time++)
      const { clocks } = writer
      const others = this.#writers.filter(other => other !== writer)
      await Promise.all(
        others.map(async other => {
          await other.reach(clocks)
          latencies.push(performance.now() - startMs)
        }),
      )
      await pause
    }
    return latencies
  }

  async writeTogether(updates: number): Promise<Burst> {
    const before = await this.#server.usage()
    const startMs = performance.now()
    const clocks = new Map<number, number>()
    for (let n = 0; n < updates; n++) {
      const writer = this.#writers[n % this.#writers.length] as Writer
      writer.write(this.#time++)
      for (const [client, clock] of writer.clocks) clocks.set(client, clock)
    }
    await Promise.all([...this.#writers, ...this.#receivers].map(client => client.reach(clocks)))
    const ms = performance.now() - startMs
    // What the server does afterwards counts too.
    await sleep(300)
    const after = await this.#server.usage()
    return { cpu: after.cpu - before.cpu, sent: after.sent - before.sent, ms }
  }

  async close(): Promise<void> {
    await Promise.all([
      ...this.#writers.map(({ client }) => client.close()),
      ...this.#receivers.map(receiver => receiver.close()),
    ])
  }
}

/** Reads on, message by message. */
class Writer {
  readonly client: DocClient
  readonly #person: number
  readonly #document: ReturnType<typeof ours.open>
  #index = 0

  constructor(person: number, client: DocClient) {
    this.#person = person
    this.client = client
    this.#document = ours.open(client.doc)
  }

  write(n: number): void {
    this.#document.advance(this.#person, ++this.#index, timeOf(PEOPLE + 1 + n))
  }

  /** Of what it has written. */
  get clocks(): ReadonlyMap<number, number> {
    const client = clientIdOf(this.#person)
    return new Map([[client, Y.getState(this.client.doc.store, client)]])
  }

  /** Resolves when its document has everything up to these clocks. */
  reach(clocks: ReadonlyMap<number, number>): Promise<void> {
    const { doc } = this.client
    const isHere = () =>
      [...clocks].every(([client, clock]) => Y.getState(doc.store, client) >= clock)
    return new Promise(resolve => {
      const check = () => {
        if (!isHere()) return
        doc.off('update', check)
        resolve()
      }
      doc.on('update', check)
      check()
    })
  }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
}
