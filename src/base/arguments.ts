import { ConversationsError } from './errors.ts'
import { isObject, isWellFormed } from './json.ts'

/** What an argument may be, in words that follow "is expected to be". */
export interface Rule {
  readonly accepts: (value: unknown) => boolean
  readonly expected: string
}

export const nonEmptyString: Rule = {
  accepts: value => typeof value === 'string' && value.length > 0,
  expected: 'a non-empty string',
}

export const nonNegativeInteger: Rule = {
  accepts: value => Number.isSafeInteger(value) && (value as number) >= 0,
  expected: 'a non-negative integer',
}

export const positiveInteger: Rule = {
  accepts: value => Number.isSafeInteger(value) && (value as number) > 0,
  expected: 'a positive integer',
}

const jsonTypes = new Set(['string', 'number', 'boolean', 'object'])

export const json: Rule = { accepts: value => jsonTypes.has(typeof value), expected: 'a JSON type' }

export const optionalJson: Rule = {
  accepts: value => value === undefined || jsonTypes.has(typeof value),
  expected: 'an optional JSON type',
}

export const optionalObject: Rule = {
  accepts: value => value === undefined || isObject(value),
  expected: 'an optional object',
}

export function ofType(type: 'string' | 'boolean'): Rule {
  return { accepts: value => typeof value === type, expected: `of type ${type}` }
}

export function literal(...values: (string | null)[]): Rule {
  const texts = values.map(value => (value === null ? 'null' : `"${value}"`))
  return { accepts: value => values.includes(value as never), expected: enumerate(texts) }
}

export function instanceOf(type: abstract new (...args: never[]) => unknown): Rule {
  return { accepts: value => value instanceof type, expected: `an instance of ${type.name}` }
}

/** Accepts what any of the rules accepts. */
export function anyOf(...rules: Rule[]): Rule {
  return {
    accepts: value => rules.some(rule => rule.accepts(value)),
    expected: enumerate(rules.map(rule => rule.expected)),
  }
}

/**
 * Checks a call's arguments, with the texts of the Twilio SDK.
 *
 * @throws {ConversationsError} `invalid-argument`
 */
export function checkArguments(args: ArrayLike<unknown>, ...rules: Rule[]): void {
  if (args.length > rules.length) {
    throw new ConversationsError(
      'invalid-argument',
      `Expected at most ${rules.length} argument(s), but got ${args.length}`,
    )
  }
  for (const [index, { accepts, expected }] of rules.entries()) {
    const value = args[index]
    if (accepts(value)) continue
    // The SDK puts a semicolon after a list of three and more.
    const delimiter = expected.includes(', ') ? ';' : ','
    throw new ConversationsError(
      'invalid-argument',
      `Argument ${index + 1} is expected to be ${expected}${delimiter} but got ${describe(value)}`,
    )
  }
}

/**
 * Checks a name, an identity or an address.
 *
 * @throws {ConversationsError} `too-large` beyond `maxLength` UTF-16 units, `invalid-argument` for lone surrogates
 */
export function checkText(text: string, what: string, maxLength: number): void {
  if (text.length > maxLength) {
    throw new ConversationsError(
      'too-large',
      `${what} has ${text.length} characters; the limit is ${maxLength}`,
    )
  }
  if (!isWellFormed(text)) {
    throw new ConversationsError('invalid-argument', `${what} must be well-formed Unicode`)
  }
}

function enumerate(items: string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`
}

/** What is left of a text in a message. */
export function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function describe(value: unknown): string {
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value
  if (typeof value === 'object' && value !== null) {
    const name = className(value)
    return name === 'Object' ? 'object' : `instance of ${name}`
  }
  const text = String(value)
  const shown = shorten(text)
  if (typeof value !== 'string') return shown
  return shown === text ? `"${text}"` : `"${shown}" (${text.length} characters)`
}

/** Total: an object may call anything its constructor, or have none. */
function className(value: object): string {
  try {
    return String(value.constructor.name) || 'Object'
  } catch {
    return 'Object'
  }
}
