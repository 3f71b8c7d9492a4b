import type { Awareness } from 'y-protocols/awareness'
import { isObject } from '../base/json.ts'

/** What a device says of itself in awareness. */
export interface Presence {
  readonly identity: string
  /** Goes up with every refresh of typing; absent = not typing. */
  readonly typing?: number
}

/** Total: undefined for whatever is not ours. */
export function decodePresence(state: unknown): Presence | undefined {
  if (!isObject(state) || typeof state.identity !== 'string' || state.identity === '')
    return undefined
  const { identity, typing } = state
  return typeof typing === 'number' ? { identity, typing } : { identity }
}

/** Says it; keeps what an app has put beside it. Null = not here. */
export function announcePresence(awareness: Awareness, presence: Presence | null): void {
  const state = awareness.getLocalState()
  if (presence === null && state === null) return
  const { identity: _, typing: __, ...others } = state ?? {}
  const isEmpty = presence === null && Object.keys(others).length === 0
  awareness.setLocalState(isEmpty ? null : { ...others, ...presence })
}

/** The presence of a device, by its client id. */
export function presenceOf(awareness: Awareness, clientId: number): Presence | undefined {
  return decodePresence(awareness.getStates().get(clientId))
}
