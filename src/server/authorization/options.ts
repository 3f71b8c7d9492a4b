import { DEFAULT_PERMISSIONS, type RolePermissions } from '../../schema/permissions.ts'
import { DEFAULT_VALUE_LIMITS, type ValueLimits } from './facts.ts'

export interface AuthorizationOptions {
  /** What each role may do in a conversation; those that are not given are as in `DEFAULT_PERMISSIONS`. */
  permissions?: RolePermissions
  /** Whether somebody may read and write a room that is no conversation and no user; nobody may if not given. */
  mayOpen?: (identity: string, room: string) => boolean
  /** How great values may be that clients write; as the clients' own limits if not given. */
  valueLimits?: Partial<ValueLimits>
}

/** What is authorised, where clients have identities. */
export interface Authorization {
  readonly permissions: RolePermissions
  readonly valueLimits: ValueLimits
  mayOpen(identity: string, room: string): boolean
}

export function authorizationOf({
  permissions,
  mayOpen = () => false,
  valueLimits,
}: AuthorizationOptions): Authorization {
  return {
    permissions: { ...DEFAULT_PERMISSIONS, ...permissions },
    valueLimits: { ...DEFAULT_VALUE_LIMITS, ...valueLimits },
    mayOpen,
  }
}
