import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export const SECRET = 'a secret of more than thirty-two bytes'

const bytes = (text: string) => new TextEncoder().encode(text)
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token signed with `SECRET`, or another; `claims` beside the subject. */
export function signToken(claims: Record<string, unknown> = {}, secret = SECRET): Promise<string> {
  return new SignJWT({ sub: 'alice', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(bytes(secret))
}

/** A token with any header, and no signature or that of HMAC with any key. */
export function forgeToken(header: Record<string, unknown>, signature = ''): string {
  return `${base64(header)}.${base64({ sub: 'alice' })}.${signature}`
}

/** Seconds since 1970, as tokens have it. */
export const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds

/** Somebody who signs with a private key and publishes the other half. */
export async function issuer(algorithm = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'first', alg: algorithm }
  return {
    publicKey,
    jwks: { keys: [jwk] },
    sign: (claims: Record<string, unknown> = {}, kid = 'first') =>
      new SignJWT({ sub: 'alice', ...claims })
        .setProtectedHeader({ alg: algorithm, kid })
        .sign(privateKey),
  }
}
