import { atMost, count, type Table } from '../report.ts'
import { isAuthorised } from './authorised.ts'
import { contenders, type ServerName } from './contenders.ts'
import {
  measureRoom,
  PEOPLE,
  type RoomEffort,
  type RoomFigures,
  WRITERS,
  WRITES_PER_SECOND,
} from './one-room.ts'
import { ServerProcess } from './server-process.ts'
import {
  megabytes,
  microseconds,
  milliseconds,
  rounded,
  type SideLine,
  toSideTable,
} from './table.ts'

export interface ServerEffort {
  /** Clients in one room. */
  readonly sizes: readonly number[]
  readonly room: RoomEffort
}

const FULL: ServerEffort = {
  sizes: [50, 200, 500],
  room: { writes: 80, burst: 1000, burstsForMs: 3000, maxBursts: 3 },
}

/** To see that it works; no figures to quote. */
const QUICK: ServerEffort = {
  sizes: [50, 200],
  room: { writes: 20, burst: 1000, burstsForMs: 500, maxBursts: 2 },
}

export async function measureServer({ isQuick }: { isQuick: boolean }): Promise<Table[]> {
  const effort = isQuick ? QUICK : FULL
  const tables = [await measureOneRoom(effort)]
  return tables
}

const columns = Object.fromEntries(
  Object.entries(contenders).map(([name, { title }]) => [name, title]),
) as Record<ServerName, string>

async function measureOneRoom({ sizes, room }: ServerEffort): Promise<Table> {
  const lines: SideLine<ServerName>[] = []
  let authorisation = ''
  for (const clients of sizes) {
    const figures = {} as Record<ServerName, RoomFigures>
    for (const name of Object.keys(contenders) as ServerName[]) {
      const server = await ServerProcess.start(name)
      if (name === 'ours') authorisation = await authorisationOf(server)
      figures[name] = await measureRoom(server, clients, room)
      await server.close()
    }
    lines.push(...linesOf(clients, figures))
  }
  return toSideTable({
    title: 'One room',
    method:
      `A conversation of ${PEOPLE} participants; ${WRITERS} of the clients write their own read horizons and have the document, the others only receive. Latency: ` +
      `from a write to the documents of the ${WRITERS - 1} others, ${WRITES_PER_SECOND} writes a second. The rest: bursts of ${count(room.burst)} updates of the ${WRITERS}, medians of up to ${room.maxBursts}. A delivery is ` +
      `one update that has reached one client, in whatever frame; CPU time is the server's. ` +
      `Ours is ${authorisation}, and stores every update in LevelDB (synced) before anybody gets it; the others keep documents in memory or, bare ws, none.`,
    columns,
    lines,
  })
}

async function authorisationOf(server: ServerProcess): Promise<string> {
  return (await isAuthorised(server)) ? 'with authorisation' : 'WITHOUT AUTHORISATION'
}

function linesOf(
  clients: number,
  figures: Readonly<Record<ServerName, RoomFigures>>,
): SideLine<ServerName>[] {
  const line = (
    what: string,
    text: (value: number) => string,
    pick: (figures: RoomFigures) => number,
  ): SideLine<ServerName> => ({
    what: `${clients} clients: ${what}`,
    text,
    values: Object.fromEntries(
      Object.entries(figures).map(([name, value]) => [name, pick(value)]),
    ) as Record<ServerName, number>,
  })
  const cpu = line('CPU per delivery', microseconds, ({ cpuPerDelivery }) => cpuPerDelivery)
  const { ours, yWebsocket, hocuspocus } = cpu.values
  const targets = [
    atMost(ours / yWebsocket, 0.1, '≤ 0.1 × @y/websocket-server'),
    atMost(ours / hocuspocus, 1.2, '≤ 1.2 × Hocuspocus'),
  ]
  return [
    line('latency p50', milliseconds, ({ p50 }) => p50),
    line('latency p99', milliseconds, ({ p99 }) => p99),
    clients >= 500 ? { ...cpu, targets } : cpu,
    line('deliveries per second', rounded, ({ deliveriesPerSecond }) => deliveriesPerSecond),
    line(
      'bytes per delivery',
      value => value.toFixed(1),
      ({ bytesPerDelivery }) => bytesPerDelivery,
    ),
    line('memory (RSS)', megabytes, ({ rss }) => rss),
  ]
}
