import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { SignJWT } from 'jose'
import { type Authenticate, jwt } from '../src/server/index.ts'

type Serve = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Stands for an app's own sign-in: whoever asks at `/token?identity=alice` is believed. Tokens are good for ten minutes, and as long
 * as this server runs.
 *
 * @param serve answers everything else
 */
export function demoSignIn(serve: Serve): { authenticate: Authenticate; serve: Serve } {
  const secret = randomBytes(32)
  async function answer(url: string, response: ServerResponse): Promise<void> {
    const identity = new URL(url, 'http://localhost').searchParams.get('identity') ?? ''
    const token = await new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(identity)
      .setExpirationTime('10 min')
      .sign(secret)
    response
      .writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' })
      .end(token)
  }
  return {
    authenticate: jwt({ secret }),
    serve: (request, response) => {
      const { url = '/' } = request
      if (url.startsWith('/token?')) void answer(url, response)
      else serve(request, response)
    },
  }
}
