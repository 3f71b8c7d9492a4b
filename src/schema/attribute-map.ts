import type * as Y from 'yjs'
import { isObject, type JSONValue } from '../base/json.ts'
import {
  type AttributeEntry,
  type AttributeLayer,
  diffAttributes,
  type Path,
  positionSuffix,
} from './attributes.ts'
import { type Incarnation, isTime } from './format.ts'
import { isPosition } from './position.ts'

/** An entry as it lies in the `attributes` root. */
export interface StoredAttribute extends AttributeEntry {
  readonly time: number
  /**
   * The membership it was written for. In the key, so that a write for a removed participant, made apart, neither
   * returns with them nor competes with what is written after they came back.
   */
  readonly incarnation: Incarnation
}

/** The path of an entry without value, whose time tells of the last write that only deleted. */
const TOUCHED: Path = ['!']

export function attributeKey(entity: string, incarnation: Incarnation, path: Path): string {
  return JSON.stringify([entity, incarnation, ...path])
}

/** Total: undefined for whatever is no key of ours. */
export function parseAttributeKey(
  key: string,
): { entity: string; incarnation: Incarnation; path: Path } | undefined {
  try {
    const [entity, incarnation, ...path] = JSON.parse(key) as [string, number, ...string[]]
    const isOurs =
      typeof entity === 'string' &&
      Number.isSafeInteger(incarnation) &&
      (isPath(path) || isTouched(path)) &&
      attributeKey(entity, incarnation, path) === key
    return isOurs ? { entity, incarnation, path } : undefined
  } catch {
    return undefined
  }
}

/** Total: undefined for whatever is no entry of ours. */
export function decodeAttribute(
  { incarnation, path }: { incarnation: Incarnation; path: Path },
  stored: unknown,
): StoredAttribute | undefined {
  if (!Array.isArray(stored)) return undefined
  const [value, time] = stored
  return isTime(time) && isEntryValue(value) ? { path, value, time, incarnation } : undefined
}

/** What makes the value of an entity: a layer for each incarnation, with the initial values of its records. */
export function attributeLayers(
  initial: ReadonlyMap<Incarnation, readonly JSONValue[]>,
  overlay: ReadonlyMap<string, StoredAttribute>,
): AttributeLayer[] {
  const entries = new Map<Incarnation, StoredAttribute[]>()
  for (const incarnation of initial.keys()) entries.set(incarnation, [])
  for (const entry of overlay.values()) {
    if (!isTouched(entry.path)) entries.get(entry.incarnation)?.push(entry)
  }
  return [...initial].map(([incarnation, values]) => ({
    initial: values,
    entries: entries.get(incarnation) ?? [],
  }))
}

/**
 * Writes what differs between the entity's value and `next`, for each incarnation: a remove that has seen only one
 * takes only that one's. Call it inside a transaction.
 */
export function writeAttributes(
  map: Y.Map<unknown>,
  entity: string,
  current: readonly AttributeLayer[],
  next: JSONValue,
  stamp: { time: number; incarnations: readonly Incarnation[]; writer: number },
): void {
  const changes = diffAttributes(current, next, positionSuffix(stamp.writer))
  if (changes.set.length === 0 && changes.delete.length > 0) {
    changes.set.push({ path: TOUCHED, value: undefined })
  }
  for (const incarnation of stamp.incarnations) {
    const keyOf = (path: Path) => attributeKey(entity, incarnation, path)
    for (const path of changes.delete) map.delete(keyOf(path))
    for (const { path, value } of changes.set) map.set(keyOf(path), [value, stamp.time])
  }
}

/** Whether a stored path names a place in a value. */
export function isPath(path: unknown): path is Path {
  return Array.isArray(path) && path.length <= 64 && path.every(isSegment)
}

function isTouched(path: readonly unknown[]): boolean {
  return path.length === 1 && path[0] === TOUCHED[0]
}

function isSegment(segment: unknown): boolean {
  if (typeof segment !== 'string') return false
  return segment[0] === '.' || (segment[0] === '#' && isPosition(segment.slice(1)))
}

/** Whether a stored value is one that an entry may have. */
export function isEntryValue(value: unknown): value is JSONValue | undefined {
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.length === 0
  if (isObject(value))
    return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0
  return value === null || ['string', 'boolean', 'undefined'].includes(typeof value)
}
