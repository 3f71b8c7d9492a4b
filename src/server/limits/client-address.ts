import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'

/** Where a request comes from; behind a proxy, what the proxy says, which is the last in the list: clients write the others. */
export function clientAddress(
  { socket, headers }: IncomingMessage,
  isBehindProxy: boolean,
): string {
  const direct = socket.remoteAddress ?? ''
  if (!isBehindProxy) return direct
  const forwarded = headers['x-forwarded-for']
  const last = (Array.isArray(forwarded) ? forwarded.join() : (forwarded ?? '')).split(',').at(-1)
  const address = last?.trim().replace(/^\[(.*)\]$/, '$1') ?? ''
  return isIP(address) ? address : direct
}

/** What counts as one address: of IPv6 the first 64 bits, as every customer has all those behind them. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.toLowerCase().split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups =
    tail === undefined
      ? front
      : [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back]
  return groups
    .slice(0, 4)
    .map(group => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
