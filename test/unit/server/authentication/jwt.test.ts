import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportSPKI } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Authenticate, jwt } from '../../../../src/server/index.ts'
import { forgeToken, inSeconds, issuer, SECRET, signToken } from '../support/tokens.ts'

const request = {} as IncomingMessage
const ask = async (authenticate: Authenticate, token?: string) => authenticate(token, request)

describe('a token of a secret', () => {
  const authenticate = jwt({ secret: SECRET })

  it('says who it is, and until when with what clocks may differ', async () => {
    expect(await ask(authenticate, await signToken())).toEqual({ identity: 'alice' })
    const exp = inSeconds(60)
    expect(await ask(authenticate, await signToken({ exp }))).toEqual({
      identity: 'alice',
      expiresAtMs: (exp + 5) * 1_000,
    })
    const exact = jwt({ secret: new TextEncoder().encode(SECRET) }, { clockToleranceS: 0 })
    expect(await ask(exact, await signToken({ exp }))).toMatchObject({ expiresAtMs: exp * 1_000 })
  })

  it.each([
    ['none', 'no token', undefined],
    ['an empty one', 'no token', ''],
    ['an expired one', 'token expired', signToken({ exp: inSeconds(-6) })],
    ['one of another key', 'bad signature', signToken({}, `${SECRET}!`)],
    ['one not valid yet', 'not valid yet', signToken({ nbf: inSeconds(60) })],
    ['one without an identity', 'without an identity', signToken({ sub: undefined })],
    ['one with an empty identity', 'without an identity', signToken({ sub: '' })],
    [
      'one with another identity than a text',
      'without an identity',
      signToken({ sub: undefined, identity: 5 }),
    ],
    ['one with an expiry that is no number', 'bad expiry', signToken({ exp: 'never' })],
    ['one without a signature', 'another algorithm', forgeToken({ alg: 'none' })],
    [
      'one with alg none in other letters',
      'another algorithm',
      forgeToken({ alg: 'nOnE' }, 'AAAA'),
    ],
    ['one with alg none and a signature', 'another algorithm', forgeToken({ alg: 'none' }, 'AAAA')],
    ['one without an algorithm', 'malformed', forgeToken({}, 'AAAA')],
    [
      'one with more than we know',
      'cannot be checked',
      forgeToken({ alg: 'HS256', crit: ['x'], x: 1 }, 'AAAA'),
    ],
    ['garbage', 'malformed', 'garbage'],
    ['garbage in three parts', 'malformed', 'a.b.c'],
  ])('is refused: %s', async (_what, reason, token) => {
    await expect(ask(authenticate, await token)).rejects.toMatchObject({
      name: 'ConversationsError',
      code: 'invalid-argument',
      message: expect.stringContaining(reason),
    })
  })

  it('is for its audience and of its issuer where that is asked for', async () => {
    const picky = jwt({ secret: SECRET }, { audience: ['chat', 'talk'], issuer: 'us' })
    const claims = { aud: ['x', 'chat'], iss: 'us' }
    expect(await ask(picky, await signToken(claims))).toEqual({ identity: 'alice' })
    for (const aud of ['other', undefined, []]) {
      await expect(ask(picky, await signToken({ ...claims, aud }))).rejects.toThrow('audience')
    }
    for (const iss of ['them', undefined]) {
      await expect(ask(picky, await signToken({ ...claims, iss }))).rejects.toThrow('issuer')
    }
  })

  it('has the identity where it is asked for', async () => {
    const token = await signToken({ sub: undefined, identity: 'bob' })
    expect(await ask(authenticate, token)).toEqual({ identity: 'bob' })
    const own = jwt({ secret: SECRET }, { identityClaim: 'user' })
    expect(await ask(own, await signToken({ user: 'carol' }))).toEqual({ identity: 'carol' })
    await expect(ask(own, await signToken())).rejects.toThrow('without an identity')
  })
})

describe('a token of a key set', () => {
  it.each(['ES256', 'RS256', 'EdDSA'])('is accepted: %s', async algorithm => {
    const { jwks, sign } = await issuer(algorithm)
    expect(await ask(jwt({ jwks }), await sign())).toEqual({ identity: 'alice' })
  })

  it('is refused if another has signed it, or nobody', async () => {
    const authenticate = jwt({ jwks: (await issuer()).jwks })
    const stranger = await issuer()
    await expect(ask(authenticate, await stranger.sign())).rejects.toThrow('bad signature')
    await expect(ask(authenticate, await stranger.sign({}, 'other'))).rejects.toThrow(
      'bad signature',
    )
    const unsigned = forgeToken({ alg: 'none', kid: 'first' })
    await expect(ask(authenticate, unsigned)).rejects.toThrow('another algorithm')
  })

  it('is refused if it is signed with the public key as if that were a secret', async () => {
    const { jwks, publicKey } = await issuer('RS256')
    const pem = await exportSPKI(publicKey)
    const unsigned = forgeToken({ alg: 'HS256', kid: 'first' }).slice(0, -1)
    for (const secret of [pem, pem.trim(), JSON.stringify(jwks.keys[0])]) {
      const signature = createHmac('sha256', secret).update(unsigned).digest('base64url')
      const forged = ask(jwt({ jwks }), `${unsigned}.${signature}`)
      await expect(forged).rejects.toThrow('another algorithm')
    }
  })

  it('is refused if its key is a secret that somebody put into the set', async () => {
    const k = Buffer.from(SECRET).toString('base64url')
    const jwks = { keys: [{ kty: 'oct', k, alg: 'HS256' }] }
    await expect(ask(jwt({ jwks }), await signToken())).rejects.toThrow('another algorithm')
  })

  it('can be at a URL, which may be away for some time', async () => {
    const { jwks, sign } = await issuer()
    let isAway = true
    const http = createServer((_, response) => {
      response.statusCode = isAway ? 500 : 200
      response.end(JSON.stringify(jwks))
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void http.close())
    await once(http, 'listening')
    const { port } = http.address() as AddressInfo
    const authenticate = jwt({ jwks: `http://127.0.0.1:${port}/keys` })
    await expect(ask(authenticate, await sign())).rejects.toMatchObject({ code: 'transport' })
    isAway = false
    expect(await ask(authenticate, await sign())).toEqual({ identity: 'alice' })
  })
})

describe('what cannot be meant is refused at once', () => {
  const { jwks } = { jwks: { keys: [] } }
  it.each([
    ['a short secret', '32 bytes', () => jwt({ secret: 'x'.repeat(31) })],
    ['no secret', '32 bytes', () => jwt({ secret: undefined as never })],
    ['a secret as key set', 'https:', () => jwt({ jwks: SECRET })],
    ['a key set in the open', 'https:', () => jwt({ jwks: 'http://example.com/keys' })],
    ['a key set that is none', 'JSON Web Key Set', () => jwt({ jwks: {} as never })],
    ['no algorithm', 'algorithms', () => jwt({ secret: SECRET }, { algorithms: [] })],
    ['alg none', 'none', () => jwt({ secret: SECRET }, { algorithms: ['HS256', 'none'] })],
    ['a public key and a secret', 'HS256', () => jwt({ jwks }, { algorithms: ['RS256', 'HS256'] })],
    [
      'a secret and a public key',
      'RS256',
      () => jwt({ secret: SECRET }, { algorithms: ['RS256'] }),
    ],
    ['a tolerance below 0', '-1', () => jwt({ secret: SECRET }, { clockToleranceS: -1 })],
  ])('%s', (_what, message, create) => {
    expect(create).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    expect(create).toThrow(message)
  })
})
