import * as Y from 'yjs'

/** Where a struct lies: under a key of a root map, or in the list that lies there. */
export interface Place {
  readonly root: string
  /** Null = in the root itself as if that were a list, which none of ours is for clients. */
  readonly key: string | null
  /** The id of the list it is an element of. */
  readonly list: Y.ID | undefined
}

/** Where nothing of ours lies: no grammar knows the root, and no root of this name can be created by an app. */
export const ASTRAY: Place = { root: '\0', key: null, list: undefined }

/** Of a struct that a document has; null = it is garbage, of which nobody knows where it was. */
export function placeOf(struct: Y.Item | Y.GC, { share }: Pick<Y.Doc, 'share'>): Place | null {
  if (!(struct instanceof Y.Item)) return null
  const parent = struct.parent as Y.AbstractType<unknown>
  const { parentSub: key } = struct
  const holder = parent._item
  if (holder === null) return { root: rootName(parent, share), key, list: undefined }
  const root = holder.parent as Y.AbstractType<unknown>
  if (root._item !== null || key !== null) return ASTRAY
  return { root: rootName(root, share), key: holder.parentSub, list: holder.id }
}

export function isSamePlace(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.root === b.root &&
    a.key === b.key &&
    a.list?.client === b.list?.client &&
    a.list?.clock === b.list?.clock
  )
}

function rootName(type: Y.AbstractType<unknown>, share: Y.Doc['share']): string {
  for (const [name, root] of share) if (root === type) return name
  return ASTRAY.root
}
