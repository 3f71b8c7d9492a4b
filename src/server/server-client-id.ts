import { randomInt } from 'node:crypto'
import type { DocumentLog } from './log/document-log.ts'

/** No request can name it. */
export const SERVER_ROOM = '\u0001server'

/**
 * The Yjs client id under which servers write, the same as long as their storage lives: documents remember every
 * one that ever wrote in them. What was written under it and seen by anybody is in the storage, so it goes on behind that.
 */
export async function serverClientId(storage: DocumentLog): Promise<number> {
  return Number(await storage.claim(SERVER_ROOM, 'client-id', String(randomInt(1, 2 ** 32))))
}

/**
 * The next server on this storage writes under another one. Call it, while no server has the storage open, wherever the storage
 * knows less than was written, as after a backup was restored: devices may know the rest, and Yjs would never notice that
 * something else was written in its place.
 */
export async function renewServerClientId(storage: DocumentLog): Promise<void> {
  await storage.erase(SERVER_ROOM)
}
