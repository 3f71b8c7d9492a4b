import { DENIED, Refusal, TRY_LATER, UNAUTHENTICATED } from '../close-codes.ts'
import type { Allowance } from '../limits/allowance.ts'
import type { ServerContext } from '../options.ts'
import type { Visitor } from '../visitor.ts'
import type { AuthenticatedIdentity } from './authenticate.ts'

/** A token is not asked for when there is less time than this. */
const TOO_LATE_MS = 1_000

/** What the visitor's socket does for it. */
export interface VisitorSocket {
  /** Says that another token is wanted, to who speaks the extension. */
  askForToken(): void
  close(code: number, reason: string): void
}

export interface VisitorOptions {
  readonly address: string
  readonly speaksExtension: boolean
  readonly allowance: Allowance
  readonly socket: VisitorSocket
  /** @throws Refusal (rejects) */
  readonly check: (token: string) => Promise<AuthenticatedIdentity>
  readonly context: Pick<ServerContext, 'clock' | 'timings' | 'log'>
}

/** Somebody whose token has been accepted, until it expires; one for each socket. */
export class AuthenticatedVisitor implements Visitor {
  readonly identity: string
  readonly address: string
  readonly speaksExtension: boolean
  readonly allowance: Allowance
  readonly #options: VisitorOptions
  #expiresAtMs = Number.POSITIVE_INFINITY
  #askAtMs = Number.POSITIVE_INFINITY
  #isTokenWanted = false
  #isRenewing = false
  #isOver = false

  constructor(authenticated: AuthenticatedIdentity, options: VisitorOptions) {
    this.identity = authenticated.identity
    this.address = options.address
    this.speaksExtension = options.speaksExtension
    this.allowance = options.allowance
    this.#options = options
    this.#setExpiry(authenticated.expiresAtMs)
  }

  /** Asks for another token when it is time, and ends it when none came. */
  sweep(nowMs: number): void {
    if (this.#isOver) return
    if (nowMs >= this.#expiresAtMs) {
      // One that is being looked at came in time, and that is bounded.
      if (!this.#isRenewing) this.#end(UNAUTHENTICATED, 'token expired')
    } else if (nowMs >= this.#askAtMs && this.speaksExtension && !this.#isTokenWanted) {
      this.#isTokenWanted = true
      this.#options.socket.askForToken()
    }
  }

  /**
   * Takes the token that was asked for; one that was not, or a further one while it is looked at (each room of a
   * socket may bring it), is ignored. No method, as those who put something else around a visitor copy its properties.
   */
  readonly onToken = (token: string): void => {
    if (!this.#isTokenWanted || this.#isOver || this.#isRenewing) return
    this.#isRenewing = true
    void this.#renew(token).finally(() => {
      this.#isRenewing = false
    })
  }

  /** Its socket is gone. */
  leave(): void {
    this.#isOver = true
  }

  async #renew(token: string): Promise<void> {
    const { check, context } = this.#options
    try {
      const { identity, expiresAtMs } = await check(token)
      if (identity !== this.identity) throw new Refusal(DENIED, 'token of another identity')
      this.#isTokenWanted = false
      this.#setExpiry(expiresAtMs)
    } catch (error) {
      if (!(error instanceof Refusal)) {
        context.log.error('cannot take another token', error)
        this.#end(TRY_LATER, 'cannot take another token')
      } else if (error.code !== TRY_LATER) this.#end(error.code, error.message)
      // Whoever can say is not there at the moment: there may still be time to try it once more.
      else this.#isTokenWanted = false
    }
  }

  #setExpiry(expiresAtMs = Number.POSITIVE_INFINITY): void {
    const { clock, timings } = this.#options.context
    const leftMs = expiresAtMs - clock.now()
    this.#expiresAtMs = expiresAtMs
    this.#askAtMs =
      leftMs > TOO_LATE_MS
        ? expiresAtMs - Math.min(timings.tokenRenewalMs, leftMs / 2)
        : Number.POSITIVE_INFINITY
  }

  #end(code: number, reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.socket.close(code, reason)
  }
}
