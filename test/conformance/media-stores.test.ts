import 'fake-indexeddb/auto'
import { describe, expect, it } from 'vitest'
import { httpMedia } from '../../src/sync/media/http-media.ts'
import { indexeddbMedia } from '../../src/sync/media/indexeddb-media.ts'
import type { LocalMediaStore, MediaStore } from '../../src/sync/media/media-store.ts'
import { memoryMedia } from '../../src/sync/media/memory-media.ts'
import { contentOf, freshContent, hashOf } from '../support/media.ts'
import { startServer } from '../unit/server/support/clients.ts'
import { temporaryDirectory } from '../unit/server/support/storage.ts'

let databases = 0
const freshDatabase = () => indexeddbMedia({ prefix: `media-stores-${++databases}/` })

const stores: Record<string, () => MediaStore | Promise<MediaStore>> = {
  memory: memoryMedia,
  IndexedDB: freshDatabase,
  'the server, on disk': async () => {
    const { url } = await startServer({ storage: await temporaryDirectory() })
    return httpMedia({ url })
  },
  'the server, in memory': async () => httpMedia({ url: (await startServer()).url }),
}

describe.each(Object.entries(stores))('a media store: %s', (_name, open) => {
  it('gives back exactly what was put', async () => {
    const store = await open()
    const contents = [
      contentOf(''),
      contentOf('text with ünicode'),
      contentOf(Uint8Array.from({ length: 256 }, (_, byte) => byte)),
      freshContent(3_000_000),
    ]
    for (const { hash, blob } of contents) await store.put(hash, blob)
    for (const { hash } of contents) expect(await hashOf(await store.get(hash))).toBe(hash)
  })

  it('says of what is not there that it is not', async () => {
    const store = await open()
    expect(await store.get(freshContent().hash)).toBeUndefined()
  })

  it('takes the same twice, also at once', async () => {
    const store = await open()
    const { hash, blob } = freshContent(100_000)
    await Promise.all([store.put(hash, blob), store.put(hash, blob)])
    await store.put(hash, blob)
    expect(await hashOf(await store.get(hash))).toBe(hash)
  })

  it('keeps many at once apart', async () => {
    const store = await open()
    const contents = Array.from({ length: 40 }, (_, i) => freshContent(i * 100))
    await Promise.all(contents.map(({ hash, blob }) => store.put(hash, blob)))
    const found = await Promise.all(contents.map(async ({ hash }) => hashOf(await store.get(hash))))
    expect(found).toEqual(contents.map(({ hash }) => hash))
  })
})

const localStores: Record<string, () => LocalMediaStore> = {
  memory: memoryMedia,
  IndexedDB: freshDatabase,
}

describe.each(Object.entries(localStores))('a media store of this device: %s', (_name, open) => {
  it('remembers of its own what is to be uploaded, until it is', async () => {
    const store = open()
    const [a, b, cached] = [freshContent(), freshContent(), freshContent()]
    expect(await store.pending()).toEqual([])
    await store.putOwn(a.hash, a.blob)
    await store.putOwn(b.hash, b.blob)
    await store.putOwn(b.hash, b.blob)
    await store.put(cached.hash, cached.blob)
    expect((await store.pending()).sort()).toEqual([a.hash, b.hash].sort())
    await store.uploaded(a.hash)
    await store.uploaded(a.hash)
    await store.uploaded(freshContent().hash)
    expect(await store.pending()).toEqual([b.hash])
    expect(await hashOf(await store.get(a.hash))).toBe(a.hash)
    expect(await hashOf(await store.get(b.hash))).toBe(b.hash)
  })

  it('still uploads its own when the same is fetched', async () => {
    const store = open()
    const { hash, blob } = freshContent()
    await store.putOwn(hash, blob)
    await store.put(hash, blob)
    expect(await store.pending()).toEqual([hash])
  })
})
