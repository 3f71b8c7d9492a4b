import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import * as Y from 'yjs'
import {
  freshName,
  loadTab,
  openRaw,
  readStore,
  rowCount,
  stored,
  type Tab,
  type TestClock,
  testClock,
  updateOf,
} from './indexeddb-support.ts'

/** Web Locks as far as they are used: exclusive, first come, first served. */
class Locks {
  readonly #queues = new Map<string, Promise<unknown>>()

  request(name: string, { signal }: { signal: AbortSignal }, hold: () => Promise<void>) {
    const turn = (this.#queues.get(name) ?? Promise.resolve()).then(() => {
      if (signal.aborted) throw signal.reason
      return hold()
    })
    this.#queues.set(
      name,
      turn.catch(() => {}),
    )
    return turn
  }
}

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: new Locks() })
  return () => vi.unstubAllGlobals()
})

interface TestTab extends Tab {
  clock: TestClock
}

async function openTabs(name: string, count: number, trimRows = 500): Promise<TestTab[]> {
  const tabs: TestTab[] = []
  for (let index = 0; index < count; index++) {
    const clock = testClock()
    const tab = await loadTab(name, { clock, trimRows })
    // Waits for its place in the queue, too.
    await tab.handle.flush()
    await heard(name)
    tabs.push({ ...tab, clock })
  }
  return tabs
}

/** What one tab writes is in the others at once. */
function join(tabs: Tab[]): void {
  for (const from of tabs) {
    const send = (update: Uint8Array, origin: unknown) => {
      if (origin === 'other tab') return
      for (const to of tabs) if (to !== from) Y.applyUpdate(to.doc, update, 'other tab')
    }
    from.doc.on('update', send)
    onTestFinished(() => from.doc.off('update', send))
  }
}

/** Resolves when what was told on the tabs' channel so far has been heard. */
async function heard(name: string): Promise<void> {
  if (typeof BroadcastChannel === 'undefined') return
  const channelName = `y-conversations/indexeddb/${name}`
  const [sender, receiver] = [new BroadcastChannel(channelName), new BroadcastChannel(channelName)]
  await new Promise(resolve => {
    receiver.onmessage = resolve
    sender.postMessage('anything')
  })
  sender.close()
  receiver.close()
}

async function settle(name: string, tabs: TestTab[]): Promise<void> {
  await heard(name)
  for (const { clock } of tabs) clock.advance(10_000)
  await Promise.all(tabs.map(({ handle }) => handle.flush()))
}

function expectHealthy(tabs: Tab[]): void {
  expect(tabs.flatMap(({ errors }) => errors)).toEqual([])
}

test('what five tabs write is one row per change', async () => {
  const name = freshName()
  const tabs = await openTabs(name, 5)
  join(tabs)
  let changes = 0
  for (const { doc } of tabs) {
    doc.on('update', (_update, _origin, _doc, { local }) => {
      if (local) changes++
    })
  }
  for (let index = 0; index < 40; index++) {
    const { map, handle } = tabs[index % 5] as Tab
    map.set(`key ${index % 8}`, index)
    if (index % 3 === 0) map.delete(`key ${(index + 1) % 8}`)
    await handle.flush()
    await heard(name)
  }
  await settle(name, tabs)
  expect(changes).toBeGreaterThan(45)
  expect(await rowCount(name)).toBe(changes)
  expect(await stored(name)).toEqual(tabs[0]?.map.toJSON())
  expectHealthy(tabs)
})

test('what comes from the network to all tabs is stored by the first one, after a moment, in one row', async () => {
  const name = freshName()
  const tabs = await openTabs(name, 3)
  for (const content of [{ a: 1 }, { b: 2 }]) {
    const update = updateOf(content)
    for (const { doc } of tabs) Y.applyUpdate(doc, update, 'network')
  }
  expect(await rowCount(name)).toBe(0)
  for (const { clock } of tabs) clock.advance(200)
  await heard(name)
  await settle(name, tabs)
  expect(await rowCount(name)).toBe(1)
  expect(await stored(name)).toEqual({ a: 1, b: 2 })
})

