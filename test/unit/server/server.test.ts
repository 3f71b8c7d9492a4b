import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import {
  rawClient,
  startServer,
  stockClient,
  syncedClient,
  syncMessage,
  until,
  updateOf,
  whenSynced,
} from './support/clients.ts'
import { fakeClock } from './support/fake-clock.ts'
import { gatedLog } from './support/storage.ts'

describe('unmodified y-websocket clients', () => {
  it('converge', async () => {
    const { url } = await startServer()
    const clients = await Promise.all([1, 2, 3].map(() => syncedClient(url, 'room')))
    for (const [i, { map, doc }] of clients.entries()) {
      map.set(`key ${i}`, i)
      map.set('shared', i)
      doc.getText('text').insert(0, `${i}`)
    }
    await until(() => {
      const states = clients.map(({ doc }) => Y.encodeStateAsUpdate(doc))
      expect(states[0]).toEqual(states[1])
      expect(states[0]).toEqual(states[2])
      expect(clients[0]?.map.toJSON()).toMatchObject({ 'key 0': 0, 'key 1': 1, 'key 2': 2 })
    })
  })

  it('get everything that was written before they came, also offline', async () => {
    const { url } = await startServer()
    const offline = new Y.Doc()
    offline.getMap('map').set('offline', 1)
    const early = await syncedClient(url, 'room', offline)
    early.map.set('online', 2)
    await until(async () => {
      const late = await syncedClient(url, 'room')
      expect(late.map.toJSON()).toEqual({ offline: 1, online: 2 })
    })
  })

  it('do not see other rooms', async () => {
    const { url } = await startServer()
    const [a, b, same] = await Promise.all(
      ['a', 'a/b', 'a%2Fb'].map(room => syncedClient(url, room)),
    )
    b?.map.set('key', 1)
    await until(() => expect(same?.map.get('key'), 'the same name, encoded').toBe(1))
    expect(a?.map.size).toBe(0)
  })

  it('see each other come, change and go', async () => {
    const { url } = await startServer()
    const [a, b] = await Promise.all([syncedClient(url, 'room'), syncedClient(url, 'room')])
    a.awareness.setLocalState({ typing: 1 })
    await until(() => expect(b.awareness.getStates().get(a.doc.clientID)).toEqual({ typing: 1 }))
    const late = await syncedClient(url, 'room')
    await until(() => expect(late.awareness.getStates().get(a.doc.clientID)).toEqual({ typing: 1 }))
    a.provider.ws?.close()
    await until(() => expect(b.awareness.getStates().has(a.doc.clientID)).toBe(false))
    await until(() => expect(b.awareness.getStates().get(a.doc.clientID)).toEqual({ typing: 1 }))
  })

  it('with nothing to say stay connected in a quiet room', async () => {
    const time = fakeClock()
    const { url } = await startServer({ clock: time.clock })
    const client = stockClient(url, 'room', new Y.Doc(), true)
    await whenSynced(client)
    const { provider, awareness } = client
    let changes = 0
    let closes = 0
    awareness.on('update', () => changes++)
    provider.on('connection-close', () => closes++)
    for (let round = 0; round < 3; round++) {
      // What its watchdog looks at: it reconnects when this is 30 s ago.
      const agoMs = Date.now() - 20_000
      provider.wsLastMessageReceived = agoMs
      time.advance(12_500)
      await until(() => expect(provider.wsLastMessageReceived).toBeGreaterThan(agoMs))
    }
    expect(closes).toBe(0)
    expect(changes).toBe(0)
  })
})

describe('an update', () => {
  it('reaches the others once, and not its sender', async () => {
    const { url } = await startServer()
    const [a, b] = await Promise.all([rawClient(url, 'room'), rawClient(url, 'room')])
    const update = updateOf(doc => doc.getMap('map').set('key', 1))
    a.send(syncMessage(2, update))
    await until(() => expect(b.updates()).toEqual([update]))
    await a.settle()
    expect(a.updates(), 'only the answer to its question').toHaveLength(1)
  })

  it('that says nothing new is neither stored nor sent on', async () => {
    const storage = gatedLog()
    const { url } = await startServer({ storage: storage.log })
    const [a, b] = await Promise.all([rawClient(url, 'room'), rawClient(url, 'room')])
    const update = updateOf(doc => {
      doc.getMap('map').set('key', 1)
      doc.getMap('map').set('key', 2)
    })
    a.send(syncMessage(2, update))
    await until(() => expect(b.updates()).toHaveLength(1))
    a.send(syncMessage(1, update))
    a.send(syncMessage(1, Y.encodeStateAsUpdate(new Y.Doc())))
    await a.settle()
    await b.settle()
    expect(storage.appends).toEqual([1])
    expect(b.updates()).toHaveLength(2)
  })

  it('of several senders in one commit reaches each as one frame, without its own', async () => {
    const storage = gatedLog()
    const { url } = await startServer({ storage: storage.log })
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => rawClient(url, 'room')))
    if (!a || !b || !c) throw new Error('unreachable')
    const first = await syncedClient(url, 'room')
    storage.shut()
    first.map.set('first', 0)
    await until(() => expect(storage.appends).toEqual([1]))
    const mine = (id: number) => updateOf(doc => doc.getMap('map').set(`by ${id}`, id), id)
    a.send(syncMessage(2, mine(1)), syncMessage(2, mine(11)))
    b.send(syncMessage(2, mine(2)))
    await Promise.all([a.settle(), b.settle()])
    const counts = [a, b, c].map(client => client.updates().length)
    storage.open()
    await until(() => expect(c.updates().length).toBe((counts[2] ?? 0) + 2))
    await Promise.all([a.settle(), b.settle(), c.settle()])
    expect(storage.appends).toEqual([1, 3])

    const keysOf = (update: Uint8Array | undefined) => {
      const doc = new Y.Doc()
      if (update) Y.applyUpdate(doc, update)
      return [...doc.getMap('map').keys()].sort()
    }
    // After the first client's update: one frame more, then the answer to `settle`.
    const framesOf = [a, b, c].map((client, i) => client.updates().slice((counts[i] ?? 0) + 1, -1))
    expect(framesOf.map(frames => frames.map(keysOf))).toEqual([
      [['by 2']],
      [['by 1', 'by 11']],
      [['by 1', 'by 11', 'by 2']],
    ])
  })
})
