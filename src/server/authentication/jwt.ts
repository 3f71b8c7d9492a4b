import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose'
import { ConversationsError } from '../../base/errors.ts'
import { isLoopback } from '../loopback.ts'
import type { Authenticate, AuthenticatedIdentity } from './authenticate.ts'

/** Where the keys are: one secret for both sides, or the public keys of whoever signs. */
export type JwtKeys =
  /** Of at least 32 bytes (a text in UTF-8). */
  | { readonly secret: string | Uint8Array }
  /** A JSON Web Key Set, or its URL: `https:`, or `http:` of this machine. It is fetched when needed, and kept. */
  | { readonly jwks: URL | string | JSONWebKeySet }

export interface JwtOptions {
  /** What the claim `aud` must contain (one of them). */
  readonly audience?: string | readonly string[]
  /** What the claim `iss` must be (one of them). */
  readonly issuer?: string | readonly string[]
  /** If not given: HS256 with a secret, all that have a public key with a key set. */
  readonly algorithms?: readonly string[]
  /** Seconds that clocks may differ, 5 if not given; a token is accepted this long after its expiry. */
  readonly clockToleranceS?: number
  /** The claim that is the identity; if not given `sub`, and `identity` where there is none. */
  readonly identityClaim?: string
}

const WITH_SECRET = ['HS256', 'HS384', 'HS512']
const WITH_PUBLIC_KEY = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

const MIN_SECRET_BYTES = 32

/**
 * Accepts signed JSON Web Tokens. Tokens without a signature, and those that are signed with a public key as if it
 * were a secret, never are.
 *
 * @throws ConversationsError `invalid-argument` for a short secret, a bad URL or an algorithm that does not fit the keys
 */
export function jwt(keys: JwtKeys, options: JwtOptions = {}): Authenticate {
  const verify =
    'secret' in keys ? verifierOfSecret(keys.secret, options) : verifierOfJwks(keys.jwks, options)
  const { clockToleranceS = 5, identityClaim } = options

  return async function authenticate(token): Promise<AuthenticatedIdentity> {
    if (!token) throw refusal('no token')
    const claims = await verify(token).catch(error => {
      throw explained(error)
    })
    const identity =
      identityClaim === undefined ? (claims.sub ?? claims.identity) : claims[identityClaim]
    if (typeof identity !== 'string' || identity === '') throw refusal('token without an identity')
    if (claims.exp === undefined) return { identity }
    return { identity, expiresAtMs: (claims.exp + clockToleranceS) * 1_000 }
  }
}

type Claims = Readonly<Record<string, unknown>> & { readonly sub?: string; readonly exp?: number }
type Verify = (token: string) => Promise<Claims>

function verifierOfSecret(secret: string | Uint8Array, options: JwtOptions): Verify {
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  if (!(key instanceof Uint8Array) || key.length < MIN_SECRET_BYTES) {
    throw invalid(
      `The secret of jwt() must have ${MIN_SECRET_BYTES} bytes at least, and has ${key?.length}: make one with \`openssl rand -base64 32\``,
    )
  }
  const checks = checksOf(options, ['HS256'], WITH_SECRET)
  return async token => (await jwtVerify(token, key, checks)).payload as Claims
}

function verifierOfJwks(jwks: URL | string | JSONWebKeySet, options: JwtOptions): Verify {
  const keys =
    typeof jwks === 'string' || jwks instanceof URL
      ? createRemoteJWKSet(urlOf(jwks), { timeoutDuration: 5_000 })
      : localKeys(jwks)
  const checks = checksOf(options, WITH_PUBLIC_KEY, WITH_PUBLIC_KEY)
  return async token => (await jwtVerify(token, keys, checks)).payload as Claims
}

function localKeys(jwks: JSONWebKeySet) {
  try {
    return createLocalJWKSet(jwks)
  } catch {
    throw invalid(
      'The jwks of jwt() must be a JSON Web Key Set: an object with an array `keys`, or its URL',
    )
  }
}

function urlOf(jwks: URL | string): URL {
  const url = URL.canParse(String(jwks)) ? new URL(jwks) : undefined
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname)))
    return url
  throw invalid(
    `The jwks of jwt() must be at an https: address (http: only on this machine): ${jwks}`,
  )
}

function checksOf(options: JwtOptions, byDefault: readonly string[], possible: readonly string[]) {
  const { algorithms = byDefault, audience, issuer, clockToleranceS = 5 } = options
  const wrong = algorithms.find(algorithm => !possible.includes(algorithm))
  if (wrong !== undefined || algorithms.length === 0) {
    throw invalid(
      `The algorithms of jwt() must be of ${possible.join(', ')} for such keys: ${wrong}`,
    )
  }
  if (!(Number.isFinite(clockToleranceS) && clockToleranceS >= 0)) {
    throw invalid(
      `The clockToleranceS of jwt() must be a number of seconds from 0: ${clockToleranceS}`,
    )
  }
  return {
    algorithms: [...algorithms],
    clockTolerance: clockToleranceS,
    ...(audience !== undefined && { audience: [audience].flat() }),
    ...(issuer !== undefined && { issuer: [issuer].flat() }),
  }
}

const claimReasons: Record<string, string> = {
  aud: 'token for another audience',
  iss: 'token of another issuer',
  nbf: 'token not valid yet',
  exp: 'token with a bad expiry',
  iat: 'token with a bad time of issue',
}

/** What is wrong in words that tell nothing of the token's content. */
function explained(error: unknown): ConversationsError {
  if (error instanceof errors.JWTExpired) return refusal('token expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    return refusal(claimReasons[error.claim] ?? 'token with a bad claim')
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return refusal('token with another algorithm')
  if (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey
  ) {
    return refusal('token with a bad signature')
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return refusal('malformed token')
  }
  const isOfToken =
    error instanceof errors.JOSENotSupported || error instanceof errors.JWKSMultipleMatchingKeys
  if (isOfToken) return refusal('token that cannot be checked')
  // The key set could not be had, or is none.
  return new ConversationsError('transport', 'the keys for tokens cannot be had', { cause: error })
}

const refusal = (reason: string) => new ConversationsError('invalid-argument', reason)
const invalid = (message: string) => new ConversationsError('invalid-argument', message)
