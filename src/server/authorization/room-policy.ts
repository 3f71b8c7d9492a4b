import { userSid } from '../../base/ids.ts'
import type { RolePermissions } from '../../schema/permissions.ts'
import type { DurableDocument, Gate } from '../durable-document.ts'
import type { Room } from '../room.ts'
import { roomKindOf } from '../room-kind.ts'
import type { UpdateSender } from '../shadow-document.ts'
import { Authority, type AuthorityListener } from './authority.ts'

/** Who may have one room, and write what in it. */
export interface RoomPolicy {
  /** Resolves when it can be asked. */
  readonly whenReady: Promise<void>
  /** Why this identity may not have it; undefined = they may. */
  whyNotRead(identity: string): string | undefined
  /** Undefined = everybody who may have it may write everything. */
  gateOf(document: DurableDocument<UpdateSender>): Gate<UpdateSender> | undefined
  follow(listener: AuthorityListener): void
  release(): void
}

export interface PolicyContext {
  readonly permissions: RolePermissions
  /** Of rooms of other apps. */
  mayOpen(identity: string, room: string): boolean
  open(name: string): Room
}

/** The policies of all rooms; those of one conversation share an authority. */
export class RoomPolicies {
  readonly #context: PolicyContext
  readonly #authorities = new Map<string, { authority: Authority; uses: number }>()

  constructor(context: PolicyContext) {
    this.#context = context
  }

  open(name: string): RoomPolicy {
    const room = roomKindOf(name)
    switch (room.kind) {
      case 'conversation':
      case 'outbox':
      case 'page':
        return this.#ofConversation(room.sid, room.kind)
      case 'user':
        return userPolicy(room.sid)
      case 'other':
        return otherPolicy(identity => this.#context.mayOpen(identity, name))
    }
  }

  #ofConversation(sid: string, kind: 'conversation' | 'outbox' | 'page'): RoomPolicy {
    let known = this.#authorities.get(sid)
    if (!known || known.authority.isOver) {
      known = { authority: new Authority(sid, this.#context), uses: 0 }
      this.#authorities.set(sid, known)
    }
    const shared = known
    const { authority } = shared
    shared.uses += 1
    let stop = () => {}
    return {
      whenReady: authority.whenReady,
      whyNotRead: identity => authority.whyNotRead(identity),
      gateOf: () => undefined,
      follow: listener => {
        stop = authority.follow(listener)
      },
      release: () => {
        stop()
        shared.uses -= 1
        if (shared.uses > 0) return
        if (this.#authorities.get(sid) === shared) this.#authorities.delete(sid)
        authority.close()
      },
    }
  }
}

const always = { whenReady: Promise.resolve(), follow() {}, release() {} }

/** Everybody may see a user; what they write there only they themselves. */
function userPolicy(sid: string): RoomPolicy {
  return { ...always, whyNotRead: () => undefined, gateOf: () => undefined }
}

/** All or nothing. */
function otherPolicy(mayOpen: (identity: string) => boolean): RoomPolicy {
  return {
    ...always,
    whyNotRead: identity => (mayOpen(identity) ? undefined : 'not permitted to open this room'),
    gateOf: () => undefined,
  }
}
