import 'fake-indexeddb/auto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ConversationsError, type ErrorCode } from '../../../../src/base/errors.ts'
import { indexeddbMedia } from '../../../../src/sync/media/indexeddb-media.ts'
import { MediaLibrary } from '../../../../src/sync/media/media-library.ts'
import type { LocalMediaStore, MediaStore } from '../../../../src/sync/media/media-store.ts'
import { memoryMedia } from '../../../../src/sync/media/memory-media.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { contentOf, freshContent, hashOf } from '../../../support/media.ts'

/** A server whose trouble the test decides. */
function fakeServer() {
  const blobs = new Map<string, Blob>()
  const server = {
    blobs,
    /** Every attempt to upload, in order. */
    puts: [] as string[],
    gets: 0,
    failure: undefined as ErrorCode | undefined,
    /** What requests wait for, unless they are aborted. */
    gate: undefined as Promise<void> | undefined,
  }
  async function pass(signal: AbortSignal | undefined) {
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('aborted')))
    })
    aborted.catch(() => {})
    if (server.gate) await Promise.race([server.gate, aborted])
    if (server.failure) throw new ConversationsError(server.failure, `no: ${server.failure}`)
  }
  const store: MediaStore = {
    async get(hash, signal) {
      server.gets += 1
      await pass(signal)
      return blobs.get(hash)
    },
    async put(hash, blob, signal) {
      server.puts.push(hash)
      await pass(signal)
      blobs.set(hash, blob)
    },
  }
  return { store, server }
}

function openLibrary(remote?: MediaStore, local: LocalMediaStore = memoryMedia()) {
  const errors: ConversationsError[] = []
  const clock = new FakeClock()
  const library = new MediaLibrary({
    local,
    remote,
    clock,
    random: () => 1,
    onError: error => errors.push(error),
  })
  onTestFinished(() => library.close())
  return { library, local, clock, errors, codes: () => errors.map(({ code }) => code) }
}

const until = (assertion: () => unknown) => vi.waitFor(assertion, { interval: 1, timeout: 5_000 })

test('what is put is kept here, named by its content, before there is any network', async () => {
  const { store, server } = fakeServer()
  const { library, local } = openLibrary(store)
  const { hash, blob } = contentOf('abc')
  expect(hash).toMatch(/^ba7816bf/)
  expect(await library.put(blob)).toBe(hash)
  expect(await hashOf(await local.get(hash))).toBe(hash)
  expect(await hashOf(await library.get(hash))).toBe(hash)
  expect(server.puts).toEqual([])
  expect(await local.pending()).toEqual([hash])
})

test('a page without crypto.subtle, from plain http, names it alike', async () => {
  const original = globalThis.crypto
  vi.stubGlobal('crypto', { getRandomValues: original.getRandomValues.bind(original) })
  onTestFinished(() => void vi.unstubAllGlobals())
  const { library } = openLibrary()
  const { hash, blob } = freshContent(100_000)
  expect(await library.put(blob)).toBe(hash)
})

test('it is uploaded when there is a network, once', async () => {
  const { store, server } = fakeServer()
  const { library, local, clock } = openLibrary(store)
  const [a, b, c] = [freshContent(), freshContent(), freshContent()]
  await library.put(a.blob)
  library.connect()
  await library.put(b.blob)
  await until(async () => expect(await local.pending()).toEqual([]))
  await library.put(c.blob)
  await until(async () => expect(await local.pending()).toEqual([]))
  library.connect()
  library.close()
  expect(server.puts.sort()).toEqual([a.hash, b.hash, c.hash].sort())
  expect(await hashOf(server.blobs.get(c.hash))).toBe(c.hash)
  expect(clock.timerCount).toBe(0)
})

test('what is put while another is being uploaded follows', async () => {
  const { store, server } = fakeServer()
  const { library, local } = openLibrary(store)
  library.connect()
  let open = () => {}
  server.gate = new Promise(resolve => {
    open = resolve
  })
  await library.put(freshContent().blob)
  await until(() => expect(server.puts).toHaveLength(1))
  await library.put(freshContent().blob)
  open()
  await until(async () => expect(await local.pending()).toEqual([]))
  expect(server.blobs.size).toBe(2)
})

