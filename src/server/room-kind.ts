/** What lies in a room, by its name; see docs/format.md. */
export type RoomKind =
  | { readonly kind: 'conversation' | 'outbox' | 'page'; readonly sid: string }
  | { readonly kind: 'user'; readonly sid: string }
  /** Another app's. */
  | { readonly kind: 'other' }

const CONVERSATION = /^(CH[0-9a-f]{32})(?:\/(o|m\/(?:0|[1-9]\d{0,12})))?$/
const USER = /^US[0-9a-f]{32}$/

export function roomKindOf(name: string): RoomKind {
  const [, sid, part] = CONVERSATION.exec(name) ?? []
  if (sid) {
    return { kind: part === undefined ? 'conversation' : part === 'o' ? 'outbox' : 'page', sid }
  }
  return USER.test(name) ? { kind: 'user', sid: name } : { kind: 'other' }
}
