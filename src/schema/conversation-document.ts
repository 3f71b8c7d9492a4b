import * as Y from 'yjs'
import { ConversationsError } from '../base/errors.ts'
import type { JSONValue } from '../base/json.ts'
import { decodeAttribute, parseAttributeKey, writeAttributes } from './attribute-map.ts'
import { type Creation, readCreation } from './creation.ts'
import {
  FORMAT,
  isParticipantKey,
  isTime,
  parseSlotKey,
  ROOTS,
  slotKey,
  timeAfter,
  WHOLE,
} from './format.ts'
import { advance, equalHorizon, type Horizon, join, type Reach, rewind } from './horizon.ts'
import { decodeHorizon, encodeHorizon } from './horizon-codec.ts'
import { type Before, ParticipantEntry } from './participant-entry.ts'
import { decodeRecord, encodeRecord, type ParticipantBinding } from './participant-record.ts'
import { rootMap } from './root-map.ts'
import { WholeEntity } from './whole-entity.ts'

/** More slots of one participant than this are tidied up by the next write of a horizon. */
const SLOTS_KEPT = 3

/** What one transaction changed; complete before anybody is told. */
export interface ConversationChanges {
  readonly joined: ParticipantEntry[]
  readonly left: ParticipantEntry[]
  /** Participants that were and are there, and the reasons as a bit mask. */
  readonly updated: [entry: ParticipantEntry, mask: number][]
  /** Fields or attributes of the document as a whole were touched. */
  readonly whole: boolean
}

/** A participant's entry, and a writer or incarnation of theirs. */
interface Slot {
  readonly entry: ParticipantEntry
  readonly number: number
}

/**
 * A conversation's or user's document, decoded and kept up to date: reading is total, writing is in transactions, and every
 * transaction is told of once, after all of it has been taken over.
 */
export class ConversationDocument {
  readonly entries: Map<string, ParticipantEntry> = new Map()
  readonly whole: WholeEntity
  readonly #doc: Y.Doc
  readonly #onChanges: (changes: ConversationChanges) => void
  readonly #fields: Y.Map<unknown>
  readonly #participants: Y.Map<unknown>
  readonly #roles: Y.Map<unknown>
  readonly #attributes: Y.Map<unknown>
  readonly #horizons: Y.Map<unknown>
  #touched: ParticipantEntry[] = []
  /** Keys of horizons that have changed before: reading them again would take as long as reading the horizon. */
  readonly #slots = new Map<string, Slot | undefined>()
  #wholeTouched = false
  #isHeld = false
  #stop: () => void = () => {}

