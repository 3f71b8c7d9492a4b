import * as Y from 'yjs'

/**
 * Maps nested so deep that Yjs runs out of stack when it deletes the outermost, which makes it throw in the middle
 * of a transaction; well-formed in every detail. Client id 9; `deepDeletion` deletes what this wrote.
 */
export function deepUpdate(depth: number): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = 9
  doc.transact(() => {
    let parent = doc.getMap('map')
    for (let i = 0; i < depth; i++) {
      const child = new Y.Map()
      parent.set('deep', child)
      parent = child as Y.Map<unknown>
    }
  })
  return Y.encodeStateAsUpdate(doc)
}

/** Deletes the first item of client 9: no structs, one client with one range `[0, 1)`. */
export const deepDeletion = new Uint8Array([0, 1, 9, 1, 0, 1])
