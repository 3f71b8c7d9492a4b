import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import {
  awarenessMessage,
  rawClient,
  silent,
  startServer,
  syncedClient,
  syncMessage,
  until,
  updateOf,
} from './support/clients.ts'
import { deepDeletion, deepUpdate } from './support/hostile.ts'
import { gatedLog, temporaryDirectory } from './support/storage.ts'

const good = updateOf(doc => doc.getMap('map').set('good', [1, 'two']))

/** Runs `attack` in a room where two honest clients work, and shows that they notice nothing. */
async function besideHonestClients(attack: (url: string) => Promise<void>, options = {}) {
  const server = await startServer(options)
  const [a, b] = await Promise.all([
    syncedClient(server.url, 'room'),
    syncedClient(server.url, 'room'),
  ])
  let closes = 0
  for (const { provider } of [a, b]) provider.on('connection-close', () => closes++)
  await attack(server.url)
  a.map.set('after', 1)
  a.awareness.setLocalState({ typing: 1 })
  await until(() => expect(b.map.toJSON()).toEqual({ after: 1 }))
  await until(() => expect(b.awareness.getStates().get(a.doc.clientID)).toEqual({ typing: 1 }))
  expect(closes).toBe(0)
}

describe('a frame that is garbage', () => {
  it.each([
    ['empty', new Uint8Array(0)],
    ['of an unknown type', new Uint8Array([77, 1, 2])],
    ['an update cut short', syncMessage(2, good).slice(0, -3)],
    ['an update that is cut short inside', syncMessage(2, good.slice(0, -3))],
    ['an update with bytes behind it', new Uint8Array([...syncMessage(2, good), 1])],
    ['a state vector that is none', syncMessage(0, new Uint8Array([9, 1]))],
    ['awareness that is not JSON', new Uint8Array([1, 5, 1, 1, 1, 1, 123])],
    ['random', new Uint8Array(300).map((_, i) => (i * 7919) & 255)],
  ])('(%s) closes its connection with 4400 and a reason, and nothing else', async (_, frame) => {
    await besideHonestClients(async url => {
      const attacker = await rawClient(url, 'room')
      attacker.send(frame)
      const { code, reason } = await attacker.closed
      expect(code).toBe(4400)
      expect(reason).not.toBe('')
    })
  })

  it('as text closes its connection with 4400', async () => {
    await besideHonestClients(async url => {
      const attacker = await rawClient(url, 'room')
      attacker.socket.send('hello')
      expect((await attacker.closed).code).toBe(4400)
    })
  })

  it('below the protocol closes its connection', async () => {
    await besideHonestClients(async url => {
      const attacker = await rawClient(url, 'room')
      ;(attacker.socket as unknown as { _socket: NodeJS.WritableStream })._socket.write(
        Buffer.from([0xff, 0xff, 0xff]),
      )
      expect((await attacker.closed).code).toBe(1002)
    })
  })

  it('is not applied in part: nothing behind it counts either', async () => {
    await besideHonestClients(async url => {
      const attacker = await rawClient(url, 'room')
      attacker.send(new Uint8Array([77]), syncMessage(2, good), awarenessMessage([1, 1, {}]))
      await attacker.closed
      const late = await syncedClient(url, 'room')
      expect(late.map.size).toBe(0)
    })
  })
})

describe('an update that Yjs fails on', () => {
  it('ends its sender for good, and the document comes back without it', async () => {
    const directory = await temporaryDirectory()
    const errors: string[] = []
    const server = await startServer({
      storage: directory,
      log: { ...silent, error: line => errors.push(line) },
    })
    const honest = await syncedClient(server.url, 'room')
    honest.map.set('before', 1)
    const attacker = await rawClient(server.url, 'room')
    attacker.send(syncMessage(2, deepUpdate(8_000)))
    await until(() => expect(honest.map.has('deep')).toBe(true))
    attacker.send(syncMessage(2, deepDeletion))
    expect((await attacker.closed).code).toBe(4400)
    expect(errors[0]).toContain('cannot be applied')

    // The honest client comes back by itself.
    await until(() => expect(honest.provider.synced).toBe(true))
    honest.map.set('after', 2)
    const late = await syncedClient(server.url, 'room')
    await until(() => expect([...late.map.keys()].sort()).toEqual(['after', 'before', 'deep']))
  })
})

