import type { Table } from '../report.ts'
import { isAuthorised } from './authorised.ts'
import { tabulateAwareness } from './awareness-table.ts'
import { tabulateLeft } from './left-rooms-table.ts'
import { tabulateRooms } from './many-rooms-table.ts'
import type { RoomEffort } from './one-room.ts'
import { tabulateRoom } from './one-room-table.ts'
import { ServerProcess } from './server-process.ts'

interface ServerEffort {
  /** Clients in one room. */
  readonly sizes: readonly number[]
  readonly room: RoomEffort
  /** Of one client. */
  readonly rooms: number
  /** Who are idle in one room, and for how long. */
  readonly people: number
  readonly idleMs: number
  /** That are opened and left. */
  readonly conversations: number
}

const FULL: ServerEffort = {
  sizes: [50, 200, 500],
  room: { writes: 60, burst: 1000, burstsForMs: 2000, maxBursts: 3 },
  rooms: 1000,
  people: 200,
  idleMs: 30_000,
  conversations: 10_000,
}

/** To see that it works, and where the figures lie. */
const QUICK: ServerEffort = {
  sizes: [50, 200],
  room: { writes: 20, burst: 1000, burstsForMs: 500, maxBursts: 2 },
  rooms: 100,
  people: 50,
  idleMs: 12_000,
  conversations: 500,
}

/** Our server and others that carry Yjs documents, each in a process of its own. */
export async function* measureServer({ isQuick }: { isQuick: boolean }): AsyncGenerator<Table> {
  const { sizes, room, rooms, people, idleMs, conversations } = isQuick ? QUICK : FULL
  const authorisation = await findAuthorisation()
  yield await tabulateRoom(sizes, room, authorisation)
  yield await tabulateRooms(rooms, authorisation)
  // While the ones are idle, the others are opened and left.
  yield* await Promise.all([
    tabulateAwareness(people, idleMs, authorisation),
    tabulateLeft(conversations, authorisation),
  ])
}

async function findAuthorisation(): Promise<string> {
  const server = await ServerProcess.start('ours')
  const isOn = await isAuthorised(server)
  await server.close()
  return isOn ? 'with authorisation' : 'WITHOUT AUTHORISATION'
}
