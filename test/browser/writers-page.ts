import type { ConversationsError } from '../../src/base/errors.ts'
import { indexeddb } from '../../src/sync/indexeddb.ts'
import { Session } from '../../src/sync/session.ts'
import { websocket } from '../../src/sync/websocket/index.ts'

/** What a page of the tests of client ids has as its global. */
export async function openSession(name: string, url?: string) {
  const held: string[] = []
  const session = new Session({
    name,
    persistence: indexeddb({ askToPersist: false }),
    transports: url === undefined ? [] : [websocket({ url })],
    flushWrites: () => held.splice(0).map(key => map.set(key, Math.random())),
    isConnectionWanted: () => false,
  })
  const map = session.doc.getMap('map')
  const errors: string[] = []
  session.on('error', ({ code, reason }: ConversationsError) => errors.push(`${code}: ${reason}`))
  await session.load()
  session.start()
  const { doc } = session
  return {
    session,
    doc,
    map,
    errors,
    write: (key: string) => {
      map.set(key, Math.random())
      return doc.clientID
    },
    /** Written when the page goes away. */
    hold: (key: string) => held.push(key),
    clientIds: () => [...doc.store.clients.keys()].sort(),
    connect: async () => {
      const synced = new Promise(resolve => session.once('synced', resolve))
      session.connect()
      await synced
    },
  }
}

export type SessionPage = Awaited<ReturnType<typeof openSession>>
