import { expect, test } from 'vitest'
import { Device } from '../../../src/testing/conformance/device.ts'
import {
  type MemoryPersistenceOptions,
  type MemoryStore,
  memoryPersistence,
} from '../../../src/testing/index.ts'

function open(store: MemoryStore, options?: MemoryPersistenceOptions, name = 'room') {
  const device = new Device(name)
  const handle = memoryPersistence(store, options)(device.context)
  return Object.assign(device, { handle })
}

async function load(store: MemoryStore, options?: MemoryPersistenceOptions, name?: string) {
  const device = open(store, options, name)
  await device.handle.whenLoaded
  return device
}

test.each([
  ['Map', () => new Map()],
  ['object', () => ({})],
])('a %s given again is a restart, for documents of any name', async (_, createStore) => {
  const store: MemoryStore = createStore()
  const names = ['room', 'constructor', '__proto__', '']
  for (const name of names) (await load(store, {}, name)).notes.set('name', name)
  for (const name of names) {
    const device = await load(store, {}, name)
    device.assertNotes({ name }, 'after the restart')
  }
})

test('one persistence given to two clients is a restart, another one is another device', async () => {
  const persistence = memoryPersistence()
  const [before, after, other] = [new Device('room'), new Device('room'), new Device('room')]
  await persistence(before.context).whenLoaded
  before.notes.set('a', 1)
  await persistence(after.context).whenLoaded
  await memoryPersistence()(other.context).whenLoaded
  after.assertNotes({ a: 1 }, 'after the restart')
  other.assertNotes({}, 'on the other device')
})

test('a write is stored before the call that makes it returns', async () => {
  const store = new Map<string, Uint8Array[]>()
  const device = open(store)
  device.notes.set('a', 1)
  expect(store.get('room')).toHaveLength(1)
  const next = await load(store)
  next.assertNotes({ a: 1 }, 'after a crash')
})

test('loading comes in a later task and looks like a remote change', async () => {
  const store = new Map()
  open(store).notes.set('a', 1)
  const device = open(store)
  const locals: boolean[] = []
  device.notes.observe((_, { local }) => locals.push(local))
  await Promise.resolve()
  expect(locals).toEqual([])
  await device.handle.whenLoaded
  expect(locals).toEqual([false])
})

test('loading waits as long as it is told to, and not beyond the end', async () => {
  const store = new Map()
  open(store).notes.set('a', 1)
  let release = () => {}
  const holdLoad = new Promise<void>(resolve => {
    release = resolve
  })
  const device = open(store, { holdLoad })
  const closed = open(store, { holdLoad })
  await closed.handle.destroy()
  await load(store)
  device.assertNotes({}, 'while held')
  release()
  await Promise.all([device.handle.whenLoaded, closed.handle.whenLoaded])
  device.assertNotes({ a: 1 }, 'when released')
  closed.assertNotes({}, 'at the one that was closed')
})

test('a load that fails is reported, and what is written then is stored', async () => {
  const store = new Map()
  open(store).notes.set('a', 1)
  const device = await load(store, { failLoad: () => true })
  device.assertNotes({}, 'when loading has failed')
  expect(device.errors.map(({ code, reason }) => [code, reason])).toEqual([
    ['storage', 'open-failed'],
  ])
  device.notes.set('b', 2)
  const next = await load(store)
  next.assertNotes({ a: 1, b: 2 }, 'after a restart')
})

test('a write that fails is reported, and stored with the next that does not, or by flush', async () => {
  const store = new Map()
  let isBroken = true
  const device = await load(store, { failWrites: () => isBroken })
  device.notes.set('a', 1)
  expect(device.errors.map(({ code, reason }) => [code, reason])).toEqual([['storage', 'aborted']])
  expect(store.get('room')).toHaveLength(0)
  isBroken = false
  device.notes.set('b', 2)
  const second = await load(store)
  second.assertNotes({ a: 1, b: 2 }, 'after the next write')
  isBroken = true
  device.notes.delete('a')
  isBroken = false
  await device.handle.flush()
  const third = await load(store)
  third.assertNotes({ b: 2 }, 'after flush')
})

test('a row that cannot be read is reported and kept, and the others are loaded', async () => {
  const bad = Uint8Array.of(9, 9, 9)
  const store = new Map([['room', [bad]]])
  open(store).notes.set('a', 1)
  const device = await load(store)
  expect(device.errors.map(({ reason }) => reason)).toEqual(['corrupt-row'])
  device.assertNotes({ a: 1 }, 'beside a corrupt row')
  for (let i = 0; i < 500; i++) device.notes.set('count', i)
  expect(store.get('room')).toContain(bad)
  const next = await load(store)
  next.assertNotes({ a: 1, count: 499 }, 'after rows were folded')
})

test('rows stay few, and folding keeps what another tab of the device wrote', async () => {
  const store = new Map<string, Uint8Array[]>()
  const [one, two] = [await load(store), await load(store)]
  one.notes.set('one', 1)
  for (let i = 0; i < 1000; i++) two.notes.set('count', i)
  expect(store.get('room')?.length).toBeLessThan(300)
  const next = await load(store)
  next.assertNotes({ one: 1, count: 999 }, 'after a restart')
})
