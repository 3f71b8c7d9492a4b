import type * as Y from 'yjs'
import { isObject, type JSONValue } from '../base/json.ts'
import { type AttributeEntry, diffAttributes, type Path } from './attributes.ts'
import { isTime } from './format.ts'
import { isPosition } from './position.ts'

/** An entry as it lies in the `attributes` root. */
export interface StoredAttribute extends AttributeEntry {
  readonly time: number
  /** The membership it was written for, 0 where there are none: a removed participant's entries do not return. */
  readonly incarnation: number
}

/** The path of an entry without value, whose time tells of the last write that only deleted. */
const TOUCHED: Path = ['!']

export function attributeKey(entity: string, path: Path): string {
  return JSON.stringify([entity, ...path])
}

/** Total: undefined for whatever is no key of ours. */
export function parseAttributeKey(key: string): { entity: string; path: Path } | undefined {
  try {
    const [entity, ...path] = JSON.parse(key) as string[]
    const isOurs =
      typeof entity === 'string' &&
      path.length <= 64 &&
      (path.every(isSegment) || isTouched(path)) &&
      attributeKey(entity, path) === key
    return isOurs ? { entity, path } : undefined
  } catch {
    return undefined
  }
}

/** Total: undefined for whatever is no entry of ours. */
export function decodeAttribute(path: Path, stored: unknown): StoredAttribute | undefined {
  if (!Array.isArray(stored)) return undefined
  const [value, time, incarnation = 0] = stored
  return isTime(time) && isEntryValue(value) && Number.isSafeInteger(incarnation)
    ? { path, value, time, incarnation }
    : undefined
}

/** The entries that make the value of an entity with these incarnations. */
export function liveAttributes(
  entries: Iterable<StoredAttribute>,
  incarnations: ReadonlySet<number>,
): StoredAttribute[] {
  return [...entries].filter(
    ({ path, incarnation }) => !isTouched(path) && incarnations.has(incarnation),
  )
}

/** Writes what differs between the entity's value and `next`; call it inside a transaction. */
export function writeAttributes(
  map: Y.Map<unknown>,
  entity: string,
  current: { initial: readonly JSONValue[]; entries: readonly StoredAttribute[] },
  next: JSONValue,
  stamp: { time: number; incarnation: number; writer: number },
): void {
  const suffix = stamp.writer.toString(36).padStart(7, '0')
  const changes = diffAttributes(current.initial, current.entries, next, suffix)
  for (const path of changes.delete) map.delete(attributeKey(entity, path))
  const meta = stamp.incarnation === 0 ? [stamp.time] : [stamp.time, stamp.incarnation]
  for (const { path, value } of changes.set) map.set(attributeKey(entity, path), [value, ...meta])
  if (changes.set.length === 0 && changes.delete.length > 0) {
    map.set(attributeKey(entity, TOUCHED), [undefined, ...meta])
  }
}

function isTouched(path: readonly unknown[]): boolean {
  return path.length === 1 && path[0] === TOUCHED[0]
}

function isSegment(segment: unknown): boolean {
  if (typeof segment !== 'string') return false
  return segment[0] === '.' || (segment[0] === '#' && isPosition(segment.slice(1)))
}

function isEntryValue(value: unknown): value is JSONValue | undefined {
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.length === 0
  if (isObject(value))
    return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0
  return value === null || ['string', 'boolean', 'undefined'].includes(typeof value)
}
