import { conversationSid } from '../../src/base/ids.ts'
import { identityOf } from '../people.ts'
import { contenders } from './contenders.ts'
import { docOf, gather } from './conversation.ts'
import { DocClient } from './doc-client.ts'
import { PARTICIPANTS, whenUnloaded } from './many-rooms.ts'
import type { ServerProcess } from './server-process.ts'

/** So many are open at the same time. */
const TOGETHER = 100

/** Opened and left, at most, before it is looked at what there is: until then the heap also grows by compiled code. */
const WARM_UP = 2_000

export interface LeftFigures {
  readonly before: Memory
  readonly after: Memory
}

interface Memory {
  readonly heap: number
  readonly rss: number
}

/** What is left in a server of conversations that were created and left. */
export async function measureLeft(
  server: ServerProcess,
  conversations: number,
): Promise<LeftFigures> {
  await visit(server, 'before', Math.min(WARM_UP, conversations))
  const before = await server.usage({ collect: true })
  await visit(server, 'after', conversations)
  const after = await server.usage({ collect: true })
  return { before, after }
}

async function visit(server: ServerProcess, name: string, conversations: number): Promise<void> {
  const { update } = gather(name, PARTICIPANTS).pieces[0]
  const { wire } = contenders[server.name]
  let next = 0
  const visitOneByOne = async () => {
    while (next < conversations) {
      const room = conversationSid(`${name} ${next++}`)
      const address = { wire, url: server.url, room, token: identityOf(0) }
      const client = new DocClient(address, docOf(0, [update]))
      await client.whenSynced
      // What it brought has come.
      await client.ask()
      await client.close()
    }
  }
  await Promise.all(Array.from({ length: TOGETHER }, visitOneByOne))
  await whenUnloaded(server)
}