test('a session that ended before uploading leaves it to the next', async () => {
  const { store, server } = fakeServer()
  server.gate = new Promise(() => {})
  const first = openLibrary(store, indexeddbMedia({ prefix: 'next session/' }))
  first.library.connect()
  const { hash, blob } = freshContent()
  await first.library.put(blob)
  await until(() => expect(server.puts).toEqual([hash]))
  first.library.close()
  expect(first.errors).toEqual([])
  server.gate = undefined
  const second = openLibrary(store, indexeddbMedia({ prefix: 'next session/' }))
  second.library.connect()
  await until(async () => expect(await second.local.pending()).toEqual([]))
  expect(await hashOf(server.blobs.get(hash))).toBe(hash)
})

test('without a server it is tried again after growing waits, and told of once', async () => {
  const { store, server } = fakeServer()
  const { library, clock, codes, local } = openLibrary(store)
  library.connect()
  server.failure = 'transport'
  await library.put(freshContent().blob)
  for (const [attempts, waitMs] of [500, 1_000, 2_000, 4_000].entries()) {
    await until(() => expect(clock.timerCount).toBe(1))
    expect(server.puts).toHaveLength(attempts + 1)
    clock.advance(waitMs - 1)
    expect(clock.timerCount).toBe(1)
    clock.advance(1)
  }
  await until(() => expect(clock.timerCount).toBe(1))
  expect(codes()).toEqual(['transport'])
  server.failure = undefined
  clock.advance(30_000)
  await until(async () => expect(await local.pending()).toEqual([]))
  expect(clock.timerCount).toBe(0)
})

test('a connection that comes back ends the wait', async () => {
  const { store, server } = fakeServer()
  const { library, clock, local } = openLibrary(store)
  library.connect()
  server.failure = 'transport'
  await library.put(freshContent().blob)
  await until(() => expect(clock.timerCount).toBe(1))
  server.failure = undefined
  library.connect()
  await until(async () => expect(await local.pending()).toEqual([]))
  expect(clock.timerCount).toBe(0)
})

test('disconnect breaks an upload off, which connect begins again', async () => {
  const { store, server } = fakeServer()
  const { library, clock, local, errors } = openLibrary(store)
  library.connect()
  server.gate = new Promise(() => {})
  const { hash, blob } = freshContent()
  await library.put(blob)
  await until(() => expect(server.puts).toHaveLength(1))
  library.disconnect()
  await library.put(freshContent().blob)
  server.gate = undefined
  library.connect()
  await until(async () => expect(await local.pending()).toEqual([]))
  expect(server.blobs.has(hash)).toBe(true)
  expect(errors).toEqual([])
  expect(clock.timerCount).toBe(0)
})

test('what the server refuses is told of once and does not keep others from being uploaded', async () => {
  const { store, server } = fakeServer()
  const { library, local, codes, clock } = openLibrary(store)
  server.failure = 'too-large'
  library.connect()
  const [large, other] = [freshContent(), freshContent()]
  await library.put(large.blob)
  await until(() => expect(codes()).toEqual(['too-large']))
  server.failure = undefined
  await library.put(other.blob)
  library.connect()
  await until(async () => expect(await local.pending()).toEqual([large.hash]))
  expect(codes()).toEqual(['too-large'])
  expect(server.blobs.has(other.hash)).toBe(true)
  expect(clock.timerCount).toBe(0)
  // Still here.
  expect(await hashOf(await library.get(large.hash))).toBe(large.hash)
})

test('who is denied tries again when the connection comes back, not before', async () => {
  const { store, server } = fakeServer()
  const { library, local, codes, clock } = openLibrary(store)
  server.failure = 'denied'
  await library.put(freshContent().blob)
  await library.put(freshContent().blob)
  library.connect()
  await until(() => expect(codes()).toEqual(['denied']))
  expect(clock.timerCount).toBe(0)
  expect(server.puts).toHaveLength(1)
  server.failure = undefined
  library.connect()
  await until(async () => expect(await local.pending()).toEqual([]))
})

