import { setTimeout as sleep } from 'node:timers/promises'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { announcePresence } from '../../src/schema/presence.ts'
import { identityOf } from '../people.ts'
import { gather } from './conversation.ts'
import { store } from './one-room.ts'
import { type ProviderName, providers } from './provider.ts'
import type { ServerProcess } from './server-process.ts'
import { counting, type Traffic } from './traffic.ts'

export const TYPING = 10

/** After everybody has come, nothing is counted for so long. */
const SETTLE_MS = 2_000

/** From when everybody came until it counts as idle: clients renew their states after 15 to 18 s. */
const IDLE_AFTER_MS = 12_000

export interface AwarenessFigures {
  readonly idle: Exchange
  /** Until everything is quiet after it. */
  readonly typing: Exchange
}

interface Exchange {
  /** Messages, from the clients and to them. */
  readonly up: number
  readonly down: number
  /** Bytes, all that goes over TCP. */
  readonly bytesUp: number
  readonly bytesDown: number
  /** CPU time of the server, in µs. */
  readonly cpu: number
}

/** So many people in one room, who only say that they are there; one of them types for a while. */
export async function measureAwareness(
  server: ServerProcess,
  provider: ProviderName,
  people: number,
  idleMs: number,
): Promise<AwarenessFigures> {
  const crowd = gather('idle', people)
  const creator = await store(server, { ...crowd, pieces: [crowd.pieces[0]] })
  const traffic: Traffic = { up: 0, down: 0 }
  const startMs = performance.now()
  const clients = await Promise.all(
    crowd.pieces.map(async ({ person }) => {
      const doc = new Y.Doc()
      const awareness = new Awareness(doc)
      announcePresence(awareness, { identity: identityOf(person) })
      const open = providers[provider](server.url, identityOf(person), counting(traffic))
      let close = (): unknown => undefined
      await new Promise<void>(resolve => {
        const opened = open(crowd.room, doc, awareness, resolve)
        close = () => opened.destroy()
      })
      return { awareness, close }
    }),
  )
  await creator.close()
  await sleep(SETTLE_MS)
  const during = async (what: () => Promise<unknown>): Promise<Exchange> => {
    const { up, down } = traffic
    const before = await server.usage()
    await what()
    const after = await server.usage()
    return {
      up: traffic.up - up,
      down: traffic.down - down,
      bytesUp: after.received - before.received,
      bytesDown: after.sent - before.sent,
      cpu: after.cpu - before.cpu,
    }
  }
  const [typist] = clients
  const typing = await during(async () => {
    for (let n = 1; n <= TYPING; n++) {
      if (typist) announcePresence(typist.awareness, { identity: identityOf(0), typing: n })
      await sleep(100)
    }
    await sleep(500)
  })
  await sleep(Math.max(0, startMs + IDLE_AFTER_MS - performance.now()))
  const idle = await during(() => sleep(idleMs))
  for (const { awareness, close } of clients) {
    close()
    awareness.destroy()
  }
  return { idle, typing }
}
