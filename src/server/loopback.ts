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

/** Also when a server that we were given listens elsewhere too, and when a page from the web connects to localhost. */
export function isLocalRequest({ socket, headers }: IncomingMessage): boolean {
  return isLoopback(socket.remoteAddress ?? '') && isLoopbackOrigin(headers.origin)
}

/** @throws ConversationsError `unsupported` */
export function checkLoopback(host: string): void {
  if (isLoopback(host)) return
  throw new ConversationsError(
    'unsupported',
    `Refusing to listen on ${host}: this server has no authentication yet, so whoever reaches it can read and write everything. Use 127.0.0.1, ::1 or localhost`,
  )
}
