import type { Writer } from './horizon.ts'

/*
 * Every name in the documents stands here and nowhere else. The format in prose: docs/format.md.
 */

/** Documents of a newer format are read as far as possible, and never written. */
export const FORMAT = 1

/**
 * The roots of a conversation's document: maps with flat keys, for nested types would lose one side. A user's
 * document has the same form, and nobody in it.
 */
export const ROOTS = {
  /** `[value, timeMs]` by field name, `created|writer`, `format|n` */
  fields: 'fields',
  /** participant records by `participant|writer` */
  participants: 'participants',
  /** `[roleSid, timeMs]` by `participant|incarnation` */
  roles: 'roles',
  /** `[value, timeMs]` by JSON text of `[participant, incarnation, …path]`; `''`, 0 is the whole document */
  attributes: 'attributes',
  /** encoded horizons by `participant|writer` */
  horizons: 'horizons',
} as const

/** The entity of attributes that belong to the document as a whole. */
export const WHOLE = ''

/** A random number that tells a membership from an earlier one of the same participant; 0 of what always is. */
export type Incarnation = number

/** `participant|writer` or `participant|incarnation`; read from the end, for an identity may contain the separator. */
export function slotKey(owner: string, number: Writer | Incarnation): string {
  return `${owner}|${number.toString(36)}`
}

export function parseSlotKey(
  key: string,
): { owner: string; number: Writer | Incarnation } | undefined {
  const separator = key.lastIndexOf('|')
  const digits = key.slice(separator + 1)
  if (separator < 0 || !CANONICAL.test(digits)) return undefined
  const number = Number.parseInt(digits, 36)
  return Number.isSafeInteger(number) ? { owner: key.slice(0, separator), number } : undefined
}

/** Only one text names a number. */
const CANONICAL = /^(?:0|[1-9a-z][0-9a-z]*)$/

const NON_CHAT = /^@(?!@)([^:]*):(.*)$/s

/** A chat participant's key is its identity; a leading @ is doubled. Others are `@type:address`. */
export function chatKey(identity: string): string {
  return identity.startsWith('@') ? `@${identity}` : identity
}

export function nonChatKey(type: string, address: string): string {
  return `@${type}:${address}`
}

export function parseParticipantKey(
  key: string,
):
  | { type: 'chat'; identity: string }
  | { type: string; identity: null; address: string }
  | undefined {
  if (key === '') return undefined
  if (!key.startsWith('@')) return { type: 'chat', identity: key }
  if (key.startsWith('@@')) return { type: 'chat', identity: key.slice(1) }
  const [, type, address] = NON_CHAT.exec(key) ?? []
  return type && address ? { type, identity: null, address } : undefined
}

/** Whether `parseParticipantKey` would know it. */
export function isParticipantKey(key: string): boolean {
  return key !== '' && (key[0] !== '@' || parseParticipantKey(key) !== undefined)
}

/** A time in a document: ms since 1970 as some device had it. Nothing is ordered or merged by it. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= MAX_TIME
}

/** Later times cannot be told apart from the next millisecond, or be encoded: the year 128,000. */
export const MAX_TIME = 4e15

/** The time of a change: what belongs together only grows newer, whatever the clocks, so that every change shows. */
export function timeAfter(newest: number, now: number): number {
  return Math.min(Math.max(now, newest + 1), MAX_TIME)
}
