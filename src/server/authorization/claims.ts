/*
 * What is claimed in a document's log, so that it belongs to one identity for good, on all servers: a client id under
 * which is written, and to have created the conversation.
 */

export const CREATOR_CLAIM = 'creator'

const WRITER = 'writer/'

export const writerClaim = (writer: number): string => `${WRITER}${writer}`

/** The client id whose claim this is; undefined = another kind of claim. */
export function writerOfClaim(key: string): number | undefined {
  return key.startsWith(WRITER) ? Number(key.slice(WRITER.length)) : undefined
}
