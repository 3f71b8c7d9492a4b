import { randomInt } from 'node:crypto'
import type { DocumentLog } from './log/document-log.ts'

/** No request can name it. */
const ROOM = '\u0001server'

/**
 * The Yjs client id under which servers write, the same as long as their storage lives: documents remember every
 * one that ever wrote in them. What was written under it and seen by anybody is in the storage, so it goes on behind that.
 */
export async function serverClientId(storage: DocumentLog): Promise<number> {
  return Number(await storage.claim(ROOM, 'client-id', String(randomInt(1, 2 ** 32))))
}
