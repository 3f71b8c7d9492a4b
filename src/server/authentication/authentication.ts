import type { IncomingMessage } from 'node:http'
import { ConversationsError } from '../../base/errors.ts'
import { isWellFormed } from '../../base/json.ts'
import type { Access } from '../access.ts'
import { DENIED, Refusal, TRY_LATER, UNAUTHENTICATED } from '../close-codes.ts'
import type { ServerContext } from '../options.ts'
import type { Authenticate, AuthenticatedIdentity } from './authenticate.ts'
import { MAX_TOKEN_LENGTH, redact, tokenOf } from './token.ts'

/** Bytes in UTF-8; an identity is in the keys of what it writes. */
const MAX_IDENTITY_BYTES = 512

/** Bytes in UTF-8; a WebSocket's close frame has room for 123. */
const MAX_REASON_BYTES = 120

/** Asks an `Authenticate` in bounded time, and makes a `Refusal` without secrets of whatever goes wrong. */
export class Authentication {
  readonly #authenticate: Authenticate
  readonly #access: Access
  readonly #context: Pick<ServerContext, 'clock' | 'timings' | 'log' | 'metrics'>

  constructor(
    authenticate: Authenticate,
    access: Access,
    context: Pick<ServerContext, 'clock' | 'timings' | 'log' | 'metrics'>,
  ) {
    this.#authenticate = authenticate
    this.#access = access
    this.#context = context
  }

  /** @throws Refusal (rejects) of code 4401, 4403 or 1013 */
  async check(request: IncomingMessage, token = tokenOf(request)): Promise<AuthenticatedIdentity> {
    try {
      if (token && token.length > MAX_TOKEN_LENGTH)
        throw new Refusal(UNAUTHENTICATED, 'token too long')
      return this.#checked(await this.#ask(token, request))
    } catch (error) {
      const refusal = refusalOf(error, token)
      const detail = error instanceof Error ? error.message : String(error)
      const why = redact(detail.slice(0, 500), token)
      const { log, metrics } = this.#context
      log.warn(`a client is turned away: ${refusal.message}`, {
        address: this.#access.addressOf(request),
        code: refusal.code,
        ...(why !== refusal.message && { why }),
      })
      metrics.turnedAway.add(1, { reason: reasonLabels[refusal.code] ?? 'unauthenticated' })
      throw refusal
    }
  }

  async #ask(token: string | undefined, request: IncomingMessage): Promise<unknown> {
    const { clock, timings } = this.#context
    let cancel = () => {}
    const timeout = new Promise<never>((_, reject) => {
      cancel = clock.setTimeout(
        () => reject(new Refusal(TRY_LATER, 'authentication takes too long')),
        timings.authenticateWithinMs,
      )
    })
    try {
      // Also what it throws at once is a rejection.
      const answer = (async () => this.#authenticate(token, request))()
      return await Promise.race([answer, timeout])
    } finally {
      cancel()
    }
  }

  /** What came from the outside may be anything. */
  #checked(answer: unknown): AuthenticatedIdentity {
    const { identity, expiresAtMs } = (answer ?? {}) as Partial<AuthenticatedIdentity>
    const isIdentity = typeof identity === 'string' && identity !== '' && isWellFormed(identity)
    if (
      !isIdentity ||
      Buffer.byteLength(identity) > MAX_IDENTITY_BYTES ||
      /\p{Cc}/u.test(identity)
    ) {
      throw new Refusal(UNAUTHENTICATED, 'the token names no usable identity')
    }
    if (expiresAtMs === undefined) return { identity }
    // Also if it is no number.
    if (!(expiresAtMs > this.#context.clock.now()))
      throw new Refusal(UNAUTHENTICATED, 'token expired')
    return { identity, expiresAtMs }
  }
}

const reasonLabels: Record<number, string> = {
  [UNAUTHENTICATED]: 'unauthenticated',
  [DENIED]: 'denied',
  [TRY_LATER]: 'unavailable',
}

function refusalOf(error: unknown, token: string | undefined): Refusal {
  if (error instanceof Refusal) return error
  if (!(error instanceof ConversationsError)) {
    return new Refusal(UNAUTHENTICATED, 'the token is not accepted')
  }
  const reason = shorten(redact(error.message, token))
  if (error.code === 'denied') return new Refusal(DENIED, reason)
  if (error.code === 'transport') return new Refusal(TRY_LATER, reason)
  return new Refusal(UNAUTHENTICATED, reason)
}

function shorten(text: string): string {
  return Buffer.from(text)
    .subarray(0, MAX_REASON_BYTES)
    .toString()
    .replace(/\uFFFD$/, '')
}
