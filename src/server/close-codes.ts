/*
 * y-websocket takes 4400-4499 as final, as HTTP's 4xx: it stops and says so. After every other code it tries again.
 */

export const GOING_AWAY = 1001
export const MESSAGE_TOO_BIG = 1009
export const INTERNAL_ERROR = 1011
export const TRY_LATER = 1013
export const MALFORMED = 4400
export const UNAUTHENTICATED = 4401
export const DENIED = 4403
export const TOO_LARGE = 4413

/** The end of a reason that is too long for the wire is left out: a closing frame has room for 123 bytes. */
export function closeReason(reason: string): string {
  let text = reason
  while (Buffer.byteLength(text) > MAX_REASON) text = text.slice(0, -1)
  return text
}

const MAX_REASON = 123

/** What a client sent cannot be accepted: its connection is closed with this code and message. */
export class Refusal extends Error {
  readonly code: number

  constructor(code: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
