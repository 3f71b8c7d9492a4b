/** Where the server keeps attachments, by the SHA-256 of their content in 64 lower-case hex digits. */
export interface MediaStorage {
  /** In bytes; undefined where it is not kept. */
  size(hash: string): Promise<number | undefined>
  /** The content of one that is kept. */
  read(hash: string): AsyncIterable<Uint8Array>
  /**
   * Resolves when the content is durable. The chunks throw at their end if they are not what the hash says, and
   * anywhere if the client breaks off: then it rejects with that, and nothing is kept. Nobody may see a part.
   */
  write(hash: string, chunks: AsyncIterable<Uint8Array>): Promise<void>
}

/** Keeps attachments for as long as the process lives. */
export function memoryMedia(): MediaStorage {
  const contents = new Map<string, Uint8Array>()
  return {
    size: async hash => contents.get(hash)?.length,
    async *read(hash) {
      const content = contents.get(hash)
      if (content) yield content
    },
    async write(hash, chunks) {
      const all: Uint8Array[] = []
      for await (const chunk of chunks) all.push(chunk)
      contents.set(hash, Buffer.concat(all))
    },
  }
}
