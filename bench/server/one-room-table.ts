import { atMost, count, type Table } from '../report.ts'
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

const names = Object.keys(contenders) as ServerName[]
const columns = Object.fromEntries(names.map(name => [name, contenders[name].title])) as Record<
  ServerName,
  string
>

/** Each server with so many clients in one room. */
export async function tabulateRoom(
  sizes: readonly number[],
  effort: RoomEffort,
  authorisation: string,
): Promise<Table> {
  const lines: SideLine<ServerName>[] = []
  for (const clients of sizes) {
    const figures = {} as Record<ServerName, RoomFigures>
    for (const name of names) {
      const server = await ServerProcess.start(name)
      figures[name] = await measureRoom(server, clients, effort)
      await server.close()
    }
    lines.push(...linesOf(clients, figures))
  }
  return toSideTable({
    title: `One room, ours ${authorisation}`,
    method:
      `A conversation of ${PEOPLE} participants; ${WRITERS} of the clients write their own read horizons and have the document, the others only receive. Latency: ` +
      `from a write to the documents of the ${WRITERS - 1} others, ${WRITES_PER_SECOND} writes a second, on a machine where servers and clients share the processors. ` +
      `The rest: bursts of ${count(effort.burst)} updates of the ${WRITERS}, medians of up to ${effort.maxBursts}. A delivery is ` +
      `one update that has reached one client, in whatever frame; CPU time is the server's. ` +
      `Ours is ${authorisation}, and stores every update in LevelDB (synced) before anybody gets it; the others keep documents in memory or, bare ws, none.`,
    columns,
    lines,
  })
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
    values: Object.fromEntries(names.map(name => [name, pick(figures[name])])) as Record<
      ServerName,
      number
    >,
  })
  const cpu = line('CPU per delivery', microseconds, ({ cpuPerDelivery }) => cpuPerDelivery)
  const { ours, yWebsocket, hocuspocus } = cpu.values
  const targets = [
    atMost(ours / yWebsocket, 0.1, '≤ 0.1 × @y/websocket-server'),
    atMost(ours / hocuspocus, 1.2, '≤ 1.2 × Hocuspocus'),
  ]
  const bytes = (value: number) => value.toFixed(1)
  return [
    line('latency p50', milliseconds, ({ p50 }) => p50),
    line('latency p99', milliseconds, ({ p99 }) => p99),
    clients >= 500 ? { ...cpu, targets } : cpu,
    line('deliveries per second', rounded, ({ deliveriesPerSecond }) => deliveriesPerSecond),
    line('bytes per delivery', bytes, ({ bytesPerDelivery }) => bytesPerDelivery),
    line('memory (RSS)', megabytes, ({ rss }) => rss),
  ]
}