test('what is not here is fetched once, however many ask, and kept', async () => {
  const { store, server } = fakeServer()
  const { library, local } = openLibrary(store)
  library.connect()
  const { hash, blob } = freshContent()
  server.blobs.set(hash, blob)
  const found = await Promise.all([library.get(hash), library.get(hash), library.get(hash)])
  expect(await Promise.all(found.map(hashOf))).toEqual([hash, hash, hash])
  expect(server.gets).toBe(1)
  library.disconnect()
  expect(await hashOf(await library.get(hash))).toBe(hash)
  expect(server.gets).toBe(1)
  expect(await local.pending()).toEqual([])
})

test('what is nowhere is not found, and found when it has come', async () => {
  const { store, server } = fakeServer()
  const { library } = openLibrary(store)
  library.connect()
  const { hash, blob } = freshContent()
  await expect(library.get(hash)).rejects.toMatchObject({
    name: 'ConversationsError',
    code: 'not-found',
    message: expect.stringContaining('its sender has not uploaded it yet'),
  })
  server.blobs.set(hash, blob)
  expect(await hashOf(await library.get(hash))).toBe(hash)
})

test('offline, and with no server at all, it says so', async () => {
  const { store, server } = fakeServer()
  const { library } = openLibrary(store)
  const { hash } = freshContent()
  const offline = { code: 'transport', message: expect.stringContaining('no connection') }
  await expect(library.get(hash)).rejects.toMatchObject(offline)
  library.connect()
  server.failure = 'transport'
  await expect(library.get(hash)).rejects.toMatchObject({ code: 'transport' })
  server.failure = 'denied'
  await expect(library.get(hash)).rejects.toMatchObject({ code: 'denied' })
  const alone = { code: 'not-found', message: expect.stringContaining('no server') }
  await expect(openLibrary().library.get(hash)).rejects.toMatchObject(alone)
})

test('content with another hash than was asked for is refused and not kept', async () => {
  const { store, server } = fakeServer()
  const { library, local } = openLibrary(store)
  library.connect()
  const { hash } = freshContent()
  server.blobs.set(hash, freshContent().blob)
  await expect(library.get(hash)).rejects.toMatchObject({
    code: 'transport',
    message: expect.stringContaining('something else'),
  })
  expect(await local.get(hash)).toBeUndefined()
})

/** A local store that fails until it is told not to. */
function failingStore() {
  const inner = memoryMedia()
  const state = { isFull: true, isUnreadable: false }
  const check = (fails: boolean) => {
    if (fails) throw new ConversationsError('storage', 'no room', { reason: 'quota' })
  }
  const store: LocalMediaStore = {
    async get(hash) {
      check(state.isUnreadable)
      return inner.get(hash)
    },
    async put(hash, blob) {
      check(state.isFull)
      return inner.put(hash, blob)
    },
    async putOwn(hash, blob) {
      check(state.isFull)
      return inner.putOwn(hash, blob)
    },
    async pending() {
      check(state.isUnreadable)
      return inner.pending()
    },
    uploaded: inner.uploaded,
  }
  return { store, state, inner }
}

test('what this device cannot store is told of, readable, and uploaded all the same', async () => {
  const { store, server } = fakeServer()
  const { library, errors } = openLibrary(store, failingStore().store)
  const { hash, blob } = freshContent()
  expect(await library.put(blob)).toBe(hash)
  expect(errors).toMatchObject([{ code: 'storage', reason: 'quota' }])
  expect(await hashOf(await library.get(hash))).toBe(hash)
  library.connect()
  await until(() => expect(server.blobs.has(hash)).toBe(true))
  // From now on it is the server's.
  await until(async () => {
    await library.get(hash)
    expect(server.gets).toBe(1)
  })
})

test('what was fetched and cannot be stored is given out all the same', async () => {
  const { store, server } = fakeServer()
  const { library, codes } = openLibrary(store, failingStore().store)
  library.connect()
  const { hash, blob } = freshContent()
  server.blobs.set(hash, blob)
  expect(await hashOf(await library.get(hash))).toBe(hash)
  await until(() => expect(codes()).toEqual(['storage']))
})

