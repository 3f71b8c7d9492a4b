import { forceCloseDatabase } from 'fake-indexeddb'
import { expect, onTestFinished, test, vi } from 'vitest'
import { clearIndexeddb } from '../../../../src/sync/indexeddb.ts'
import { indexeddbMedia } from '../../../../src/sync/media/indexeddb-media.ts'
import { freshContent, hashOf } from '../../../support/media.ts'
import { abortCommits, freshName, openRaw, resultOf, testClock } from '../indexeddb-support.ts'

const freshPrefix = () => `${freshName()}/`

/** All connections that are opened from now on. */
function spyOnConnections(): IDBDatabase[] {
  const opened: IDBDatabase[] = []
  const { open } = indexedDB
  const spy = vi.spyOn(indexedDB, 'open').mockImplementation(name => {
    const request = open.call(indexedDB, name)
    request.addEventListener('success', () => opened.push(request.result))
    return request
  })
  onTestFinished(() => spy.mockRestore())
  return opened
}

test('what was kept is there in the next session, with what is still to be uploaded', async () => {
  const prefix = freshPrefix()
  const [own, cached] = [freshContent(), freshContent()]
  const first = indexeddbMedia({ prefix })
  await first.putOwn(own.hash, own.blob)
  await first.put(cached.hash, cached.blob)
  first.close?.()
  const second = indexeddbMedia({ prefix })
  expect(await hashOf(await second.get(own.hash))).toBe(own.hash)
  expect(await hashOf(await second.get(cached.hash))).toBe(cached.hash)
  expect(await second.pending()).toEqual([own.hash])
})

test('what is put has been committed, with its note, when put resolves', async () => {
  const prefix = freshPrefix()
  const { hash, blob } = freshContent()
  await indexeddbMedia({ prefix }).putOwn(hash, blob)
  const db = await resultOf(indexedDB.open(`${prefix}media`))
  const keys = await resultOf(db.transaction('media').objectStore('media').getAllKeys())
  db.close()
  expect(keys).toEqual([hash, `pending/${hash}`])
})

test('a full disk rejects with a reason, keeps neither half, and works again when there is room', async () => {
  const store = indexeddbMedia({ prefix: freshPrefix() })
  const { hash, blob } = freshContent()
  expect(await store.pending()).toEqual([])
  const restore = abortCommits('QuotaExceededError')
  const failure = { name: 'ConversationsError', code: 'storage', reason: 'quota' }
  await expect(store.putOwn(hash, blob)).rejects.toMatchObject(failure)
  restore()
  expect(await store.pending()).toEqual([])
  expect(await store.get(hash)).toBeUndefined()
  await store.putOwn(hash, blob)
  expect(await store.pending()).toEqual([hash])
})

test('an aborted transaction rejects, and the next call has a new connection', async () => {
  const store = indexeddbMedia({ prefix: freshPrefix() })
  const opened = spyOnConnections()
  const { hash, blob } = freshContent()
  await store.get(hash)
  const restore = abortCommits('UnknownError')
  await expect(store.put(hash, blob)).rejects.toMatchObject({ code: 'storage', reason: 'aborted' })
  restore()
  await store.put(hash, blob)
  expect(await store.get(hash)).toBeDefined()
  expect(opened).toHaveLength(2)
})

test('a database that is closed or deleted under it is opened again by the next call', async () => {
  const prefix = freshPrefix()
  const store = indexeddbMedia({ prefix })
  const opened = spyOnConnections()
  const { hash, blob } = freshContent()
  await store.put(hash, blob)
  forceCloseDatabase(opened[0] as unknown as Parameters<typeof forceCloseDatabase>[0])
  expect(await store.get(hash)).toBeDefined()
  // Our connection does not stand in the way.
  await clearIndexeddb('media', { prefix, loadTimeoutMs: 1_000 })
  expect(await store.get(hash)).toBeUndefined()
  await store.put(hash, blob)
  expect(await store.get(hash)).toBeDefined()
  expect(opened).toHaveLength(3)
})

test('without IndexedDB every call rejects, at once', async () => {
  const original = globalThis.indexedDB
  Reflect.deleteProperty(globalThis, 'indexedDB')
  onTestFinished(() => {
    globalThis.indexedDB = original
  })
  const clock = testClock()
  const store = indexeddbMedia({ prefix: freshPrefix(), clock })
  const { hash, blob } = freshContent()
  const failure = { code: 'storage', reason: 'unavailable' }
  await expect(store.get(hash)).rejects.toMatchObject(failure)
  await expect(store.put(hash, blob)).rejects.toMatchObject(failure)
  await expect(store.pending()).rejects.toMatchObject(failure)
  expect(clock.pendingMs).toEqual([])
})

test('a database that does not open is waited for no longer than said, and used once it does', async () => {
  const prefix = freshPrefix()
  const clock = testClock()
  const store = indexeddbMedia({ prefix, timeoutMs: 700, clock })
  const { hash, blob } = freshContent()
  const spy = vi.spyOn(indexedDB, 'open').mockReturnValue({} as IDBOpenDBRequest)
  onTestFinished(() => spy.mockRestore())
  const reading = expect(store.get(hash)).rejects.toMatchObject({
    code: 'storage',
    reason: 'timeout',
  })
  expect(clock.pendingMs).toEqual([700])
  clock.advance(700)
  await reading
  spy.mockRestore()
  await store.put(hash, blob)
  expect(await store.get(hash)).toBeDefined()
})

test('a connection that comes when nobody waits for it any more is closed', async () => {
  const prefix = freshPrefix()
  const clock = testClock()
  const opened = spyOnConnections()
  const store = indexeddbMedia({ prefix, clock })
  const reading = expect(store.get(freshContent().hash)).rejects.toMatchObject({
    reason: 'timeout',
  })
  clock.advance(10_000)
  await reading
  await vi.waitFor(() => expect(opened).toHaveLength(1))
  await vi.waitFor(() => expect(() => opened[0]?.transaction('media')).toThrow(/InvalidState/))
})

test('a database of another program is left alone', async () => {
  const prefix = freshPrefix()
  ;(await openRaw(`${prefix}media`)).close()
  const store = indexeddbMedia({ prefix })
  await expect(store.get(freshContent().hash)).rejects.toMatchObject({
    code: 'storage',
    reason: 'foreign-database',
  })
})
