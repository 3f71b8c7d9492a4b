import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as decoding from 'lib0/decoding'
import { expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { Client } from '../../../../src/client/client.ts'
import type { Conversation } from '../../../../src/model/conversation.ts'
import { type WebSocketConstructor, websocket } from '../../../../src/sync/websocket/index.ts'
import { bundleServer, serverProgram, startServerProcess } from '../support/child-server.ts'
import { syncMessage } from '../support/clients.ts'
import { SECRET, signToken } from '../support/tokens.ts'

const options = `
  authenticate: jwt({ secret: ${JSON.stringify(SECRET)} }),
  limits: { maxPayload: 2 ** 20, maxStructs: 20_000 },
  timings: { permissionMs: 300, headersWithinMs: 500, requestWithinMs: 1_000, sweepMs: 100 },
`

const soon = { timeout: 10_000, interval: 10 }

/** A server process with a conversation of Alice, Bob and Mallory, who is the attacker; Eve has nothing to do with it. */
export async function openWorld() {
  const directory = await mkdtemp(join(tmpdir(), 'y-conversations-'))
  const program = await bundleServer(
    `import { jwt } from './src/server/index.ts'\n${serverProgram(options)}
    process.on('message', () => { global.gc?.(); process.send(process.memoryUsage.rss()) })`,
  )
  const server = await startServerProcess(program, directory)
  const clients: Client[] = []

  function clientOf(identity: string): Client {
    const transport = websocket({
      url: server.url,
      getToken: () => signToken({ sub: identity }),
      WebSocket: WebSocket as unknown as WebSocketConstructor,
    })
    const client = new Client({ identity, transport })
    clients.push(client)
    return client
  }

  const alice = await clientOf('alice').openConversation('group')
  await alice.join()
  await alice.updateFriendlyName('Group')
  for (const identity of ['bob', 'mallory']) await alice.add(identity, { mood: 'calm' })
  await alice.sendMessage('from alice')
  const bob = await clientOf('bob').openConversation('group')
  await vi.waitFor(async () => expect(await bob.getParticipantsCount()).toBe(3), soon)
  await bob.sendMessage('from bob')
  await bob.setAllMessagesRead()
  await (await whoIs('bob', bob)).updateAttributes({ mood: 'merry' })
  await vi.waitFor(async () => {
    expect((await whoIs('bob', alice)).attributes).toEqual({ mood: 'merry' })
    expect((await whoIs('bob', alice)).lastReadMessageIndex).toBe(1)
  }, soon)

  const { sid } = alice
  const rooms = [sid, `${sid}/o`, `${sid}/m/0`]

  /** Everything that is known, as somebody new would read it. */
  async function read(): Promise<unknown> {
    const docs = await Promise.all(rooms.map(room => fetchRoom(server.url, room, 'alice')))
    return docs.map(contentOf)
  }

  /** Both victims go on: what each writes reaches the other. */
  let round = 0
  async function goesOn(): Promise<void> {
    round += 1
    const said = { mood: `round ${round}` }
    await (await whoIs('bob', bob)).updateAttributes(said)
    await alice.updateFriendlyName(`Round ${round}`)
    await vi.waitFor(async () => {
      expect((await whoIs('bob', alice)).attributes).toEqual(said)
      expect(bob.friendlyName).toBe(`Round ${round}`)
    }, soon)
  }

  async function close(): Promise<void> {
    await Promise.all(clients.map(client => client.close()))
    await server.kill()
    await rm(directory, { recursive: true, force: true })
  }

  return { url: server.url, sid, alice, bob, read, goesOn, memory: server.ask, clientOf, close }
}

export type World = Awaited<ReturnType<typeof openWorld>>

export async function whoIs(identity: string, conversation: Conversation) {
  const participant = await conversation.getParticipantByIdentity(identity)
  if (!participant) throw new Error(`${identity} is not there`)
  return participant
}

/** A bare socket of somebody, with what it was sent. */
export async function dial(url: string, path: string, token?: string, headers = {}) {
  const query = token === undefined ? '' : `${path.includes('?') ? '&' : '?'}token=${token}`
  const socket = new WebSocket(`${url}/${path}${query}`, { headers })
  const received: Uint8Array[] = []
  let end: { code: number; reason: string } | undefined
  const closed = new Promise<{ code: number; reason: string }>(resolve => {
    socket.on('close', (code, reason) => {
      end = { code, reason: String(reason) }
      resolve(end)
    })
  })
  socket.on('message', (data: Buffer) => received.push(new Uint8Array(data)))
  socket.on('error', () => {})
  await Promise.race([once(socket, 'open'), closed])
  return {
    socket,
    received,
    closed,
    get end() {
      return end
    },
    send: (...messages: (Uint8Array | string)[]) => {
      for (const message of messages) socket.send(message)
    },
  }
}

/** A room's document, as the server gives it to somebody. */
export async function fetchRoom(url: string, room: string, identity: string): Promise<Y.Doc> {
  const reader = await dial(url, room, await signToken({ sub: identity }))
  const doc = new Y.Doc()
  reader.send(syncMessage(0, Y.encodeStateVector(doc)))
  await vi.waitFor(() => {
    if (reader.end) throw new Error(`closed with ${reader.end.code} ${reader.end.reason}`)
    const answer = reader.received.find(data => data[0] === 0 && data[1] === 1)
    if (!answer) throw new Error('no answer yet')
    Y.applyUpdate(doc, decoding.readVarUint8Array(decoding.createDecoder(answer.subarray(2))))
  }, soon)
  reader.socket.close()
  return doc
}

const ROOTS = ['fields', 'participants', 'roles', 'attributes', 'horizons', 'outbox', 'removed']

function contentOf(doc: Y.Doc): unknown {
  const names = [...doc.share.keys()].sort()
  const contents = names.map(name => {
    if (name === 'before' || ROOTS.includes(name)) return [name, doc.getMap(name).toJSON()]
    return [name, doc.getArray(name).toJSON()]
  })
  return { contents, isWaiting: doc.store.pendingStructs !== null }
}
