import { isObject } from '../base/json.ts'

/** What may be done in a conversation. Own attributes, own horizon, own messages and leaving are not in the list: see `PERMISSIONS`. */
export type Permission = (typeof PERMISSIONS)[number]

export const PERMISSIONS = [
  /** See the conversation at all. */
  'read',
  /** Become a participant without being added. */
  'join',
  /** Send messages, and edit and remove own ones. */
  'sendMessage',
  'addParticipant',
  'removeParticipant',
  /** Change the attributes of other participants. */
  'editParticipant',
  'changeRole',
  /** Change the names and attributes of the conversation. */
  'editConversation',
  /** Edit other people's messages and their attributes. */
  'editMessage',
  /** Change the attributes of other people's messages, as reactions do. */
  'editMessageAttributes',
  /** Remove other people's messages. */
  'removeMessage',
] as const

/** What each role may do, by its sid. */
export type RolePermissions = Readonly<Record<string, readonly Permission[]>>

/** Of participants without a role, and of a role that the table does not have. */
export const MEMBER = 'member'
/** Of who creates the conversation, beside those who are given it. */
export const ADMIN = 'admin'
/** Of who is no participant. */
export const GUEST = 'guest'

/** An invitation-only group with its creator in charge. */
export const DEFAULT_PERMISSIONS: RolePermissions = {
  [ADMIN]: PERMISSIONS,
  [MEMBER]: ['read', 'sendMessage', 'editMessageAttributes'],
  [GUEST]: [],
}

/** Somebody's standing in a conversation. */
export interface Standing {
  readonly isCreator: boolean
  /** `''` = a participant without a role; undefined = no participant. */
  readonly roleSid: string | undefined
}

/** Whether somebody may do something; told by the client early, by the server finally. */
export function isPermitted(
  { isCreator, roleSid }: Standing,
  permission: Permission,
  roles: RolePermissions = DEFAULT_PERMISSIONS,
): boolean {
  if (isCreator) return true
  const role = roleSid === undefined ? GUEST : Object.hasOwn(roles, roleSid) ? roleSid : MEMBER
  return (
    (Object.hasOwn(roles, role) ? roles[role] : DEFAULT_PERMISSIONS[role])?.includes(permission) ??
    false
  )
}

/** Total: undefined for whatever is no such table. Permissions of a later version are left out. */
export function readRolePermissions(value: unknown): RolePermissions | undefined {
  if (!isObject(value)) return undefined
  const roles = Object.entries(value)
  if (!roles.every(([, permissions]) => Array.isArray(permissions))) return undefined
  return Object.fromEntries(
    roles.map(([role, permissions]) => [
      role,
      PERMISSIONS.filter(permission => (permissions as unknown[]).includes(permission)),
    ]),
  )
}
