import type { IncomingMessage } from 'node:http'

/** Characters; Node takes no more of a request's headers either. */
export const MAX_TOKEN_LENGTH = 16_384

/** The token of a request: `Authorization: Bearer …`, else the query parameter `token`; nothing else is one. */
export function tokenOf({ headers, url }: IncomingMessage): string | undefined {
  return (
    bearerOf({ headers }) ??
    (new URLSearchParams(/\?.*$/s.exec(url ?? '')?.[0]).get('token') || undefined)
  )
}

export function bearerOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
}

/** A text without the token, for logs and reasons, whatever put it there. */
export function redact(text: string, token: string | undefined): string {
  if (!token) return text
  return text.replaceAll(token, '…').replaceAll(encodeURIComponent(token), '…')
}
