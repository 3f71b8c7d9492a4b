import type { IncomingMessage } from 'node:http'

/** Whom a token stands for. */
export interface AuthenticatedIdentity {
  readonly identity: string
  /** In milliseconds since 1970; not given = for as long as the connection lives. */
  readonly expiresAtMs?: number
}

/**
 * Says whom a token stands for; undefined = the request has none. What it throws refuses the connection:
 * a `ConversationsError` of code `denied` for good (4403), of code `transport` for now (1013: whoever could say is not
 * there), anything else until there is another token (4401). The message of a `ConversationsError` is told to the
 * client, so it must not contain secrets.
 */
export type Authenticate = (
  token: string | undefined,
  request: IncomingMessage,
) => AuthenticatedIdentity | Promise<AuthenticatedIdentity>
