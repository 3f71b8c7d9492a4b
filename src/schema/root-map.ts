import * as Y from 'yjs'
import { ConversationsError } from '../base/errors.ts'

/**
 * The map at a root of a document.
 *
 * @throws {ConversationsError} `duplicate-yjs` if the document comes from another copy of Yjs, `invalid-argument`
 *   if the root is of another type
 */
export function rootMap(doc: Y.Doc, name: string): Y.Map<unknown> {
  assertSameYjs(doc)
  try {
    return doc.getMap(name)
  } catch (cause) {
    throw new ConversationsError(
      'invalid-argument',
      `The document's root "${name}" is not a Y.Map, so it is no conversation; pass a document of its own`,
      { cause },
    )
  }
}

/** Two copies of Yjs do not know each other's types: writes would be lost silently. */
export function assertSameYjs(doc: Y.Doc): void {
  if (doc instanceof Y.Doc) return
  throw new ConversationsError(
    'duplicate-yjs',
    'The document comes from another copy of Yjs than y-conversations uses. Run `npm ls yjs`, keep one version, ' +
      'and import it as an ES module only (bundler: alias or dedupe `yjs`)',
  )
}
