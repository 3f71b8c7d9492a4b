import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { Client } from '../../../src/client/client.ts'
import { type WebSocketConstructor, websocket } from '../../../src/sync/websocket/index.ts'
import { startServer, stockClient, until, whenSynced } from './support/clients.ts'
import { SharedEngine } from './support/shared-log.ts'

/** The token is the identity. */
const authenticate = async (token: string | undefined) => ({ identity: token ?? 'nobody' })

async function start() {
  const engine = new SharedEngine()
  const servers = await Promise.all(
    [0, 1].map(() => startServer({ storage: engine.open(), authenticate })),
  )
  const [a, b] = servers.map(({ url }) => url) as [string, string]
  function client(identity: string, url: string) {
    const transport = websocket({
      url,
      getToken: () => identity,
      WebSocket: WebSocket as unknown as WebSocketConstructor,
    })
    const client = new Client({ identity, transport })
    onTestFinished(() => client.close())
    return client
  }
  return { a, b, client }
}

it('somebody goes on under their client id on another server, and nobody else can', async () => {
  const { a, b, client } = await start()
  const alice = await client('alice', a).openConversation('group')
  await alice.join()
  for (const identity of ['bob', 'mallory']) await alice.add(identity)
  // So that the other server has the document before bob writes for the first time.
  const there = await client('alice', b).openConversation('group')
  await until(async () => expect(await there.getParticipantsCount()).toBe(3))

  const doc = new Y.Doc()
  const key = (name: string) => {
    const [, [, incarnation]] = [...doc.getMap('participants')].find(([one]) =>
      one.startsWith('bob|'),
    ) as [string, [number, number]]
    return JSON.stringify(['bob', incarnation, `.${name}`])
  }
  const here = stockClient(a, `${alice.sid}?token=bob`, doc)
  await whenSynced(here)
  doc.getMap('attributes').set(key('first'), [1, Date.now()])
  const seen = async () => (await there.getParticipantByIdentity('bob'))?.attributes
  await until(async () => expect(await seen()).toEqual({ first: 1 }))
  const state = Y.encodeStateAsUpdate(doc)
  const { clientID } = doc
  here.destroy()

  const moved = new Y.Doc()
  Y.applyUpdate(moved, state)
  moved.clientID = clientID
  const again = stockClient(b, `${alice.sid}?token=bob`, moved)
  moved.getMap('attributes').set(key('second'), [2, Date.now()])
  await until(async () => expect(await seen()).toEqual({ first: 1, second: 2 }))
  expect(again.provider.wsconnected).toBe(true)

  const forged = new Y.Doc()
  Y.applyUpdate(forged, state)
  forged.clientID = clientID
  const mallory = stockClient(b, `${alice.sid}?token=mallory`, forged)
  const refused = new Promise(resolve => mallory.provider.once('closed', resolve))
  await whenSynced(mallory)
  forged.clientID = clientID
  forged.getMap('attributes').set(key('forged'), [3, Date.now()])
  await refused
  expect(await seen()).toEqual({ first: 1, second: 2 })
})
