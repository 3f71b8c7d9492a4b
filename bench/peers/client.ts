import * as Y from 'yjs'
import type { Persistence } from '../../src/sync/provider.ts'
import { openConversation } from '../ours.ts'
import { type Listed, READER } from './chat.ts'
import type { Stored } from './library.ts'
import { SID } from './ours-documents.ts'

/** The participants as an app gets them: by the client, which opens the conversation's document only. */
export async function listByClient(
  stored: Stored,
): Promise<{ listed: Listed[]; close(): Promise<void> }> {
  const done = Promise.resolve()
  const persistence: Persistence = ({ name, doc }) => {
    const bytes = stored.get(name.replace(/^CH[0-9a-f]{32}/, SID))
    if (bytes) Y.applyUpdate(doc, bytes)
    return { whenLoaded: done, flush: () => done, destroy: () => done }
  }
  const { client, conversation } = await openConversation(READER, undefined, { persistence })
  const listed: Listed[] = []
  for (const participant of await conversation.getParticipants()) {
    const { identity, attributes, lastReadMessageIndex: lastRead } = participant
    listed.push({ identity: identity as string, attributes, lastRead })
  }
  return { listed, close: () => client.close() }
}
