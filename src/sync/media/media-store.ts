/**
 * Where attachments are kept, by the SHA-256 of their content in 64 hex digits. What lies under a hash never
 * changes, so nothing is ever in conflict, and to put something twice does no harm.
 */
export interface MediaStore {
  /**
   * Resolves to undefined where it is not; rejects where that cannot be known. The blob's type means nothing: the
   * message says what it is.
   */
  get(hash: string, signal?: AbortSignal): Promise<Blob | undefined>
  /** Resolves when it is durable; rejects when it cannot be kept. */
  put(hash: string, blob: Blob, signal?: AbortSignal): Promise<void>
}

/** On this device. It also remembers, over sessions, what is still to be uploaded. Must settle in bounded time. */
export interface LocalMediaStore extends MediaStore {
  /** As `put`, and in the same step notes that it is to be uploaded. */
  putOwn(hash: string, blob: Blob): Promise<void>
  /** The hashes that are still to be uploaded, in any order. */
  pending(): Promise<string[]>
  /** Takes the note away; the blob stays. */
  uploaded(hash: string): Promise<void>
  /** Nothing else is called afterwards. */
  close?(): void
}