  /** @throws {ConversationsError} `invalid-argument` if a root of the document is of another type */
  constructor(doc: Y.Doc, onChanges: (changes: ConversationChanges) => void) {
    this.#doc = doc
    this.#onChanges = onChanges
    this.#fields = rootMap(doc, ROOTS.fields)
    this.#participants = rootMap(doc, ROOTS.participants)
    this.#roles = rootMap(doc, ROOTS.roles)
    this.#attributes = rootMap(doc, ROOTS.attributes)
    this.#horizons = rootMap(doc, ROOTS.horizons)
    this.whole = new WholeEntity(this.#fields, this.#attributes)
  }

  /** Reads what is there, telling nobody, and follows the document from now on. */
  start(): void {
    this.#readAll()
    for (const entry of this.entries.values()) entry.refresh()
    this.whole.refresh()

    const followed: [Y.Map<unknown>, (key: string) => void][] = [
      [this.#fields, () => this.#touchWhole()],
      [this.#participants, key => this.#readRecord(key, true)],
      [this.#roles, key => this.#readRole(key, true)],
      [this.#attributes, key => this.#readAttribute(key, true)],
      [this.#horizons, key => this.#readHorizon(key, true)],
    ]
    const stops = followed.map(([map, read]) => {
      const observer = ({ keysChanged }: Y.YMapEvent<unknown>) => {
        if (this.#isHeld) return
        // Null stands for list content, which a foreign document may have put there.
        for (const key of keysChanged) if (key !== null) read(key)
      }
      map.observe(observer)
      return () => map.unobserve(observer)
    })
    const tell = () => {
      if (!this.#isHeld) this.#tell()
    }
    // Not after each: listeners would write while Yjs still holds back what their writes change.
    this.#doc.on('afterAllTransactions', tell)
    this.#stop = () => {
      for (const stop of stops) stop()
      this.#doc.off('afterAllTransactions', tell)
    }
  }

  stop(): void {
    this.#stop()
  }

  /** From now on what was read stands, whatever becomes of the document, until it is read again. */
  hold(): void {
    this.#isHeld = true
  }

  /** Reads everything anew and tells of what differs, in one go. */
  reread(): void {
    this.#isHeld = false
    for (const entry of this.entries.values()) {
      this.#touch(entry)
      entry.clear()
    }
    this.whole.clear()
    this.#touchWhole()
    this.#readAll(true)
    // Of an empty transaction, because it may be asked for in the middle of another one.
    this.transact(() => {})
  }

  get writer(): number {
    return this.#doc.clientID
  }

  /** The newest format that anybody wrote this document in. */
  get format(): number {
    let newest = 0
    for (const key of this.#fields.keys()) {
      if (key.startsWith('format|')) newest = Math.max(newest, Number(key.slice(7)) || 0)
    }
    return newest
  }

  /** Of several that created the conversation apart, the first; undefined = nobody did yet. */
  get creation(): Creation | undefined {
    return readCreation(this.#fields)
  }

  /** Runs writes as one transaction: one update, and everybody is told once. */
  transact(write: () => void): void {
    this.#doc.transact(write, this)
  }

  get isReadOnly(): boolean {
    return this.format > FORMAT
  }

  /** @throws {ConversationsError} `read-only` */
  assertFormat(): void {
    if (!this.isReadOnly) return
    throw new ConversationsError(
      'read-only',
      `The document was written in format ${this.format}, and this version writes format ${FORMAT}; update y-conversations`,
    )
  }

  /**
   * As `transact`, and creates the document if nobody did.
   *
   * @throws {ConversationsError} `read-only`; then nothing was written
   */
  write(assumed: Creation, write: () => void): void {
    this.assertFormat()
    this.transact(() => {
      if (!this.creation) this.create(assumed)
      write()
    })
  }

  create({ createdBy, dateCreated, uniqueName }: Creation): void {
    const value =
      uniqueName === null ? [createdBy, dateCreated] : [createdBy, dateCreated, uniqueName]
    this.#fields.set(slotKey('created', this.writer), value)
    this.#fields.set(`format|${FORMAT}`, true)
  }

  setAttributes(next: JSONValue, now: number): void {
    this.whole.setAttributes(next, now, this.writer)
  }

  /** Adds a participant who is not there. */
  addParticipant(
    key: string,
    attributes: JSONValue | undefined,
    binding: ParticipantBinding | undefined,
    now: number,
    incarnation: number,
  ): void {
    const record = {
      writer: this.writer,
      dateCreated: now,
      incarnation,
      attributes: attributes === undefined ? undefined : JSON.stringify(attributes),
      binding,
    }
    this.#participants.set(slotKey(key, this.writer), encodeRecord(record))
  }

  /**
   * The read horizon stays: what somebody has read is read when they come back. What was written for an earlier membership,
   * by those who did not know that it had ended, goes too.
   */
  removeParticipant(entry: ParticipantEntry): void {
    for (const { writer } of entry.records) this.#participants.delete(slotKey(entry.key, writer))
    this.#clear(entry)
  }

  setParticipantAttributes(entry: ParticipantEntry, next: JSONValue, now: number): void {
    const { incarnations, dateUpdated } = entry
    const stamp = { time: timeAfter(dateUpdated, now), incarnations, writer: this.writer }
    writeAttributes(this.#attributes, entry.key, entry.attributeLayers(), next, stamp)
  }

  setRole(entry: ParticipantEntry, roleSid: string, now: number): void {
    if (entry.roleSid === roleSid) return
    const value = [roleSid, timeAfter(entry.dateUpdated, now)]
    for (const incarnation of entry.incarnations) {
      this.#roles.set(slotKey(entry.key, incarnation), value)
    }
  }

  /** Raises a participant's horizon in memory only, and tells; says whether it moved. */
  advanceHorizon(entry: ParticipantEntry, reach: Reach, now: number): boolean {
    const { horizon, dateUpdated } = entry
    const time = timeAfter(dateUpdated, now)
    // Where forged histories left no epoch to raise, a new one begins.
    const next =
      horizon.live.length > 0 ? advance(horizon, reach, time) : this.#rewind(horizon, reach, time)
    return this.replaceHorizon(entry, next)
  }

  /** Puts another form of a participant's horizon in its place, in memory only, and tells; says whether it is another. */
  replaceHorizon(entry: ParticipantEntry, next: Horizon): boolean {
    if (next === entry.horizon) return false
    // An app's own observer of the document may call this before its transaction is told of.
    const isTold = this.#touched.length === 0 && !this.#wholeTouched
    if (entry.rememberHorizon()) this.#touched.push(entry)
    entry.setHorizon(next)
    if (isTold) this.#tell()
    return true
  }

  /** Moves a horizon back, in a new epoch (index -1 = nothing read). */
  rewindHorizon(entry: ParticipantEntry, reach: Reach, now: number): void {
    const time = timeAfter(entry.dateUpdated, now)
    this.#writeHorizon(entry, this.#rewind(entry.horizon, reach, time))
  }

  /**
   * Each rewind needs a dot that was never used. What was seen does not tell where the writer's own slot is gone and what
   * superseded it is yet to arrive; the writer's clock does, as it grows with each write.
   */
  #rewind(horizon: Horizon, reach: Reach, time: number): Horizon {
    const clock = Y.getState(this.#doc.store, this.writer)
    const seen = new Map(horizon.seen)
    seen.set(this.writer, Math.max(seen.get(this.writer) ?? 0, clock))
    return rewind({ ...horizon, seen }, this.writer, reach, time)
  }

  /** Writes the horizon as it is in memory, unless it is written already. */
  writeHorizon(entry: ParticipantEntry): void {
    const written = decodeHorizon(this.#horizons.get(slotKey(entry.key, this.writer)))
    if (written && equalHorizon(written, entry.horizon)) return
    this.#writeHorizon(entry, entry.horizon)
  }

  #writeHorizon(entry: ParticipantEntry, horizon: Horizon): void {
    this.#horizons.set(slotKey(entry.key, this.writer), encodeHorizon(horizon))
    // What is written is the join of all slots seen, so the others add nothing to it.
    const others = entry.slots.filter(writer => writer !== this.writer)
    if (others.length < SLOTS_KEPT) return
    for (const writer of others) this.#horizons.delete(slotKey(entry.key, writer))
  }

  #clear(entry: ParticipantEntry): void {
    for (const key of [...entry.overlay.keys()]) this.#attributes.delete(key)
    for (const incarnation of entry.roles.keys()) {
      this.#roles.delete(slotKey(entry.key, incarnation))
    }
  }

  /** Everything known of a participant, who need not be there. */
  entry(key: string): ParticipantEntry {
    const known = this.entries.get(key)
    if (known) return known
    const entry = new ParticipantEntry(key)
    this.entries.set(key, entry)
    return entry
  }

  #readAll(isChange = false): void {
    for (const key of this.#participants.keys()) this.#readRecord(key, isChange)
    for (const key of this.#roles.keys()) this.#readRole(key, isChange)
    for (const key of this.#attributes.keys()) this.#readAttribute(key, isChange)
    for (const key of this.#horizons.keys()) this.#readHorizon(key, isChange)
  }

  #readRecord(key: string, isChange = false): void {
    const slot = this.#slot(key)
    if (!slot) return
    const { entry, number } = slot
    if (isChange) this.#touch(entry)
    entry.setRecord(number, decodeRecord(number, this.#participants.get(key)))
  }

  #readRole(key: string, isChange = false): void {
    const slot = this.#slot(key)
    if (!slot) return
    const { entry, number } = slot
    if (isChange) this.#touch(entry)
    const stored = this.#roles.get(key)
    const [sid, time] = Array.isArray(stored) ? stored : []
    entry.setRole(number, typeof sid === 'string' && isTime(time) ? { sid, time } : undefined)
  }

  #readAttribute(key: string, isChange = false): void {
    const parsed = parseAttributeKey(key)
    if (parsed?.entity === WHOLE) {
      this.whole.readAttribute(key)
      if (isChange) this.#touchWhole()
      return
    }
    if (!parsed || !isParticipantKey(parsed.entity)) return
    const entry = this.entry(parsed.entity)
    if (isChange) this.#touch(entry)
    entry.setAttribute(key, decodeAttribute(parsed, this.#attributes.get(key)))
  }

  #readHorizon(key: string, isChange = false): void {
    const slot = isChange ? this.#knownSlot(key) : this.#slot(key)
    if (!slot) return
    const { entry, number } = slot
    const horizon = decodeHorizon(this.#horizons.get(key))
    // A slot that is gone was superseded; with a transport that reorders, by one that is yet to arrive.
    entry.setSlot(number, horizon !== undefined)
    const joined = horizon ? join(entry.horizon, horizon) : entry.horizon
    if (joined === entry.horizon) return
    if (isChange && entry.rememberHorizon()) this.#touched.push(entry)
    entry.setHorizon(joined)
  }

  #slot(key: string): Slot | undefined {
    const slot = parseSlotKey(key)
    return slot && isParticipantKey(slot.owner)
      ? { entry: this.entry(slot.owner), number: slot.number }
      : undefined
  }

  #knownSlot(key: string): Slot | undefined {
    let slot = this.#slots.get(key)
    if (!slot) {
      slot = this.#slot(key)
      this.#slots.set(key, slot)
    }
    return slot
  }

  #touch(entry: ParticipantEntry): void {
    if (entry.remember()) this.#touched.push(entry)
  }

  #touchWhole(): void {
    this.#wholeTouched = true
  }

  #tell(): void {
    const touched = this.#touched
    if (touched.length === 0 && !this.#wholeTouched) return
    this.#touched = []
    const changes: ConversationChanges = {
      joined: [],
      left: [],
      updated: [],
      whole: this.#wholeTouched,
    }
    for (const entry of touched) {
      const { horizon, dateUpdated, rest } = entry.before as Before
      entry.before = undefined
      const wasPresent = rest ? rest.snapshot !== undefined : entry.isPresent
      const derived = rest ? entry.derive(rest.snapshot) : 0
      const mask = derived | entry.horizonReasons(horizon, dateUpdated)
      if (entry.isPresent && !wasPresent) changes.joined.push(entry)
      else if (!entry.isPresent && wasPresent) changes.left.push(entry)
      else if (entry.isPresent && mask !== 0) changes.updated.push([entry, mask])
    }
    this.#wholeTouched = false
    if (changes.whole) this.whole.refresh()
    this.#onChanges(changes)
  }
}
