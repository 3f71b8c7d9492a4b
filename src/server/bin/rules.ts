import { PERMISSIONS, type Permission, type RolePermissions } from '../../schema/permissions.ts'
import { defaultLimits, type ServerLimits } from '../options.ts'

/**
 * Makes a setting's value of what a flag or a variable (text) or the file (JSON) says.
 *
 * @throws Expected
 */
export type Rule<Value> = (value: unknown) => Value

/** What is expected instead, in words that follow "must be". */
export class Expected extends Error {}

export const text: Rule<string> = value => {
  if (typeof value === 'string' && value !== '') return value
  throw new Expected('a text that is not empty')
}

export const flag: Rule<boolean> = value => {
  if (value === true || value === 'true' || value === '1') return true
  if (value === false || value === 'false' || value === '0') return false
  throw new Expected('true or false')
}

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Rule<number> {
  return value => {
    const isText = typeof value === 'string' && /^\d{1,16}$/.test(value)
    const number = isText ? Number(value) : value
    if (Number.isSafeInteger(number) && (number as number) >= min && (number as number) <= max) {
      return number as number
    }
    throw new Expected(
      max === Number.MAX_SAFE_INTEGER
        ? `a whole number from ${min}`
        : `a whole number from ${min} to ${max}`,
    )
  }
}

export function oneOf<Word extends string>(...words: Word[]): Rule<Word> {
  return value => {
    if (words.includes(value as Word)) return value as Word
    throw new Expected(words.join(' or '))
  }
}

/** Separated by commas in text. */
export const list: Rule<string[]> = value => {
  const items = typeof value === 'string' ? value.split(',').map(item => item.trim()) : value
  if (
    Array.isArray(items) &&
    items.length > 0 &&
    items.every(item => typeof item === 'string' && item)
  ) {
    return items
  }
  throw new Expected('one text or more, separated by commas (in a file: an array)')
}

export const origins: Rule<string[]> = value => {
  const items = list(value)
  const isOrigin = (item: string) => URL.canParse(item) && new URL(item).origin === item
  if (items.every(isOrigin)) return items
  throw new Expected(
    'origins such as https://chat.example.com, without a path, separated by commas',
  )
}

export const storage: Rule<string> = value => {
  const place = text(value)
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(place)?.[1]
  if (!scheme || /^(rediss?|postgres(ql)?)$/.test(scheme)) return place
  throw new Expected('a directory, redis://… or postgres://…')
}

export const limits: Rule<Partial<ServerLimits>> = value => {
  const entries = typeof value === 'string' ? assignments(value) : Object.entries(objectOf(value))
  const positive = wholeNumber(1)
  for (const [name, amount] of entries) {
    if (!Object.hasOwn(defaultLimits, name)) {
      throw new Expected(`of ${Object.keys(defaultLimits).join(', ')}, not: ${name}`)
    }
    try {
      positive(amount)
    } catch {
      throw new Expected(`whole numbers from 1 (${name})`)
    }
  }
  return Object.fromEntries(entries.map(([name, amount]) => [name, Number(amount)]))
}

/** What each role may do. */
export const permissions: Rule<RolePermissions> = value => {
  const roles = objectOf(value)
  for (const [role, allowed] of Object.entries(roles)) {
    if (!Array.isArray(allowed)) throw new Expected(`an object of arrays of permissions (${role})`)
    const unknown = allowed.find(permission => !PERMISSIONS.includes(permission))
    if (unknown !== undefined) {
      throw new Expected(`an object of arrays of permissions; ${role} has none named ${unknown}`)
    }
  }
  return roles as Record<string, Permission[]>
}

function assignments(value: string): [string, string][] {
  return list(value).map(item => {
    const [name = '', amount = '', ...more] = item.split('=')
    if (more.length > 0 || amount === '') throw new Expected('name=number, separated by commas')
    return [name.trim(), amount.trim()]
  })
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new Expected('an object')
}
