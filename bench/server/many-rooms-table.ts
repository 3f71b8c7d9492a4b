import { count, type Table } from '../report.ts'
import type { ServerName } from './contenders.ts'
import { type ManyRoomsFigures, measureRooms, PARTICIPANTS } from './many-rooms.ts'
import type { ProviderName } from './provider.ts'
import { ServerProcess } from './server-process.ts'
import { kilobytes, milliseconds, type SideLine, seconds, toSideTable } from './table.ts'

type Way = 'shared' | 'plain' | 'yWebsocket' | 'hocuspocus'

const ways: Readonly<Record<Way, [server: ServerName, provider: ProviderName, title: string]>> = {
  shared: ['ours', 'ours', 'ours'],
  plain: ['ours', 'yWebsocket', 'ours, sockets of y-websocket'],
  yWebsocket: ['yWebsocket', 'yWebsocket', '@y/websocket-server'],
  hocuspocus: ['hocuspocus', 'hocuspocus', 'Hocuspocus, shared socket'],
}

/** One client with so many rooms. */
export async function tabulateRooms(rooms: number, authorisation: string): Promise<Table> {
  const names = Object.keys(ways) as Way[]
  const figures = {} as Record<Way, ManyRoomsFigures>
  for (const name of names) {
    const [serverName, provider] = ways[name]
    const server = await ServerProcess.start(serverName)
    figures[name] = await measureRooms(server, provider, rooms)
    await server.close()
  }
  const line = (
    what: string,
    text: (value: number) => string,
    pick: (figures: ManyRoomsFigures) => number,
  ): SideLine<Way> => ({
    what,
    text,
    values: Object.fromEntries(names.map(name => [name, pick(figures[name])])) as Record<
      Way,
      number
    >,
  })
  return toSideTable({
    title: `${count(rooms)} rooms of one client, ours ${authorisation}`,
    method:
      `A client process opens ${count(rooms)} conversations of ${PARTICIPANTS} participants, which it has and the server has seen before. Ours is what the ` +
      `server's one socket for many rooms brings; Hocuspocus with its limits raised, without which it never ends. Memory: what is there when all are open and was not ` +
      `before, after a garbage collection; that of the client without the documents. For each of its conversations our server also has the outboxes in memory.`,
    columns: Object.fromEntries(names.map(name => [name, ways[name][2]])) as Record<Way, string>,
    lines: [
      line('until all are synced', milliseconds, ({ client }) => client.ms),
      line('CPU of the client', seconds, ({ client }) => client.cpu),
      line('CPU of the server', seconds, ({ cpu }) => cpu),
      line('memory of the client per room: heap', kilobytes, ({ client }) => client.heap / rooms),
      line('RSS', kilobytes, ({ client }) => client.rss / rooms),
      line('memory of the server per room: heap', kilobytes, ({ heap }) => heap / rooms),
      line('RSS', kilobytes, ({ rss }) => rss / rooms),
    ],
  })
}
