import { equalJson, freezeJson, type JSONValue, parseJson } from '../base/json.ts'
import { attributeLayers, type StoredAttribute } from './attribute-map.ts'
import { type AttributeLayer, readAttributes } from './attributes.ts'
import { type Incarnation, parseParticipantKey } from './format.ts'
import { type Horizon, lastReadIndex, UNREAD, type Writer } from './horizon.ts'
import { byAge, type ParticipantBinding, type ParticipantRecord } from './participant-record.ts'

/** Which values of a participant changed, as a bit mask in the order of the reasons. */
export const PARTICIPANT_REASONS = [
  'attributes',
  'dateUpdated',
  'dateCreated',
  'roleSid',
  'lastReadMessageIndex',
  'lastReadTimestamp',
  'bindings',
] as const

export type ParticipantUpdateReason = (typeof PARTICIPANT_REASONS)[number]

/** Bits of the reasons, by their place in `PARTICIPANT_REASONS`. */
export const REASON_BIT = Object.fromEntries(
  PARTICIPANT_REASONS.map((reason, i) => [reason, 1 << i]),
) as Record<ParticipantUpdateReason, number>

/** By type, as the SDK has it for e-mail. */
export type ParticipantBindings = Readonly<Record<string, Readonly<ParticipantBinding>>>

const NO_BINDINGS: ParticipantBindings = Object.freeze({})

// Ten thousand people who only joined need no maps of their own.
const NO_OVERLAY: ReadonlyMap<string, StoredAttribute> = new Map()
const NONE: readonly never[] = []
const NO_ROLES: ReadonlyMap<Incarnation, Role> = new Map()

/** A forged document may have very many; those that are not known are tidied up after another start. */
const MAX_SLOTS = 100

interface Role {
  readonly sid: string
  readonly time: number
}

/**
 * Everything a document says of one participant, decoded. It also exists for somebody who is not there (any more),
 * and then keeps the last values of when they were.
 */
export class ParticipantEntry {
  readonly key: string
  /** Undefined = to be sorted anew. */
  #records: readonly ParticipantRecord[] | undefined = NONE
  /** Only of somebody who had several: a forged document may have very many. */
  #byWriter: Map<Writer, ParticipantRecord> | undefined
  #overlay: Map<string, StoredAttribute> | undefined
  #slots: readonly Writer[] = NONE
  #roles: Map<Incarnation, Role> | undefined
  /** The join of all slots ever seen, whether they are still in the document or not. */
  horizon: Horizon = UNREAD
  /** As it was before the transaction that changes it; undefined = nothing does. */
  before: Before | undefined
  /** Of the model; the schema does not look at it. */
  view: unknown

  /** In ms since 1970. */
  dateCreated = 0
  /** The newest time among all that is said of the participant, in ms since 1970. */
  dateUpdated = 0
  /** `''` where there is none. */
  roleSid = ''
  #attributes: JSONValue | undefined
  #bindings: ParticipantBindings | undefined

  constructor(key: string) {
    this.key = key
  }

  /** Attributes that were written after joining, by key in the document. */
  get overlay(): ReadonlyMap<string, StoredAttribute> {
    return this.#overlay ?? NO_OVERLAY
  }

  setAttribute(key: string, attribute: StoredAttribute | undefined): void {
    if (attribute) {
      this.#overlay ??= new Map()
      this.#overlay.set(key, attribute)
    } else {
      this.#overlay?.delete(key)
    }
  }

  /** Roles by the membership they were given to. */
  get roles(): ReadonlyMap<Incarnation, Role> {
    return this.#roles ?? NO_ROLES
  }

  setRole(incarnation: Incarnation, role: Role | undefined): void {
    if (role) {
      this.#roles ??= new Map()
      this.#roles.set(incarnation, role)
    } else {
      this.#roles?.delete(incarnation)
    }
  }

  /** Whose slots of the horizon are in the document, as far as anybody needs to know them for tidying up. */
  get slots(): readonly Writer[] {
    return this.#slots
  }

