import { MALFORMED, Refusal } from './close-codes.ts'

/**
 * The room that a request's path names: all of it after the first slash, decoded.
 *
 * @throws Refusal if that is no usable name
 */
export function roomNameOf(requestUrl: string, maxBytes: number): string {
  const path = requestUrl.replace(/[?#].*$/s, '').slice(1)
  let name: string
  try {
    name = decodeURIComponent(path)
  } catch (error) {
    throw new Refusal(MALFORMED, 'the room name is not valid UTF-8', error)
  }
  if (name === '') throw new Refusal(MALFORMED, 'no room name in the URL')
  if (Buffer.byteLength(name) > maxBytes) {
    throw new Refusal(MALFORMED, `the room name is longer than ${maxBytes} bytes`)
  }
  if (/\p{Cc}/u.test(name)) {
    throw new Refusal(MALFORMED, 'the room name contains control characters')
  }
  return name
}
