import { atMost, type Table } from '../report.ts'
import { type AwarenessFigures, measureAwareness, TYPING } from './awareness.ts'
import type { ServerName } from './contenders.ts'
import type { ProviderName } from './provider.ts'
import { ServerProcess } from './server-process.ts'
import { kilobytes, rounded, type SideLine, seconds, toSideTable } from './table.ts'

type Way = 'ours' | 'stockClients' | 'stock'

const ways: Readonly<Record<Way, [server: ServerName, provider: ProviderName, title: string]>> = {
  ours: ['ours', 'ours', 'ours'],
  stockClients: ['ours', 'yWebsocket', 'ours, clients of y-websocket'],
  stock: ['yWebsocket', 'yWebsocket', 'y-websocket and its server'],
}

/** The target is for so many: what the others cause grows with their square. */
const TARGET_PEOPLE = 200

/** So many people in one room of whom one types for a while. */
export async function tabulateAwareness(
  people: number,
  idleMs: number,
  authorisation: string,
): Promise<Table> {
  const names = Object.keys(ways) as Way[]
  const figures = {} as Record<Way, AwarenessFigures>
  await Promise.all(
    names.map(async name => {
      const [serverName, provider] = ways[name]
      const server = await ServerProcess.start(serverName)
      figures[name] = await measureAwareness(server, provider, people, idleMs)
      await server.close()
    }),
  )
  const line = (
    what: string,
    text: (value: number) => string,
    pick: (figures: AwarenessFigures) => number,
    limit?: number,
  ): SideLine<Way> => {
    const values = Object.fromEntries(names.map(name => [name, pick(figures[name])])) as Record<
      Way,
      number
    >
    if (limit === undefined || people < TARGET_PEOPLE) return { what, text, values }
    return { what, text, values, targets: [atMost(values.ours / values.stock, limit, '≤ 1/50')] }
  }
  return toSideTable({
    title: `${people} people who are there, ours ${authorisation}`,
    method:
      `Each is a client with a socket and an identity of their own, which it tells in its awareness; ${TYPING} times ` +
      `one of them says that they type, then nobody does anything for ${idleMs / 1000} s. Messages over the sockets, bytes of TCP. All three at the same time, with clients in one process.`,
    columns: Object.fromEntries(names.map(name => [name, ways[name][2]])) as Record<Way, string>,
    lines: [
      line('idle: messages to the server', rounded, ({ idle }) => idle.up),
      line('messages from the server', rounded, ({ idle }) => idle.down),
      line('messages', rounded, ({ idle }) => idle.up + idle.down, 1 / 50),
      line('bytes to the server', kilobytes, ({ idle }) => idle.bytesUp),
      line('bytes from the server', kilobytes, ({ idle }) => idle.bytesDown),
      line('bytes', kilobytes, ({ idle }) => idle.bytesUp + idle.bytesDown, 1 / 50),
      line('CPU of the server', seconds, ({ idle }) => idle.cpu),
      line('typing: messages to the server', rounded, ({ typing }) => typing.up),
      line('messages from the server', rounded, ({ typing }) => typing.down),
    ],
  })
}
