import { digest } from 'lib0/hash/sha256'

const text = new TextEncoder()

/** The first 32 hex digits (128 bits) of a text's SHA-256. */
export function hash(input: string): string {
  return Array.from(digest(text.encode(input)).subarray(0, 16), byte =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
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