  setSlot(writer: Writer, isThere: boolean): void {
    if (this.#slots.includes(writer) === isThere) return
    if (!isThere) this.#slots = this.#slots.filter(one => one !== writer)
    else if (this.#slots.length < MAX_SLOTS) this.#slots = this.#slots.concat(writer)
  }

  /** Sorted by age; empty = not in the conversation. */
  get records(): readonly ParticipantRecord[] {
    this.#records ??= [...(this.#byWriter as Map<Writer, ParticipantRecord>).values()].sort(byAge)
    return this.#records
  }

  get isPresent(): boolean {
    return this.records.length > 0
  }

  /** Puts a writer's record in its place; undefined = there is none. */
  setRecord(writer: Writer, record: ParticipantRecord | undefined): void {
    if (!this.#byWriter) {
      const [only] = this.records
      if (!only || only.writer === writer) {
        this.#records = record ? [record] : NONE
        return
      }
      this.#byWriter = new Map([[only.writer, only]])
    }
    if (record) this.#byWriter.set(writer, record)
    else this.#byWriter.delete(writer)
    this.#records = undefined
  }

  /** Of the memberships that are there, sorted by age. */
  get incarnations(): Incarnation[] {
    return [...new Set(this.records.map(({ incarnation }) => incarnation))]
  }

  get identity(): string | null {
    return this.key[0] === '@' ? (parseParticipantKey(this.key)?.identity ?? null) : this.key
  }

  get type(): string {
    return parseParticipantKey(this.key)?.type ?? 'chat'
  }

  /** Frozen; the same object until it changes. */
  get attributes(): JSONValue {
    this.#attributes ??= freezeJson(this.#readAttributes())
    return this.#attributes
  }

  get bindings(): ParticipantBindings {
    this.#bindings ??= this.#readBindings()
    return this.#bindings
  }

  get lastReadMessageIndex(): number | null {
    return lastReadIndex(this.horizon)
  }

  /** In ms since 1970, or null. */
  get lastReadTime(): number | null {
    return this.horizon === UNREAD ? null : this.horizon.time
  }

  /** What the attributes are made of, sorted by age. */
  attributeLayers(): AttributeLayer[] {
    const initial = new Map<Incarnation, JSONValue[]>()
    for (const { incarnation, attributes } of this.records) {
      const values = initial.get(incarnation) ?? []
      const value = parseJson(attributes)
      if (value !== undefined) values.push(value)
      initial.set(incarnation, values)
    }
    return attributeLayers(initial, this.overlay)
  }

  /** Forgets everything that the document says, to be read anew; call `remember` before. */
  clear(): void {
    this.#records = NONE
    this.#byWriter = undefined
    this.#overlay = undefined
    this.#roles = undefined
    this.#slots = NONE
    this.horizon = UNREAD
  }

  /** Call before the horizon changes; says whether it is the first change of the transaction. */
  rememberHorizon(): boolean {
    if (this.before) return false
    this.before = { horizon: this.horizon, dateUpdated: this.dateUpdated, rest: undefined }
    return true
  }

  /** Call before records, overlay or role change; says whether it is the first change of the transaction. */
  remember(): boolean {
    const isFirst = this.rememberHorizon()
    const before = this.before as Before
    before.rest ??= { snapshot: this.#capture() }
    return isFirst
  }

  /** Call after records, overlay or role changed: derives anew, and says which values differ as a mask. */
  derive(before: ParticipantSnapshot | undefined): number {
    if (!this.isPresent) return 0
    this.refresh()
    if (!before) {
      this.#attributes = undefined
      this.#bindings = undefined
      return 0
    }
    const attributes = this.#readAttributes()
    const bindings = this.#readBindings()
    let mask = 0
    if (!equalJson(attributes, before.attributes)) {
      this.#attributes = freezeJson(attributes)
      mask |= REASON_BIT.attributes
    }
    if (!equalJson(bindings as JSONValue, before.bindings as JSONValue)) {
      this.#bindings = bindings
      mask |= REASON_BIT.bindings
    }
    if (this.dateCreated !== before.dateCreated) mask |= REASON_BIT.dateCreated
    if (this.roleSid !== before.roleSid) mask |= REASON_BIT.roleSid
    return mask
  }

  /** Takes a joined horizon over. */
  setHorizon(horizon: Horizon): void {
    this.horizon = horizon
    if (this.isPresent) this.dateUpdated = Math.max(this.dateUpdated, horizon.time)
  }

  /** Which values differ from what they were, as far as they come from the horizon, as a mask. */
  horizonReasons(before: Horizon, dateUpdated: number): number {
    const { horizon } = this
    let mask = 0
    if (horizon !== before) {
      if (lastReadIndex(horizon) !== lastReadIndex(before)) mask |= REASON_BIT.lastReadMessageIndex
      // Null until something was read, whatever time it is said to be.
      const isNull = before === UNREAD || horizon === UNREAD
      if (horizon.time !== before.time || isNull) mask |= REASON_BIT.lastReadTimestamp
    }
    if (this.dateUpdated !== dateUpdated) mask |= REASON_BIT.dateUpdated
    return mask
  }

  /** Derives the dates and the role; the rest is derived when asked for. */
  refresh(): void {
    const [oldest] = this.records
    if (!oldest) return
    this.dateCreated = oldest.dateCreated
    this.roleSid = ''
    let newest = this.horizon.time
    for (const { dateCreated, incarnation } of this.records) {
      const role = this.#roles?.get(incarnation)
      if (role) this.roleSid = role.sid
      newest = Math.max(newest, dateCreated, role?.time ?? 0)
    }
    if (this.#overlay) {
      const incarnations = new Set(this.incarnations)
      for (const { incarnation, time } of this.#overlay.values()) {
        if (incarnations.has(incarnation)) newest = Math.max(newest, time)
      }
    }
    this.dateUpdated = newest
  }

  #capture(): ParticipantSnapshot | undefined {
    if (!this.isPresent) return undefined
    const { attributes, bindings, dateCreated, roleSid } = this
    return { attributes, bindings, dateCreated, roleSid }
  }

  #readAttributes(): JSONValue {
    const [first, second] = this.records
    // Most people never change what they joined with.
    if (second || this.overlay.size > 0) return readAttributes(this.attributeLayers())
    const initial = parseJson(first?.attributes)
    return initial === undefined ? {} : initial
  }

  #readBindings(): ParticipantBindings {
    const binding = this.records.find(record => record.binding)?.binding
    return binding ? Object.freeze({ [this.type]: Object.freeze(binding) }) : NO_BINDINGS
  }
}

/** A participant before a transaction. */
export interface Before {
  readonly horizon: Horizon
  readonly dateUpdated: number
  /** Set when more than the horizon is touched. */
  rest: { readonly snapshot: ParticipantSnapshot | undefined } | undefined
}

interface ParticipantSnapshot {
  readonly attributes: JSONValue
  readonly bindings: ParticipantBindings
  readonly dateCreated: number
  readonly roleSid: string
}
