import { readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stored } from './library.ts'

/** Writes the documents of a conversation, for other processes. */
export async function writeFolder(stored: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'y-conversations-bench-'))
  for (const [name, bytes] of stored) await writeFile(fileOf(folder, name), bytes)
  return folder
}

export function readFolder(folder: string): Stored {
  return { get: name => new Uint8Array(readFileSync(fileOf(folder, name))) }
}

function fileOf(folder: string, name: string): string {
  return join(folder, encodeURIComponent(name))
}
