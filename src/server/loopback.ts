import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'
import { ConversationsError } from '../base/errors.ts'

/** Whether this host name or address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:/i, '')
  if (isIPv4(address)) return address.startsWith('127.')
  return address === '::1' || address.toLowerCase() === 'localhost'
}

/** Whether a page of this origin was served from this machine; no origin means that it is no browser. */
export function isLoopbackOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return true
  return URL.canParse(origin) && isLoopback(new URL(origin).hostname)
}

function isLocalRequest({ socket, headers }: IncomingMessage): boolean {
  return isLoopback(socket.remoteAddress ?? '') && isLoopbackOrigin(headers.origin)
}

/** Whether somebody on this machine asks, and no page from the web, no name that leads here, and no proxy on this machine. */
export function isDirectLocalRequest(request: IncomingMessage): boolean {
  const {
    host,
    forwarded,
    via,
    'x-forwarded-for': forwardedFor,
    'x-real-ip': realIp,
  } = request.headers
  const isForwarded = [forwarded, via, forwardedFor, realIp].some(header => header !== undefined)
  return isLocalRequest(request) && isLoopbackOrigin(`http://${host}`) && !isForwarded
}

/** @throws ConversationsError `unsupported` */
export function checkLoopback(host: string): void {
  if (isLoopback(host)) return
  throw new ConversationsError(
    'unsupported',
    `Refusing to listen on ${host}: there is no authentication, so whoever reaches the server could read and write everything. Give \`authenticate\`, or \`insecure: true\` if that is meant, or use 127.0.0.1, ::1 or localhost`,
  )
}
