import { Media } from '../../src/model/media.ts'
import { contentHash } from '../../src/sync/media/content-hash.ts'
import { httpMedia } from '../../src/sync/media/http-media.ts'
import { indexeddbMedia } from '../../src/sync/media/indexeddb-media.ts'
import { MediaLibrary } from '../../src/sync/media/media-library.ts'

/** What a page of the tests of attachments has as its global. */
export function openLibrary(prefix: string, url?: string) {
  const errors: string[] = []
  const local = indexeddbMedia({ prefix })
  const library = new MediaLibrary({
    local,
    remote: url === undefined ? undefined : httpMedia({ url, getToken: () => 'token' }),
    onError: ({ code, reason }) => errors.push(`${code}: ${reason}`),
  })
  const hashOf = async (blob: Blob) => contentHash(await blob.arrayBuffer())
  return {
    library,
    errors,
    putRandom: async (bytes: number) => {
      const content = new Uint8Array(bytes)
      // So many at once are the most there are.
      for (let at = 0; at < bytes; at += 65_536) {
        crypto.getRandomValues(content.subarray(at, at + 65_536))
      }
      return library.put(new Blob([content]))
    },
    putText: (text: string) => library.put(new Blob([text])),
    /** Of what is found under a hash, or the code of the error. */
    find: (hash: string) => library.get(hash).then(hashOf, error => error.code as string),
    pending: () => local.pending(),
    isHere: async (hash: string) => (await local.get(hash)) !== undefined,
    urlOf: async (hash: string, contentType: string) => {
      const record = { hash, contentType, size: 1, filename: null }
      const media = new Media('ME', record, hash => library.get(hash))
      return media.getContentTemporaryUrl()
    },
  }
}

export type LibraryPage = ReturnType<typeof openLibrary>
