import type { RolePermissions } from '../../schema/permissions.ts'
import type { DurableDocument, Gate } from '../durable-document.ts'
import type { Room } from '../room.ts'
import { roomKindOf } from '../room-kind.ts'
import type { UpdateSender } from '../shadow-document.ts'
import { Authority, type AuthorityListener } from './authority.ts'
import { conversationGrammar } from './conversation-grammar.ts'
import { AuthorityFacts, type FactsContext, UserFacts } from './document-facts.ts'
import { gateOf } from './gate.ts'
import type { Grammar } from './grammar.ts'
import { outboxGrammar } from './outbox-grammar.ts'
import { pageGrammar } from './page-grammar.ts'
import { userGrammar } from './user-grammar.ts'

type RoomDocument = DurableDocument<UpdateSender>

/** Who may have one room, and write what in it. */
export interface RoomPolicy {
  /** Resolves when it can be asked. */
  readonly whenReady: Promise<void>
  /** Why this identity may not have it; undefined = they may. */
  whyNotRead(identity: string): string | undefined
  /** Undefined = everybody who may have it may write everything. */
  gateOf(document: RoomDocument): Gate<UpdateSender> | undefined
  follow(listener: AuthorityListener): void
  release(): void
}

export interface PolicyContext extends FactsContext {
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
        return userPolicy(room.sid, this.#context)
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
      gateOf: document =>
        gateOf(
          document,
          this.#grammarOf(kind, authority, document),
          () => kind === 'conversation' && authority.standings.creator === undefined,
        ),
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

  #grammarOf(kind: string, authority: Authority, { doc }: RoomDocument): Grammar {
    const facts = new AuthorityFacts(authority, doc, this.#context)
    switch (kind) {
      case 'conversation':
        return conversationGrammar(facts)
      case 'outbox':
        return outboxGrammar(facts)
      default:
        return pageGrammar
    }
  }
}

const always = { whenReady: Promise.resolve(), follow() {}, release() {} }

/** Everybody may see a user; what they write there only they themselves. */
function userPolicy(sid: string, context: FactsContext): RoomPolicy {
  const gateOfUser = (document: RoomDocument) =>
    gateOf(document, userGrammar(sid, new UserFacts(document.doc, context)))
  return { ...always, whyNotRead: () => undefined, gateOf: gateOfUser }
}

/** All or nothing. */
function otherPolicy(mayOpen: (identity: string) => boolean): RoomPolicy {
  return {
    ...always,
    whyNotRead: identity => (mayOpen(identity) ? undefined : 'not permitted to open this room'),
    gateOf: () => undefined,
  }
}
