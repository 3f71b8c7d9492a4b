import * as Y from 'yjs'
import { ConversationsError } from '../../base/errors.ts'
import { eraseTold } from '../hooks/told-log.ts'
import type { DocumentLog } from '../log/document-log.ts'
import { replay } from '../replay.ts'
import { renewServerClientId } from '../server-client-id.ts'
import { checkConversationSid, conversationDocuments } from './conversation-documents.ts'
import { ConversationFileWriter, readConversationFile } from './conversation-file.ts'

/**
 * A conversation with everything that is stored of it but the content of attachments, as the pieces of a file for
 * `importConversation`. Servers may go on meanwhile.
 *
 * @throws ConversationsError `invalid-argument`; `not-found`; `storage` if a stored update cannot be read
 */
export async function* exportConversation(
  storage: DocumentLog,
  sid: string,
): AsyncIterable<Uint8Array> {
  checkConversationSid(sid)
  const writer = new ConversationFileWriter()
  let isEmpty = true
  yield writer.head(sid)
  for await (const name of conversationDocuments(storage, sid)) {
    const { updates, claims } = await storage.read(name)
    if (updates.length === 0 && claims.size === 0) continue
    isEmpty = false
    const doc = replay(updates, (_, cause) => {
      throw new ConversationsError('storage', `${name}: a stored update cannot be read`, {
        reason: 'corrupt-row',
        cause,
      })
    })
    yield writer.document({ name, update: Y.encodeStateAsUpdate(doc), claims })
    doc.destroy()
  }
  if (isEmpty) throw new ConversationsError('not-found', `There is no conversation ${sid}`)
  yield writer.end()
}

export interface ImportOptions {
  /** Erases what is stored of the conversation first. If not given, that is refused. */
  readonly overwrite?: boolean
}

/**
 * Stores an exported conversation; resolves with its sid. Only where no server has the storage open: one that runs does not see it.
 *
 * @throws ConversationsError `invalid-argument` if it is no such file, or the conversation is there; then nothing was changed
 */
export async function importConversation(
  storage: DocumentLog,
  file: Uint8Array | AsyncIterable<Uint8Array>,
  { overwrite = false }: ImportOptions = {},
): Promise<string> {
  const { sid, documents } = readConversationFile(await whole(file))
  if (!overwrite && (await isThere(storage, sid))) {
    throw new ConversationsError(
      'invalid-argument',
      `The conversation ${sid} is stored already; pass { overwrite: true } to replace it`,
    )
  }
  await eraseConversation(storage, sid)
  // Its own document last: whoever sees that sees everything.
  for (const { name, update, claims } of documents.toReversed()) {
    for (const [key, owner] of claims) await storage.claim(name, key, owner)
    await storage.append(name, [update])
  }
  // What this server wrote after the export is unknown here, and somewhere else maybe not.
  await renewServerClientId(storage)
  return sid
}

/**
 * Forgets a conversation: its document, outboxes and log. Only where no server has the storage open. Devices that have it
 * bring it back when they connect, unless they are kept from it.
 */
export async function eraseConversation(storage: DocumentLog, sid: string): Promise<void> {
  checkConversationSid(sid)
  const names: string[] = []
  for await (const name of conversationDocuments(storage, sid)) names.push(name)
  // Stopped in between, what is left can be found and erased.
  for (const name of names.toReversed()) await storage.erase(name)
  await eraseTold(storage, sid)
  await storage.compact?.()
}

async function isThere(storage: DocumentLog, sid: string): Promise<boolean> {
  for await (const name of conversationDocuments(storage, sid)) {
    const { updates, claims } = await storage.read(name)
    if (updates.length > 0 || claims.size > 0) return true
  }
  return false
}

async function whole(file: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (file instanceof Uint8Array) return file
  const pieces: Uint8Array[] = []
  for await (const piece of file) pieces.push(piece)
  return Buffer.concat(pieces)
}
