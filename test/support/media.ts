import { createHash, randomBytes } from 'node:crypto'

/** Content that no other test has, and its name. */
export function freshContent(bytes = 32) {
  return contentOf(randomBytes(bytes))
}

export function contentOf(content: string | Uint8Array) {
  const buffer = Buffer.from(content as Uint8Array)
  const hash = createHash('sha256').update(buffer).digest('hex')
  return { hash, blob: new Blob([new Uint8Array(buffer)]) }
}

/** The hash of what came back. */
export async function hashOf(blob: Blob | undefined): Promise<string | undefined> {
  return blob && contentOf(new Uint8Array(await blob.arrayBuffer())).hash
}
