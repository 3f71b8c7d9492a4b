import { isObject, type JSONValue } from '../base/json.ts'
import { type Incarnation, isTime } from './format.ts'
import type { Writer } from './horizon.ts'

/** How a participant who is not on chat is reached. */
export interface ParticipantBinding {
  address: string
  proxyAddress?: string
  name?: string
  level?: 'to' | 'cc'
}

/** What is written once by whoever adds a participant. */
export interface ParticipantRecord {
  readonly writer: Writer
  /** In ms since 1970. */
  readonly dateCreated: number
  readonly incarnation: Incarnation
  /** JSON text, parsed when somebody asks; undefined = none were given. */
  readonly attributes: string | undefined
  readonly binding: ParticipantBinding | undefined
}

/** `[dateCreated, incarnation, attributes?, binding?]` */
export function encodeRecord({
  dateCreated,
  incarnation,
  attributes,
  binding,
}: ParticipantRecord): unknown[] {
  if (binding) return [dateCreated, incarnation, attributes, binding]
  return attributes === undefined
    ? [dateCreated, incarnation]
    : [dateCreated, incarnation, attributes]
}

/** Total: undefined for whatever is no record. */
export function decodeRecord(writer: Writer, stored: unknown): ParticipantRecord | undefined {
  if (!Array.isArray(stored)) return undefined
  const [dateCreated, incarnation, attributes, binding] = stored
  if (!isTime(dateCreated) || !Number.isSafeInteger(incarnation) || incarnation < 0)
    return undefined
  return {
    writer,
    dateCreated,
    incarnation,
    attributes: typeof attributes === 'string' ? attributes : undefined,
    binding: decodeBinding(binding),
  }
}

/** The order in which records of one participant count: in conflicts the later one wins. */
export function byAge(a: ParticipantRecord, b: ParticipantRecord): number {
  return a.dateCreated - b.dateCreated || a.writer - b.writer
}

function decodeBinding(stored: JSONValue | undefined): ParticipantBinding | undefined {
  if (!isObject(stored) || typeof stored.address !== 'string') return undefined
  const { address, proxyAddress, name, level } = stored
  return {
    address,
    ...(typeof proxyAddress === 'string' && { proxyAddress }),
    ...(typeof name === 'string' && { name }),
    ...((level === 'to' || level === 'cc') && { level }),
  }
}
