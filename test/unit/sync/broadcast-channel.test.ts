import { afterEach, describe, expect, test, vi } from 'vitest'
import { applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { broadcastChannel } from '../../../src/sync/broadcast-channel.ts'
import { websocket } from '../../../src/sync/websocket/index.ts'
import { fakeWebSocket, syncStep2, syncUpdate } from '../../support/fake-socket.ts'
import { openContext, whenAwareness, whenDoc } from '../../support/transport-context.ts'

const ending: Array<() => void> = []
afterEach(() => {
  for (const end of ending.splice(0)) end()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function openTab({ name = 'room', user = 'alice', isConnected = true } = {}) {
  const context = openContext(name)
  const handle = broadcastChannel({ name: user })(context)
  if (isConnected) handle.connect()
  ending.push(() => {
    void handle.destroy()
    context.destroy()
  })
  return { ...context, root: context.doc.getMap('root'), handle }
}

/** Resolves when the tabs have nothing more to say to each other about what happened so far. */
async function settled(...tabs: Array<ReturnType<typeof openTab>>): Promise<void> {
  // Messages of one tab arrive in order. Three rounds: a greeting, its answer, and the answer to that.
  for (let round = 0; round < 3; round++) {
    for (const tab of tabs) {
      const mark = Math.random()
      tab.doc.getMap('marks').set('mark', mark)
      const hasArrived = ({ doc }: typeof tab) =>
        whenDoc(doc, () => doc.getMap('marks').get('mark') === mark)
      await Promise.all(tabs.map(hasArrived))
    }
  }
}

/** Another page of the origin, on the channel of alice's room. */
function openStranger(): BroadcastChannel {
  const stranger = new BroadcastChannel('y-conversations["alice","room"]')
  ending.push(() => stranger.close())
  return stranger
}

function countPosts() {
  const posts: Array<{ to?: number; message: Uint8Array }> = []
  const post = BroadcastChannel.prototype.postMessage
  const spy = vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation(function (
    this: BroadcastChannel,
    data,
  ) {
    posts.push(data as never)
    post.call(this, data)
  })
  ending.push(() => spy.mockRestore())
  return posts
}

describe('documents', () => {
  test('two tabs with no server have what the other wrote before and after they met', async () => {
    const first = openTab()
    first.root.set('before', 'first')
    const second = openTab({ isConnected: false })
    second.root.set('before too', 'second')
    second.handle.connect()
    await whenDoc(first.doc, () => first.root.size === 2)
    await whenDoc(second.doc, () => second.root.size === 2)
    first.root.set('after', 1)
    await whenDoc(second.doc, () => second.root.get('after') === 1)
    second.root.delete('after')
    await whenDoc(first.doc, () => !first.root.has('after'))
  })

  test('a tab that was away catches up, deletions included', async () => {
    const [first, second] = [openTab(), openTab()]
    first.root.set('a', 1)
    await whenDoc(second.doc, () => second.root.has('a'))
    second.handle.disconnect()
    first.root.set('b', 2)
    second.root.delete('a')
    second.handle.connect()
    await whenDoc(second.doc, () => second.root.has('b'))
    await whenDoc(first.doc, () => !first.root.has('a'))
  })

  test('documents and users are kept apart', async () => {
    const tab = openTab()
    const others = [
      openTab({ user: 'bob' }),
      openTab({ name: 'room-2' }),
      openTab({ name: '', user: 'alice","room' }),
    ]
    const second = openTab()
    tab.root.set('key', 'value')
    await settled(tab, second)
    expect(second.root.size).toBe(1)
    expect(others.map(({ root }) => root.size)).toEqual([0, 0, 0])
  })

  test('the origin of what arrives is the handle, which says that it is local', async () => {
    const [first, second] = [openTab(), openTab()]
    const origins: unknown[] = []
    second.doc.on('update', (_update: Uint8Array, origin: unknown) => origins.push(origin))
    first.root.set('key', 'value')
    await whenDoc(second.doc, () => second.root.has('key'))
    expect(origins).toEqual([second.handle])
    expect(second.handle.isLocal).toBe(true)
  })

  test('what arrives is not posted again, and what another transport brings is passed on', async () => {
    const [first, second] = [openTab(), openTab()]
    await settled(first, second)
    const posts = countPosts()
    first.root.set('key', 'value')
    await whenDoc(second.doc, () => second.root.has('key'))
    expect(posts).toHaveLength(1)
    second.doc.transact(() => second.root.set('from', 'server'), 'another transport')
    await whenDoc(first.doc, () => first.root.has('from'))
    expect(posts).toHaveLength(2)
  })

  test('answers are for the tab that asked, and nobody else applies them', async () => {
    const [first, second] = [openTab(), openTab()]
    await settled(first, second)
    const posts = countPosts()
    const third = openTab()
    await settled(first, second, third)
    const answers = posts.filter(({ message: [type, step] }) => type === 0 && step === 1)
    // Two to the third, two by the third.
    expect(answers.map(({ to }) => typeof to)).toEqual(Array(4).fill('number'))
    const stranger = openStranger()
    const [content, all] = ['content', 'all'].map(key => {
      const doc = new Y.Doc()
      doc.getMap('root').set(key, true)
      return syncStep2(Y.encodeStateAsUpdate(doc))
    })
    stranger.postMessage({ from: 0.5, to: 0.25, message: content })
    stranger.postMessage({ from: 0.5, message: all })
    await whenDoc(first.doc, () => first.root.has('all'))
    expect(first.root.has('content')).toBe(false)
  })
})

describe('awareness', () => {
  test('a late tab sees who is there at once, and is seen', async () => {
    const first = openTab()
    first.awareness.setLocalState({ typing: 1 })
    const second = openTab()
    await whenAwareness(
      second.awareness,
      () => second.awareness.states.get(first.awareness.clientID)?.typing === 1,
    )
    await whenAwareness(first.awareness, () =>
      first.awareness.states.has(second.awareness.clientID),
    )
  })

  test('a tab speaks for itself only', async () => {
    const [first, second] = [openTab(), openTab()]
    const peer = openTab({ name: 'elsewhere' })
    await settled(first, second)
    const id = peer.awareness.clientID
    const update = encodeAwarenessUpdate(peer.awareness, [id])
    const posts = countPosts()
    applyAwarenessUpdate(first.awareness, update, 'another transport')
    expect(first.awareness.states.has(id)).toBe(true)
    expect(posts).toEqual([])
    second.handle.disconnect()
    second.handle.connect()
    await settled(first, second)
    expect(second.awareness.states.has(id)).toBe(false)
    expect(second.awareness.states.has(first.awareness.clientID)).toBe(true)
  })

  test('a tab that ends is gone at once, as its message leaves before anything is awaited', async () => {
    const [first, second] = [openTab(), openTab()]
    const id = second.awareness.clientID
    await whenAwareness(first.awareness, () => first.awareness.states.has(id))
    second.awareness.setLocalState(null)
    void second.handle.destroy()
    await whenAwareness(first.awareness, () => !first.awareness.states.has(id))
  })

  test('disconnect() takes leave of the tabs on both sides, and keeps the own state', async () => {
    const [first, second] = [openTab(), openTab()]
    const [one, two] = [first.awareness, second.awareness]
    await whenAwareness(one, () => one.states.has(two.clientID))
    await whenAwareness(two, () => two.states.has(one.clientID))
    const wasThere: boolean[] = []
    second.awareness.setLocalState({ name: 'second' })
    second.handle.disconnect()
    wasThere.push(two.states.has(one.clientID))
    expect(wasThere).toEqual([false])
    expect(two.getLocalState()).toEqual({ name: 'second' })
    await whenAwareness(one, () => !one.states.has(two.clientID))
    second.handle.connect()
    await whenAwareness(one, () => one.states.has(two.clientID))
  })

  test('tabs stay present when the connection to the server is lost', async () => {
    const [first, second] = [openTab(), openTab()]
    const { WebSocket, last } = fakeWebSocket()
    const socket = websocket({ url: 'ws://host', WebSocket, mux: false })(first)
    ending.push(() => void socket.destroy())
    socket.connect()
    last().sync()
    const id = second.awareness.clientID
    await whenAwareness(first.awareness, () => first.awareness.states.has(id))
    last().closeByServer()
    expect(first.statuses.at(-1)).toBe('disconnected')
    expect(first.awareness.states.has(id)).toBe(true)
  })
})

describe('status', () => {
  test('it is connected at once and synced with the first answer', async () => {
    const first = openTab()
    await first.whenSynced()
    vi.useFakeTimers()
    const second = openTab()
    expect(second.statuses).toEqual(['connected'])
    expect(second.synced).toEqual([])
    await second.whenSynced()
    second.handle.disconnect()
    expect(second.statuses).toEqual(['connected', 'disconnected'])
    expect(second.synced).toEqual([true, false])
  })

  test('who is alone is synced after a moment', () => {
    vi.useFakeTimers()
    const tab = openTab()
    vi.advanceTimersByTime(249)
    expect(tab.synced).toEqual([])
    vi.advanceTimersByTime(1)
    expect(tab.synced).toEqual([true])
  })

  test('connecting, disconnecting and destroying twice is as once, and leaves nothing', () => {
    vi.useFakeTimers()
    const target = new EventTarget()
    vi.stubGlobal('addEventListener', target.addEventListener.bind(target))
    vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target))
    const tab = openTab({ isConnected: false })
    const timers = vi.getTimerCount()
    const posts = countPosts()
    tab.handle.disconnect()
    tab.handle.connect()
    tab.handle.connect()
    tab.handle.disconnect()
    tab.handle.disconnect()
    void tab.handle.destroy()
    void tab.handle.destroy()
    tab.handle.connect()
    expect(tab.statuses).toEqual(['connected', 'disconnected'])
    expect(vi.getTimerCount()).toBe(timers)
    const count = posts.length
    tab.root.set('key', 'value')
    tab.awareness.setLocalState({ name: 'x' })
    target.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    expect(posts).toHaveLength(count)
  })

  test('a page that returns from the back/forward cache asks again', () => {
    const target = new EventTarget()
    vi.stubGlobal('addEventListener', target.addEventListener.bind(target))
    vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target))
    openTab()
    const posts = countPosts()
    target.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }))
    expect(posts).toEqual([])
    target.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    expect(posts.map(({ message }) => message[0])).toEqual([0, 3, 1])
  })

  test('where there is no BroadcastChannel it says so and stays disconnected', () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const tab = openTab()
    expect(tab.errors).toEqual([expect.objectContaining({ code: 'unsupported' })])
    expect(tab.statuses).toEqual([])
    tab.root.set('key', 'value')
    tab.handle.disconnect()
  })
})

test('whatever another page posts on the channel, nothing is thrown, and tabs go on', async () => {
  const [first, second] = [openTab(), openTab()]
  const stranger = openStranger()
  const from = 0.5
  const foreign = [null, undefined, 1, 'text', [], {}, { from }, { from, message: 'x' }, new Map()]
  for (const data of foreign) stranger.postMessage(data)
  const malformed = [[], [0], [0, 0, 9], [0, 1, 2, 1, 9], [1], [1, 5, 2], [0x80], [2, 0, 9]]
  for (const bytes of malformed) stranger.postMessage({ from, message: new Uint8Array(bytes) })
  const doc = new Y.Doc()
  doc.getMap('root').set('last', true)
  stranger.postMessage({ from, message: syncUpdate(Y.encodeStateAsUpdate(doc)) })
  for (const tab of [first, second]) {
    await whenDoc(tab.doc, () => tab.root.has('last'))
    expect(tab.errors.map(({ code }) => code)).toEqual(malformed.map(() => 'transport'))
  }
  first.root.set('key', 'value')
  await whenDoc(second.doc, () => second.root.get('key') === 'value')
})
