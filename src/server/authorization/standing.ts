import { chatKey } from '../../schema/format.ts'
import { isPermitted, MEMBER, PERMISSIONS, type Permission } from '../../schema/permissions.ts'
import type { StandingFacts } from './facts.ts'

/** What an author may do in a conversation. */
export class AuthorStanding {
  /** The author's participant key. */
  readonly key: string
  readonly isCreator: boolean
  readonly roleSid: string | undefined
  readonly #permissions: StandingFacts['permissions']

  /** @param creates there was no creator, and the author becomes it */
  constructor(author: string, facts: StandingFacts, creates: boolean) {
    this.key = chatKey(author)
    this.isCreator = creates || facts.creator === author
    this.roleSid = facts.roleOf(this.key)
    this.#permissions = facts.permissions
  }

  may(permission: Permission): boolean {
    return isPermitted(this, permission, this.#permissions)
  }

  get isParticipant(): boolean {
    return this.roleSid !== undefined
  }

  /** Whether everybody may become a participant. */
  get isOpen(): boolean {
    return isPermitted({ isCreator: false, roleSid: undefined }, 'join', this.#permissions)
  }

  /** Whether a participant without a role may do something that the author may not. */
  get isRestricted(): boolean {
    const member = { isCreator: false, roleSid: MEMBER }
    return PERMISSIONS.some(one => isPermitted(member, one, this.#permissions) && !this.may(one))
  }
}
