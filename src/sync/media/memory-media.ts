import type { LocalMediaStore } from './media-store.ts'

/** Keeps attachments for as long as the page or process lives. */
export function memoryMedia(): LocalMediaStore {
  const blobs = new Map<string, Blob>()
  const pending = new Set<string>()
  return {
    get: async hash => blobs.get(hash),
    async put(hash, blob) {
      blobs.set(hash, blob)
    },
    async putOwn(hash, blob) {
      blobs.set(hash, blob)
      pending.add(hash)
    },
    pending: async () => [...pending],
    async uploaded(hash) {
      pending.delete(hash)
    },
  }
}
