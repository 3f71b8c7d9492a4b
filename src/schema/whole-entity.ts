import type * as Y from 'yjs'
import { equalJson, freezeJson, type JSONValue } from '../base/json.ts'
import {
  attributeLayers,
  decodeAttribute,
  parseAttributeKey,
  type StoredAttribute,
  writeAttributes,
} from './attribute-map.ts'
import { type AttributeLayer, readAttributes } from './attributes.ts'
import { isTime, timeAfter, WHOLE } from './format.ts'

/** A register of a document: `[value, timeMs]`. */
export interface Field {
  readonly value: JSONValue
  readonly time: number
}

/** The incarnation of an entity that always is. */
const ALWAYS = 0
const NO_INITIAL = new Map([[ALWAYS, []]])

/**
 * The fields and attributes that belong to a document as a whole: what a conversation and a user have alike.
 */
export class WholeEntity {
  readonly #fields: Y.Map<unknown>
  readonly #attributeMap: Y.Map<unknown>
  readonly #overlay = new Map<string, StoredAttribute>()
  #attributes: JSONValue = freezeJson({})

  constructor(fields: Y.Map<unknown>, attributes: Y.Map<unknown>) {
    this.#fields = fields
    this.#attributeMap = attributes
  }

  /** Frozen; the same object until it changes. */
  get attributes(): JSONValue {
    return this.#attributes
  }

  /** The newest time among fields and attributes, in ms since 1970; 0 = never. */
  get dateUpdated(): number {
    let newest = 0
    for (const { time } of this.#overlay.values()) newest = Math.max(newest, time)
    for (const name of this.#fields.keys()) newest = Math.max(newest, this.field(name)?.time ?? 0)
    return newest
  }

  field(name: string): Field | undefined {
    const stored = this.#fields.get(name)
    if (!Array.isArray(stored) || !isTime(stored[1])) return undefined
    const [value, time] = stored
    return { value, time }
  }

  text(name: string): string | null {
    const value = this.field(name)?.value
    return typeof value === 'string' && value !== '' ? value : null
  }

  /** Takes over what lies in the document under an attribute key of this entity. */
  readAttribute(key: string): void {
    const parsed = parseAttributeKey(key)
    const entry =
      parsed?.entity === WHOLE ? decodeAttribute(parsed, this.#attributeMap.get(key)) : undefined
    if (entry) this.#overlay.set(key, entry)
    else this.#overlay.delete(key)
  }

  /** Forgets the attributes, to be read anew. */
  clear(): void {
    this.#overlay.clear()
  }

  /** Derives the attributes anew. */
  refresh(): void {
    const next = readAttributes(this.#layers())
    if (!equalJson(next, this.#attributes)) this.#attributes = freezeJson(next)
  }

  /** Writes a field unless it has that value. */
  setField(name: string, value: JSONValue, now: number): void {
    if (!equalJson(this.field(name)?.value, value))
      this.#fields.set(name, [value, timeAfter(this.dateUpdated, now)])
  }

  setAttributes(next: JSONValue, now: number, writer: number): void {
    const stamp = { time: timeAfter(this.dateUpdated, now), incarnations: [ALWAYS], writer }
    writeAttributes(this.#attributeMap, WHOLE, this.#layers(), next, stamp)
  }

  #layers(): AttributeLayer[] {
    return attributeLayers(NO_INITIAL, this.#overlay)
  }
}
