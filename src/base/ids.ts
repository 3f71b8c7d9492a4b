import { digest } from 'lib0/hash/sha256'

const text = new TextEncoder()

/** The first 32 hex digits (128 bits) of a text's SHA-256. */
export function hash(input: string): string {
  return toHex(digest(text.encode(input)).subarray(0, 16))
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

/** Whether this is the SHA-256 of some content as 64 lower-case hex digits, which is how media are named. */
export function isContentHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

/** Sids are derived, so that two devices that create the same thing apart name it alike. */
export function conversationSid(name: string): string {
  return /^CH[0-9a-f]{32}$/.test(name) ? name : `CH${hash(name)}`
}

export function participantSid(conversation: string, participantKey: string): string {
  return `MB${hash(`${conversation}/${participantKey}`)}`
}

export function userSid(identity: string): string {
  return `US${hash(identity)}`
}

export function messageSid(conversation: string, messageKey: string): string {
  return `IM${hash(`${conversation}/${messageKey}`)}`
}

/** Of the attachment at a position of a message, from 0. */
export function mediaSid(messageSid: string, position: number): string {
  return `ME${hash(`${messageSid}/${position}`)}`
}
