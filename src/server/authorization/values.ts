import * as Y from 'yjs'
import { isTime, MAX_TIME } from '../../schema/format.ts'
import type { Writing } from './draft.ts'
import type { TimeFacts, ValueLimits } from './facts.ts'
import { type Objection, refuse } from './grammar.ts'

/** Devices that have seen the newest time go on from it, one millisecond for each write. */
const TIMES_BEYOND_NEWEST_MS = 1000

/** The one JSON value that is written; undefined = that is not what it is. */
export function singleValue({ content, length, offset }: Writing): unknown {
  return content instanceof Y.ContentAny && length === 1 && offset === 0
    ? content.arr[0]
    : undefined
}

/** The members of a stored tuple; undefined = it is none, or has more than it may have. */
export function tuple(stored: unknown, maxLength: number): readonly unknown[] | undefined {
  return Array.isArray(stored) && stored.length <= maxLength ? stored : undefined
}

export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength
}

/** Whether JSON text, if there is any, is within the limit for attributes. */
export function isAttributesText(value: unknown, { attributesBytes }: ValueLimits): boolean {
  if (value === undefined) return true
  if (typeof value !== 'string' || value.length > attributesBytes) return false
  return value.length * 3 <= attributesBytes || Buffer.byteLength(value) <= attributesBytes
}

/** Whether an entry of attributes has a value that is within the limit. */
export function isAttributeValue(value: unknown, limits: ValueLimits): boolean {
  return typeof value !== 'string' || isAttributesText(value, limits)
}

/** What is wrong with the time of a change, if anything. */
export function checkTime(time: unknown, facts: TimeFacts): Objection | undefined {
  // It may be anything, also what cannot be made a text of.
  if (!isTime(time)) return refuse(`a time is a number up to ${MAX_TIME}, not this ${typeof time}`)
  const { nowMs, maxClockSkewMs } = facts
  if (time <= nowMs + maxClockSkewMs) return undefined
  // To be looked for in all of the document.
  if (time <= facts.newestTime + TIMES_BEYOND_NEWEST_MS) return undefined
  const aheadMs = time - nowMs
  return refuse(
    `the clock of the device is ${Math.round(aheadMs / 1000)} s ahead of the server's, and may be ${maxClockSkewMs / 1000} s; set it right`,
  )
}
