import type { IncomingMessage } from 'node:http'
import { clientAddress } from './limits/client-address.ts'
import { isLoopback, isLoopbackOrigin } from './loopback.ts'
import type { ServerOptions } from './options.ts'

/** Which requests are listened to at all, before anybody knows who asks. */
export interface Access {
  /** Without authentication, and without being told that this is meant. */
  readonly isLocalOnly: boolean
  addressOf(request: IncomingMessage): string
  /** Whether it may open a WebSocket. What is no browser has no origin, and always may. */
  allowsSocket(request: IncomingMessage): boolean
  /** Whether it is answered over plain HTTP; not where the name of another host was made to lead to this machine. */
  allowsRequest(request: IncomingMessage): boolean
}

export function accessOf({
  authenticate,
  insecure = false,
  origins,
  behindProxy = false,
}: ServerOptions): Access {
  const isLocalOnly = !authenticate && !insecure
  const addressOf = (request: IncomingMessage) => clientAddress(request, behindProxy)

  function allowsSocket(request: IncomingMessage): boolean {
    const { origin } = request.headers
    if (isLocalOnly && !isLoopback(addressOf(request))) return false
    if (origin === undefined || origins?.includes(origin)) return true
    return isLocalOnly ? isLoopbackOrigin(origin) : origins === undefined
  }

  return {
    isLocalOnly,
    addressOf,
    allowsSocket,
    allowsRequest: request =>
      allowsSocket(request) && (!isLocalOnly || isLoopbackOrigin(`http://${request.headers.host}`)),
  }
}
