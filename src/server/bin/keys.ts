import { readFileSync } from 'node:fs'
import type { JwtKeys } from '../authentication/jwt.ts'
import { type Settings, variableOf } from './settings.ts'
import { UsageError } from './usage-error.ts'

/** The keys for tokens, if any were given. @throws UsageError */
export function keysOf(settings: Settings): JwtKeys | undefined {
  const given = (['jwtSecret', 'jwtSecretFile', 'jwks'] as const).filter(
    name => settings[name] !== undefined,
  )
  if (given.length > 1) throw new UsageError(`Only one of ${given.join(', ')} can be meant`)
  if (settings.jwks !== undefined) return { jwks: settings.jwks }
  const secret = secretOf(settings)
  return secret === undefined ? undefined : { secret }
}

/** @throws UsageError */
export function secretOf({ jwtSecret, jwtSecretFile }: Settings): string | undefined {
  if (jwtSecretFile === undefined) return jwtSecret
  try {
    return readFileSync(jwtSecretFile, 'utf8').trim()
  } catch (error) {
    throw new UsageError(`Cannot read the secret: ${(error as Error).message}`)
  }
}

export const NO_SECRET = `A token is signed with a secret: set ${variableOf('jwtSecret')}, "jwtSecret" in the file, or --jwt-secret-file`
