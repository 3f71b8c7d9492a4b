import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ConversationsError } from '../base/errors.ts'
import type { JSONValue } from '../base/json.ts'
import type { SessionOptions } from '../sync/session.ts'

export interface ConversationOptions<Attributes = JSONValue> {
  /** Checks participants' attributes before they are written; it must be synchronous. */
  readonly participantAttributes?: StandardSchemaV1<unknown, Attributes> | undefined
  /**
   * Whether this device gives messages their final indices, in an app without a server that does. It must be the only
   * one, and the same one: everybody else's messages are pending until it is there.
   */
  readonly sequencer?: boolean | undefined
  /** An app's own document; it is used, and not destroyed on close. Default: that of `awareness`. */
  readonly doc?: SessionOptions['doc']
  /** An app's own awareness, of that document; it is used, and not destroyed on close. */
  readonly awareness?: SessionOptions['awareness']
}

/**
 * Options with the document that will be used.
 *
 * @throws {ConversationsError} `invalid-argument`
 */
export function readOptions<Attributes>(
  options: ConversationOptions<Attributes>,
): ConversationOptions<Attributes> {
  const { participantAttributes, sequencer, awareness, doc = awareness?.doc } = options
  if (sequencer !== undefined && typeof sequencer !== 'boolean') {
    throw new ConversationsError('invalid-argument', 'sequencer must be true or false')
  }
  // By what they can do: several copies of y-protocols do no harm, and those of Yjs are an error of their own.
  const isFine = doc?.transact
    ? awareness === undefined || (awareness?.doc === doc && awareness.getLocalState)
    : doc === undefined && awareness === undefined
  if (!isFine) {
    throw new ConversationsError(
      'invalid-argument',
      'doc must be a Y.Doc, and awareness an Awareness of it',
    )
  }
  return { participantAttributes, sequencer, doc, awareness }
}
