import * as Y from 'yjs'
import type { DocumentLog } from './log/document-log.ts'

/** No request can name it. */
const ROOM = '\u0001server'

/**
 * The Yjs client id under which a server writes, the same as long as its storage lives: documents remember every
 * one that ever wrote in them. What was written under it and seen by anybody is in the storage, so it goes on behind that.
 */
export async function serverClientId(storage: DocumentLog): Promise<number> {
  const doc = new Y.Doc()
  const { updates } = await storage.read(ROOM)
  for (const update of updates) Y.applyUpdate(doc, update)
  const stored = doc.getMap('server').get('clientId')
  if (typeof stored === 'number') return stored
  const made = doc.clientID
  doc.getMap('server').set('clientId', made)
  await storage.append(ROOM, [Y.encodeStateAsUpdate(doc)])
  return made
}