describe('awareness of somebody else', () => {
  it('is ignored, and goes with its own connection only', async () => {
    await besideHonestClients(async url => {
      const victim = await rawClient(url, 'room')
      const witness = await rawClient(url, 'room')
      victim.send(awarenessMessage([7, 1, { name: 'victim' }]))
      await until(() => expect(witness.awareness().at(-1)).toEqual([7, 1, { name: 'victim' }]))
      const attacker = await rawClient(url, 'room')
      attacker.send(awarenessMessage([7, 5, { name: 'forged' }]), awarenessMessage([7, 6, null]))
      attacker.send(awarenessMessage([8, 1, { name: 'own' }]))
      await until(() => expect(witness.awareness().at(-1)).toEqual([8, 1, { name: 'own' }]))
      attacker.socket.close()
      await until(() => expect(witness.awareness().at(-1)).toEqual([8, 1, null]))
      witness.send(new Uint8Array([3]))
      await until(() => expect(witness.awareness().at(-1)).toEqual([7, 1, { name: 'victim' }]))
      expect(witness.awareness().flat()).not.toContainEqual({ name: 'forged' })
      expect(victim.awareness().filter(([clientId]) => clientId === 7)).toEqual([])
    })
  })

  it('and one that is too large closes its connection with 4413', async () => {
    await besideHonestClients(
      async url => {
        const attacker = await rawClient(url, 'room')
        attacker.send(awarenessMessage([8, 1, { large: 'x'.repeat(200) }]))
        expect((await attacker.closed).code).toBe(4413)
      },
      { limits: { maxAwarenessState: 100 } },
    )
  })
})

describe('limits', () => {
  it.each([
    ['no name', ''],
    ['broken encoding', 'a%ZZ'],
    ['encoding that is not UTF-8', '%FF'],
    ['a control character', 'a%00b'],
    ['a name that is too long', 'x'.repeat(513)],
  ])('refuse a room with %s by 4400, which stops y-websocket', async (_, path) => {
    const server = await startServer()
    const client = await rawClient(server.url, path)
    expect((await client.closed).code).toBe(4400)
    expect(server.health().rooms).toBe(0)
  })

  it('take a room name of any script, and its query', async () => {
    const { url } = await startServer()
    const a = await syncedClient(url, `${encodeURIComponent('Zoë’s room / ☃')}`)
    a.map.set('key', 1)
    await until(async () => {
      const b = await syncedClient(`${url}/`, 'Zo%C3%AB%E2%80%99s%20room%20%2F%20%E2%98%83?a=b')
      expect(b.map.get('key')).toBe(1)
    })
  })

  it('close a connection with 1009 whose message is too large', async () => {
    await besideHonestClients(
      async url => {
        const attacker = await rawClient(url, 'room')
        attacker.send(new Uint8Array(2_000))
        expect((await attacker.closed).code).toBe(1009)
      },
      { limits: { maxPayload: 1_000 } },
    )
  })

  it('cut off a client that does not read', async () => {
    const server = await startServer({ limits: { maxBacklog: 200_000 } })
    const slow = await rawClient(server.url, 'room')
    await slow.settle()
    slow.socket.pause()
    const [writer, reader] = await Promise.all([
      syncedClient(server.url, 'room'),
      syncedClient(server.url, 'room'),
    ])
    // The system's own buffers take some megabytes before anything is seen to wait.
    for (let i = 0; server.health().connections === 3; i++) {
      writer.map.set('large', `${i}${'x'.repeat(500_000)}`)
      await until(() => expect(reader.map.get('large')).toBe(writer.map.get('large')))
      expect(i, 'never cut off').toBeLessThan(100)
    }
    slow.socket.resume()
    expect((await slow.closed).code).toBe(1006)
    expect(reader.provider.wsconnected).toBe(true)
  })

  it('stop reading from a client whose updates wait for the disk, and lose none of them', async () => {
    const http = createServer()
    const sockets: Duplex[] = []
    http.on('upgrade', (_, socket) => sockets.push(socket))
    const storage = gatedLog()
    const { url } = await startServer({
      server: http,
      port: 0,
      storage: storage.log,
      limits: { maxUncommitted: 1_000 },
    })
    const writer = await rawClient(url, 'room')
    await writer.settle()
    const [socket] = sockets
    storage.shut()
    const update = (id: number) =>
      updateOf(doc => doc.getMap('map').set(`${id}`, 'x'.repeat(600)), id)
    writer.send(syncMessage(2, update(1)))
    await writer.settle()
    expect(socket?.isPaused()).toBe(false)
    writer.send(...[2, 3, 4, 5].map(id => syncMessage(2, update(id))))
    await until(() => expect(socket?.isPaused()).toBe(true))
    storage.open()
    await until(() => expect(socket?.isPaused()).toBe(false))
    await until(async () => {
      const late = await syncedClient(url, 'room')
      expect([...late.map.keys()].sort()).toEqual(['1', '2', '3', '4', '5'])
    })
  })

  it('do not compress', async () => {
    const { url } = await startServer()
    const socket = new WebSocket(`${url}/room`, { perMessageDeflate: true })
    onTestFinished(() => socket.terminate())
    await new Promise(resolve => socket.once('open', resolve))
    expect(socket.extensions).toBe('')
  })
})
