import { ConversationsError } from '../../base/errors.ts'
import { outboxName, pageName } from '../../schema/messages/ids.ts'
import type { DocumentLog } from '../log/document-log.ts'
import { roomKindOf } from '../room-kind.ts'

/** @throws ConversationsError `invalid-argument` */
export function checkConversationSid(sid: string): void {
  if (typeof sid === 'string' && roomKindOf(sid).kind === 'conversation') return
  throw new ConversationsError(
    'invalid-argument',
    `${JSON.stringify(sid)} is no conversation's sid; pass CH and 32 hex digits`,
  )
}

/** The sids of all conversations of which there is a document. */
export async function* conversationSids(storage: DocumentLog): AsyncIterable<string> {
  const seen = new Set<string>()
  for await (const name of storage.names('CH')) {
    const room = roomKindOf(name)
    if (room.kind === 'user' || room.kind === 'other' || seen.has(room.sid)) continue
    seen.add(room.sid)
    yield room.sid
  }
}

/**
 * The names of the documents that a conversation may have: its own, its outboxes, then the pages there are. Whoever reads
 * them one after the other in this order misses nothing of what is moved from the outboxes to a page meanwhile.
 */
export async function* conversationDocuments(
  storage: DocumentLog,
  sid: string,
): AsyncIterable<string> {
  yield sid
  yield outboxName(sid)
  const pages: number[] = []
  for await (const name of storage.names(pageName(sid, 0).slice(0, -1))) {
    if (roomKindOf(name).kind === 'page') pages.push(Number(name.slice(name.lastIndexOf('/') + 1)))
  }
  for (const page of pages.sort((a, b) => a - b)) yield pageName(sid, page)
}