test('when the first tab hangs, another one stores what came from the network', async () => {
  const name = freshName()
  const [hung, other] = (await openTabs(name, 2)) as [TestTab, TestTab]
  const update = updateOf({ a: 1 })
  for (const { doc } of [hung, other]) Y.applyUpdate(doc, update, 'network')
  other.clock.advance(4999)
  await heard(name)
  expect(await rowCount(name)).toBe(0)
  other.clock.advance(1)
  await other.handle.flush()
  expect(await stored(name)).toEqual({ a: 1 })
})

test('when the first tab goes, the next one stores what it had not', async () => {
  const name = freshName()
  const [first, next] = (await openTabs(name, 2)) as [TestTab, TestTab]
  await first.handle.destroy()
  Y.applyUpdate(next.doc, updateOf({ a: 1 }), 'network')
  await expect.poll(() => next.clock.pendingMs).toEqual([200])
  next.clock.advance(200)
  await next.handle.flush()
  expect(await stored(name)).toEqual({ a: 1 })
})

test('an own change is readable though the first tab did not store what it builds on', async () => {
  const name = freshName()
  const [, other] = (await openTabs(name, 2)) as [TestTab, TestTab]
  const author = new Y.Doc()
  author.getMap('map').set('key', 'theirs')
  Y.applyUpdate(other.doc, Y.encodeStateAsUpdate(author), 'network')
  other.map.set('key', 'mine')
  other.map.set('second', 2)
  // Everything is killed now: what is in the database is all there is.
  await expect.poll(() => rowCount(name)).toBe(2)
  expect(await stored(name)).toEqual({ key: 'mine', second: 2 })
})

test('when a tab cannot store what it said, the first one stores the whole document', async () => {
  const name = freshName()
  const tabs = (await openTabs(name, 3)) as [TestTab, TestTab, TestTab]
  join(tabs)
  const [first, , failing] = tabs
  const { commit } = IDBTransaction.prototype
  IDBTransaction.prototype.commit = function (this: IDBTransaction) {
    ;(this as IDBTransaction & { _abort(name: string): void })._abort('DataError')
  }
  failing.map.set('key', 'of a tab that fails')
  IDBTransaction.prototype.commit = commit
  await expect.poll(() => failing.errors).toHaveLength(1)
  await heard(name)
  // It dies before it can try again.
  first.clock.advance(200)
  await first.handle.flush()
  expect(await stored(name)).toEqual({ key: 'of a tab that fails' })
})

test('one tab trims, and the rows of the others survive it', async () => {
  const name = freshName()
  const tabs = await openTabs(name, 3, 20)
  for (let index = 0; index < 60; index++) {
    const { map, handle } = tabs[index % 3] as Tab
    map.set(`key ${index}`, index)
    await handle.flush()
    await heard(name)
  }
  await expect.poll(() => rowCount(name)).toBeLessThan(40)
  expect(Object.keys(await stored(name))).toHaveLength(60)
})

test('without Web Locks and without BroadcastChannel there are more rows, and nothing is lost', async () => {
  vi.stubGlobal('navigator', undefined)
  vi.stubGlobal('BroadcastChannel', undefined)
  const name = freshName()
  const tabs = await openTabs(name, 3)
  join(tabs)
  for (let index = 0; index < 9; index++) {
    const { map, handle } = tabs[index % 3] as Tab
    map.set('key', index)
    await handle.flush()
    for (const { clock } of tabs) clock.advance(200)
  }
  await Promise.all(tabs.map(({ handle }) => handle.flush()))
  expect(await rowCount(name)).toBeGreaterThan(9)
  expect(await stored(name)).toEqual({ key: 8 })
})

test('rows of other tabs are no news to the document: nothing is sent twice because of them', async () => {
  const name = freshName()
  const [writer, other] = (await openTabs(name, 2)) as [TestTab, TestTab]
  let updates = 0
  other.doc.on('update', () => updates++)
  writer.map.set('key', 1)
  await writer.handle.flush()
  await heard(name)
  expect(updates).toBe(0)
  const db = await openRaw(name)
  db.close()
  expect(await readStore(name)).toHaveLength(1)
})
