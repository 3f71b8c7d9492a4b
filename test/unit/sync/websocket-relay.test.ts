import { once } from 'node:events'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type WebsocketOptions, websocket } from '../../../src/sync/websocket/index.ts'
import { type Relay, type RelayOptions, startRelay } from '../../support/relay.ts'
import { openContext, whenAwareness, whenDoc } from '../../support/transport-context.ts'

const ending: Array<() => void> = []
afterEach(() => {
  for (const end of ending.splice(0)) end()
})

async function relay(options?: RelayOptions): Promise<Relay> {
  const started = await startRelay(options)
  onTestFinished(() => started.close())
  return started
}

function join(url: string, options: Partial<WebsocketOptions> = {}, name = 'room') {
  const context = openContext(name)
  const handle = websocket({ url, WebSocket, maxBackoffMs: 20, mux: false, ...options })(context)
  handle.connect()
  ending.push(() => {
    void handle.destroy()
    context.destroy()
  })
  return { ...context, handle }
}

test('what one writes the other has, also what was written before and while it was away', async () => {
  const { url } = await relay()
  const alice = join(url)
  alice.doc.getMap('root').set('before', 1)
  await alice.whenSynced()
  const bob = join(url)
  await whenDoc(bob.doc, () => bob.doc.getMap('root').get('before') === 1)
  bob.handle.disconnect()
  bob.doc.getMap('root').set('away', 2)
  alice.doc.getMap('root').set('meanwhile', 3)
  bob.handle.connect()
  await whenDoc(alice.doc, () => alice.doc.getMap('root').get('away') === 2)
  await whenDoc(bob.doc, () => bob.doc.getMap('root').get('meanwhile') === 3)
  expect(alice.errors.concat(bob.errors)).toEqual([])
})

test('received awareness is not sent back: with 20 clients each state costs one message', async () => {
  const { url, messages } = await relay()
  const clients = Array.from({ length: 20 }, () => join(url))
  for (const { awareness } of clients) awareness.setLocalState({ name: 'x' })
  await Promise.all(
    clients.map(({ awareness }) => whenAwareness(awareness, () => awareness.states.size === 20)),
  )
  const ofAwareness = () => messages.filter(([type]) => type === 1).length
  const count = ofAwareness()
  // What they said when they connected: one message each, and nothing for the 20 × 19 states that came.
  expect(count).toBe(20)
  const typist = clients[0]
  for (let typing = 1; typing <= 10; typing++) typist?.awareness.setLocalState({ typing })
  const id = typist?.awareness.clientID ?? 0
  await Promise.all(
    clients.map(({ awareness }) =>
      whenAwareness(awareness, () => awareness.states.get(id)?.typing === 10),
    ),
  )
  expect(ofAwareness() - count).toBe(10)
})

test('who comes back after a lost connection is seen at once', async () => {
  const { url, connections } = await relay()
  const alice = join(url)
  await alice.whenSynced()
  const bob = join(url)
  const id = bob.awareness.clientID
  await whenAwareness(alice.awareness, () => alice.awareness.states.has(id))
  const socket = [...connections][1]
  socket?.close(1012)
  await whenAwareness(alice.awareness, () => !alice.awareness.states.has(id))
  // Its next renewal would be 15 s later, which is longer than a test may take.
  await whenAwareness(alice.awareness, () => alice.awareness.states.has(id))
})

test('the removal of the own state leaves at once, with nothing awaited', async () => {
  const { url } = await relay()
  const alice = join(url)
  const bob = join(url)
  const id = bob.awareness.clientID
  await whenAwareness(alice.awareness, () => alice.awareness.states.has(id))
  bob.awareness.setLocalState(null)
  void bob.handle.destroy()
  await whenAwareness(alice.awareness, () => !alice.awareness.states.has(id))
})

test('a server that restarts is found again, and gets what was written meanwhile', async () => {
  const first = await startRelay()
  const alice = join(first.url)
  await alice.whenSynced()
  await first.close()
  await alice.whenStatus('disconnected')
  alice.doc.getMap('root').set('key', 'value')
  const { url } = await relay({ port: first.port })
  const bob = join(url)
  await whenDoc(bob.doc, () => bob.doc.getMap('root').get('key') === 'value')
})

test('a server that refuses a token and later takes one gets a new token for each attempt', async () => {
  const { url, paths } = await relay({
    refuse: path => (path.endsWith('token=3') ? undefined : { code: 4401, reason: 'expired' }),
  })
  let count = 0
  const alice = join(url, { getToken: async () => String(++count) })
  await alice.whenSynced()
  expect(paths).toEqual([1, 2, 3].map(token => `/room?extension=1&token=${token}`))
  expect(alice.statuses.at(-1)).toBe('connected')
})

test('a server that denies is not asked again, and its words reach the app', async () => {
  const { url, paths } = await relay({ refuse: () => ({ code: 4403, reason: 'not invited' }) })
  const alice = join(url)
  await alice.whenStatus('denied')
  expect(alice.errors.map(({ code, message }) => [code, message])).toEqual([
    ['denied', 'The server denies access to "room": 4403 not invited'],
  ])
  // One who is let in by nobody else either, in the time of several attempts.
  const bob = join(url, {}, 'other')
  await bob.whenStatus('denied')
  expect(paths).toEqual(['/room?extension=1', '/other?extension=1'])
})

test('a thousand documents in one process cause no warning of Node', async () => {
  const { url } = await relay()
  const warn = vi.fn()
  process.on('warning', warn)
  onTestFinished(() => void process.off('warning', warn))
  const exitListeners = process.listenerCount('exit')
  const contexts = Array.from({ length: 1_000 }, (_, i) => openContext(`room-${i}`))
  const handles = contexts.map(context => websocket({ url, WebSocket })(context))
  expect(process.listenerCount('exit')).toBe(exitListeners)
  const first = handles[0]
  first?.connect()
  await contexts[0]?.whenSynced()
  for (const handle of handles) void handle.destroy()
  for (const context of contexts) context.destroy()
  expect(warn).not.toHaveBeenCalled()
})

test('what the server cannot read does not keep the next connection from working', async () => {
  const { url, connections } = await relay()
  const alice = join(url)
  await alice.whenSynced()
  const [socket] = connections
  socket?.send(new Uint8Array([0, 2, 3, 1, 9, 9]))
  if (socket) await once(socket, 'close')
  await alice.whenSynced()
  expect(alice.synced).toEqual([true, false, true])
  expect(alice.errors).toHaveLength(1)
})