test('a store that cannot be read for a while delays uploads, and loses none', async () => {
  const { store, server } = fakeServer()
  const failing = failingStore()
  failing.state.isFull = false
  const { library, clock, codes } = openLibrary(store, failing.store)
  const { hash, blob } = freshContent()
  await library.put(blob)
  failing.state.isUnreadable = true
  library.connect()
  await until(() => expect(clock.timerCount).toBe(1))
  expect(codes()).toEqual(['storage'])
  failing.state.isUnreadable = false
  clock.advance(500)
  await until(async () => expect(await failing.inner.pending()).toEqual([]))
  expect(server.blobs.has(hash)).toBe(true)
})

test('trouble with the storage is told of once, and again when it had worked', async () => {
  const { store, server } = fakeServer()
  const failing = failingStore()
  failing.state.isUnreadable = true
  const { library, clock, codes } = openLibrary(store, failing.store)
  library.connect()
  for (let i = 0; i < 3; i++) {
    await library.put(freshContent().blob)
    await library.get(freshContent().hash).catch(() => {})
    await until(() => expect(clock.timerCount).toBe(1))
    clock.advance(30_000)
  }
  expect(codes()).toEqual(['storage'])
  await until(() => expect(server.blobs.size).toBe(3))
  Object.assign(failing.state, { isFull: false, isUnreadable: false })
  await library.put(freshContent().blob)
  failing.state.isFull = true
  await library.put(freshContent().blob)
  expect(codes()).toEqual(['storage', 'storage'])
})

test('after disconnect and close no timer is left, whatever was under way', async () => {
  for (const end of ['disconnect', 'close'] as const) {
    const { store } = fakeServer()
    const local = memoryMedia()
    let fail = (_: Error) => {}
    local.pending = () =>
      new Promise((_, reject) => {
        fail = reject
      })
    const { library, clock } = openLibrary(store, local)
    library.connect()
    // The list is being read by now.
    await Promise.resolve()
    await Promise.resolve()
    library[end]()
    fail(new ConversationsError('storage', 'no'))
    await library.put(freshContent().blob).catch(() => {})
    expect(clock.timerCount).toBe(0)
  }
})

test("an app's own store may throw what it likes, and a listener too", async () => {
  const local = memoryMedia()
  local.putOwn = () => {
    throw 'no'
  }
  const reported: unknown[] = []
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error))
  onTestFinished(() => void vi.unstubAllGlobals())
  const told: ConversationsError[] = []
  const library = new MediaLibrary({
    local,
    remote: { get: () => Promise.reject(null), put: () => Promise.reject(new TypeError('no')) },
    clock: new FakeClock(),
    onError(error) {
      told.push(error)
      throw new Error('of the listener')
    },
  })
  onTestFinished(() => library.close())
  library.connect()
  await library.put(freshContent().blob)
  await until(() => expect(told.map(({ code }) => code)).toEqual(['storage', 'transport']))
  expect(told.every(error => error instanceof ConversationsError)).toBe(true)
  expect(reported).toHaveLength(2)
  await expect(library.get(freshContent().hash)).rejects.toMatchObject({ code: 'transport' })
})

test('a blob that cannot be read is the argument’s fault', async () => {
  const { library, errors } = openLibrary()
  const blob = new Blob(['gone'])
  blob.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotReadableError'))
  await expect(library.put(blob)).rejects.toMatchObject({ code: 'invalid-argument' })
  expect(errors).toEqual([])
})

test('a closed library rejects, and is silent', async () => {
  const { store, server } = fakeServer()
  const { library, local, clock, errors } = openLibrary(store)
  library.connect()
  server.failure = 'transport'
  await library.put(freshContent().blob)
  await until(() => expect(clock.timerCount).toBe(1))
  server.gate = new Promise(() => {})
  const waiting = expect(library.get(freshContent().hash)).rejects.toMatchObject({
    name: 'ConversationsError',
  })
  await until(() => expect(server.gets).toBe(1))
  library.close()
  await waiting
  expect(clock.timerCount).toBe(0)
  const closed = { code: 'closed' }
  await expect(library.put(freshContent().blob)).rejects.toMatchObject(closed)
  await expect(library.get(freshContent().hash)).rejects.toMatchObject(closed)
  library.connect()
  await until(async () => expect(await local.pending()).toHaveLength(1))
  expect(server.puts).toHaveLength(1)
  expect(errors).toHaveLength(1)
})
