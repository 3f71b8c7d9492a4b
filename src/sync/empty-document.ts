import { uint32 } from 'lib0/random'
import * as Y from 'yjs'

/**
 * Takes everything out of a document as if it had never been there, and goes on under a new client id.
 *
 * In place, because views, providers and perhaps the app hold the document and its root types. By the internals of Yjs,
 * because it has no way to take a struct back: deleting is a write like another, and a server that has refused structs
 * refuses everything that comes after them under their client id. Nothing is told to observers. Not inside a transaction.
 */
export function emptyDocument(doc: Y.Doc): void {
  doc.clientID = uint32()
  doc.store = new Y.Doc().store
  for (const type of doc.share.values()) {
    type._map = new Map()
    type._start = null
    type._length = 0
    // Remembered places in lists, which are not there any more.
    if (type._searchMarker) type._searchMarker = []
  }
}
