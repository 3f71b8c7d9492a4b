import { setTimeout as sleep } from 'node:timers/promises'
import { answerOf, endChild, startChild } from './children.ts'
import type { ProviderName } from './provider.ts'
import type { Opening } from './rooms-child.ts'
import type { ServerProcess } from './server-process.ts'

export const PARTICIPANTS = 5

/** Before anything is counted. */
const WARM_UP = 10

export interface ManyRoomsFigures {
  readonly client: Opening
  /** Of the server. */
  readonly cpu: number
  /** What the rooms and their connections take in the server. */
  readonly rss: number
  readonly heap: number
}

/** One client that opens so many rooms, which it has opened before. */
export async function measureRooms(
  server: ServerProcess,
  provider: ProviderName,
  rooms: number,
): Promise<ManyRoomsFigures> {
  const start = (count: number) =>
    startChild('./rooms-child.ts', provider, server.url, String(count), String(PARTICIPANTS))
  const visit = async (count: number) => {
    const child = start(count)
    await answerOf<Opening>(child)
    await endChild(child)
    await whenUnloaded(server)
  }
  const collect = { collect: true }
  await visit(WARM_UP)
  const empty = await server.usage(collect)
  await visit(rooms)
  const before = await server.usage(collect)
  const child = start(rooms)
  const client = await answerOf<Opening>(child)
  const after = await server.usage(collect)
  await endChild(child)
  return {
    client,
    cpu: after.cpu - before.cpu,
    rss: after.rss - empty.rss,
    heap: after.heap - empty.heap,
  }
}

/** Resolves when the server has no room in memory, if it tells. */
export async function whenUnloaded(server: ServerProcess): Promise<void> {
  while ((await server.usage()).rooms) await sleep(50)
}
