import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConversationsError } from '../../base/errors.ts'
import type { MediaStorage } from './media-storage.ts'

/**
 * Keeps attachments in a directory, a file for each, named by its hash. Only one process may use it.
 *
 * @throws ConversationsError (rejects) `storage` of reason `open-failed`
 */
export async function mediaDirectory(directory: string): Promise<MediaStorage> {
  const incoming = join(directory, 'incoming')
  try {
    // What a killed process had not received completely.
    await rm(incoming, { recursive: true, force: true })
    await mkdir(incoming, { recursive: true })
  } catch (cause) {
    throw new ConversationsError('storage', `Cannot open the media directory ${directory}`, {
      reason: 'open-failed',
      cause,
    })
  }
  const pathOf = (hash: string) => join(directory, hash)
  return {
    async size(hash) {
      try {
        return (await stat(pathOf(hash))).size
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    read: hash => createReadStream(pathOf(hash)),
    async write(hash, chunks) {
      const temporary = join(incoming, randomUUID())
      try {
        await writeDurably(temporary, chunks)
        await rename(temporary, pathOf(hash))
        await syncDirectory(directory)
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    },
  }
}

async function writeDurably(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await writeFile(file, chunks)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a new name durable, where the system knows how. */
async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory, and needs no such thing.
  if (process.platform === 'win32') return
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
