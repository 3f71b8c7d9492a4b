import { ConversationsError } from './errors.ts'

/** Any JSON value. */
export type JSONValue =
  | null
  | string
  | number
  | boolean
  | JSONValue[]
  | { [key: string]: JSONValue }

/** Deeper values are refused: recursion over them could exhaust the stack. */
const MAX_DEPTH = 64

export function isObject(value: unknown): value is Record<string, JSONValue> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Equality of JSON values; the order of an object's keys does not count. */
export function equalJson(a: JSONValue | undefined, b: JSONValue | undefined): boolean {
  if (a === b) return true
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((x, i) => equalJson(x, b[i]))
  }
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every(key => Object.hasOwn(b, key) && equalJson(a[key], b[key]))
  )
}

/** The same text for equal values. */
export function canonicalJson(value: JSONValue): string {
  return JSON.stringify(value, (_key, inner) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(byKey)) : inner,
  )
}

export function freezeJson<T extends JSONValue>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freezeJson(inner)
  }
  return value
}

/**
 * A copy of what `JSON.stringify` keeps of a value: `NaN` becomes null, dates strings, undefined members vanish.
 *
 * @param maxBytes of the JSON text in UTF-8
 * @throws {ConversationsError} `invalid-argument` for cycles, bigints and values JSON has no form for,
 *   `too-large` beyond `maxBytes`
 */
export function toJson(value: unknown, what: string, maxBytes: number): JSONValue {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new ConversationsError('invalid-argument', `${what} must be JSON: ${message(cause)}`, {
      cause,
    })
  }
  if (text === undefined) {
    throw new ConversationsError(
      'invalid-argument',
      `${what} must be JSON, but got ${typeof value}`,
    )
  }
  const bytes = text.length > maxBytes ? text.length : new TextEncoder().encode(text).length
  if (bytes > maxBytes) {
    throw new ConversationsError(
      'too-large',
      `${what} would take ${bytes} bytes; the limit is ${maxBytes}. Store less, or raise the client's limit`,
    )
  }
  const json = JSON.parse(text) as JSONValue
  if (depth(json) > MAX_DEPTH) {
    throw new ConversationsError(
      'invalid-argument',
      `${what} is nested deeper than ${MAX_DEPTH} levels; flatten it`,
    )
  }
  // JSON writes nothing but lone surrogates as such an escape; UTF-8, which documents are in, has no form for them.
  if (/\\ud[89a-f]/.test(text) && !isWellFormed(json)) {
    throw new ConversationsError('invalid-argument', `${what} must be well-formed Unicode`)
  }
  return json
}

/** The value of a JSON text, or undefined where it is none. */
export function parseJson(text: unknown): JSONValue | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const json = JSON.parse(text) as JSONValue
    // Each level takes two characters at least.
    return text.length > 2 * MAX_DEPTH && depth(json) > MAX_DEPTH ? undefined : json
  } catch {
    return undefined
  }
}

/** Whether texts survive being written as UTF-8. */
export function isWellFormed(value: JSONValue): boolean {
  if (typeof value === 'string') return !/\p{Surrogate}/u.test(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, inner]) => isWellFormed(key) && isWellFormed(inner))
}

function depth(value: JSONValue): number {
  let level: JSONValue[] = [value]
  for (let n = 0; ; n++) {
    level = level.flatMap(inner =>
      typeof inner === 'object' && inner !== null ? Object.values(inner) : [],
    )
    if (level.length === 0 || n > MAX_DEPTH) return n
  }
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
