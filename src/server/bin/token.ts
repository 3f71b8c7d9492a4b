import { SignJWT } from 'jose'
import { jwt } from '../authentication/jwt.ts'
import { NO_SECRET, secretOf } from './keys.ts'
import type { Settings } from './settings.ts'
import { UsageError } from './usage-error.ts'

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/**
 * A token that a server with these settings accepts.
 *
 * @param expires such as `90s`, `15m`, `1h` or `30d`
 * @throws UsageError, and ConversationsError `invalid-argument` for a short secret
 */
export async function createToken(
  settings: Settings,
  identity: unknown,
  expires: unknown,
): Promise<string> {
  if (typeof identity !== 'string' || identity === '') {
    throw new UsageError('Say whose token it is: --identity alice')
  }
  const secret = secretOf(settings)
  if (secret === undefined) throw new UsageError(NO_SECRET)
  // Says what is wrong with it.
  jwt({ secret })
  const token = new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(identity)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + secondsOf(expires ?? '1h'))
  if (settings.audience) token.setAudience(settings.audience)
  if (settings.issuer?.[0]) token.setIssuer(settings.issuer[0])
  return token.sign(new TextEncoder().encode(secret))
}

function secondsOf(expires: unknown): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(String(expires)) ?? []
  const seconds = Number(amount) * (SECONDS[unit ?? ''] ?? Number.NaN)
  if (seconds > 0) return seconds
  throw new UsageError(
    `--expires must be such as 90s, 15m, 1h or 30d, not ${JSON.stringify(expires)}`,
  )
}
