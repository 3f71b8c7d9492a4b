import * as Y from 'yjs'
import { decodeAttribute, parseAttributeKey } from '../../schema/attribute-map.ts'
import {
  FORMAT,
  type Incarnation,
  isParticipantKey,
  parseSlotKey,
  ROOTS,
  slotKey,
  WHOLE,
} from '../../schema/format.ts'
import { decodeHorizon } from '../../schema/horizon-codec.ts'
import { decodeRecord } from '../../schema/participant-record.ts'
import { ADMIN } from '../../schema/permissions.ts'
import type { Erasure, Writing } from './draft.ts'
import type { ConversationFacts } from './facts.ts'
import {
  type Grammar,
  type Objection,
  quote,
  type Review,
  type ReviewContext,
  refuse,
  wait,
} from './grammar.ts'
import type { Place } from './place.ts'
import { AuthorStanding } from './standing.ts'
import {
  checkTime,
  isAttributesText,
  isAttributeValue,
  isText,
  singleValue,
  tuple,
} from './values.ts'

const CREATED = 'created'
const FORMAT_KEY = `format|${FORMAT}`
const NAMES: readonly (string | null)[] = ['friendlyName', 'uniqueName']
/** Of one horizon: it grows with the devices of a participant that have gone back. */
const HORIZON_BYTES = 65_536
/** Members of a binding, of which there are four. */
const BINDING_MEMBERS = 8

/** Of a conversation's document. */
export function conversationGrammar(facts: ConversationFacts): Grammar {
  return {
    personalRoot: ROOTS.horizons,
    review: context => new ConversationReview(context, facts),
  }
}

/** A membership: of whom, and which. */
interface Membership {
  readonly owner: string
  readonly incarnation: Incarnation
}

class ConversationReview implements Review {
  readonly #context: ReviewContext
  readonly #facts: ConversationFacts
  readonly #standing: AuthorStanding
  /** Keys of records that are deleted. */
  readonly #erasedRecords = new Set<string>()
  readonly #added: Membership[] = []
  /** Nobody had created the conversation, and this does. */
  readonly #creates: boolean
  #changesStanding = false

  constructor(context: ReviewContext, facts: ConversationFacts) {
    const { author, draft } = context
    this.#context = context
    this.#facts = facts
    let creates = false
    for (const { place } of draft.erasures) {
      this.#look(place)
      if (place?.root === ROOTS.participants && place.key) this.#erasedRecords.add(place.key)
    }
    for (const writing of draft.writings) {
      const { place, isDeleted } = writing
      this.#look(place)
      if (isDeleted || !place) continue
      if (place.root === ROOTS.participants) this.#lookAtRecord(place, writing)
      creates ||= facts.creator === undefined && isCreatedKey(place)
    }
    this.#creates = creates
    this.#standing = new AuthorStanding(author, facts, creates)
  }

  get changesStanding(): boolean {
    return this.#changesStanding
  }

  write(writing: Writing): Objection | undefined {
    const place = writing.place as Place
    if (place.list || place.key === null) return this.#refusePlace(place)
    switch (place.root) {
      case ROOTS.horizons:
        return this.#writeHorizon(place.key, writing)
      case ROOTS.attributes:
        return this.#writeAttribute(place.key, writing)
      case ROOTS.participants:
        return this.#writeRecord(place.key, writing)
      case ROOTS.roles:
        return this.#writeRole(place.key, writing)
      case ROOTS.fields:
        return this.#writeField(place.key, writing)
      default:
        return this.#refusePlace(place)
    }
  }

  erase({ place }: Erasure): Objection | undefined {
    if (!place) return undefined
    const { root, key, list } = place
    if (list || key === null) return this.#refusePlace(place)
    switch (root) {
      case ROOTS.horizons:
        return this.#eraseHorizon(key)
      case ROOTS.attributes:
        return this.#eraseAttribute(key)
      case ROOTS.participants:
        return this.#eraseRecord(key)
      case ROOTS.roles:
        return this.#eraseRole(key)
      case ROOTS.fields:
        return this.#eraseField(key)
      default:
        return this.#refusePlace(place)
    }
  }

  #look(place: Place | null): void {
    if (!place) return
    const { root } = place
    if (root === ROOTS.participants || root === ROOTS.roles || isCreatedKey(place)) {
      this.#changesStanding = true
    }
  }

  #lookAtRecord({ key }: Place, writing: Writing): void {
    const owner = parseSlotKey(key ?? '')?.owner
    const record = decodeRecord(writing.writer, singleValue(writing))
    if (owner && record) this.#added.push({ owner, incarnation: record.incarnation })
  }

  #writeHorizon(key: string, writing: Writing): Objection | undefined {
    const slot = parseSlotKey(key)
    if (slot?.owner !== this.#standing.key || slot.number !== writing.writer) {
      return refuse(`a horizon of ${quote(key)} is written by that device of that participant only`)
    }
    if (!this.#isIn) return this.#deny('writes a horizon and is no participant')
    if (writing.isDeleted) return undefined
    const { content } = writing
    const bytes = content instanceof Y.ContentBinary ? content.content : undefined
    const horizon = bytes && bytes.length <= HORIZON_BYTES ? decodeHorizon(bytes) : undefined
    if (!horizon) return refuse(`what is written for ${quote(key)} is no horizon`)
    const { messageCount } = this.#facts
    const isBeyond = messageCount && horizon.live.some(({ index }) => index >= messageCount)
    if (isBeyond) return wait(`a horizon is beyond the last of ${messageCount} messages`)
    return this.#checkTime(horizon.time)
  }

  #eraseHorizon(key: string): Objection | undefined {
    if (parseSlotKey(key)?.owner !== this.#standing.key) {
      return refuse(`the horizon of ${quote(key)} is not the author's`)
    }
    return this.#isIn ? undefined : this.#deny('deletes a horizon and is no participant')
  }

  #writeAttribute(key: string, writing: Writing): Objection | undefined {
    if (writing.isDeleted) return this.#eraseAttribute(key)
    const parsed = parseAttributeKey(key)
    if (!parsed || !this.#isEntity(parsed.entity)) {
      return refuse(`${quote(key)} names no attribute`)
    }
    const denied = this.#denyAttribute(parsed.entity)
    if (denied) return denied
    const stored = tuple(singleValue(writing), 2)
    const attribute = decodeAttribute(parsed, stored)
    if (!attribute || !isAttributeValue(attribute.value, this.#facts.limits)) {
      return refuse(`what is written for ${quote(key)} is no attribute, or too large`)
    }
    return this.#checkTime(attribute.time)
  }

  #eraseAttribute(key: string): Objection | undefined {
    const parsed = parseAttributeKey(key)
    if (!parsed) return refuse(`${quote(key)} names no attribute`)
    const { entity, incarnation } = parsed
    const isRemoval = entity !== WHOLE && this.#endsMembership(entity, incarnation)
    return isRemoval ? undefined : this.#denyAttribute(entity)
  }

  #denyAttribute(entity: string): Objection | undefined {
    const { key } = this.#standing
    if (entity === key) {
      return this.#isIn ? undefined : this.#deny('writes attributes and is no participant')
    }
    const permission = entity === WHOLE ? 'editConversation' : 'editParticipant'
    const whose = entity === WHOLE ? 'the conversation' : quote(entity)
    return this.#standing.may(permission)
      ? undefined
      : this.#deny(`may not change the attributes of ${whose}`)
  }

  #writeRecord(key: string, writing: Writing): Objection | undefined {
    const { key: me } = this.#standing
    const slot = parseSlotKey(key)
    if (!slot || !isParticipantKey(slot.owner) || slot.number !== writing.writer) {
      return refuse(`${quote(key)} names no participant and the device that adds them`)
    }
    const { owner } = slot
    if (this.#context.isTaken(ROOTS.participants, key)) {
      const denied = this.#eraseRecord(key)
      if (denied) return denied
    }
    // Nobody else writes there, so nothing can come of it.
    if (writing.isDeleted) return undefined
    const stored = tuple(singleValue(writing), 4)
    const record = decodeRecord(writing.writer, stored)
    if (!stored || !record || !this.#isInitial(stored[2]) || !this.#isBinding(stored[3])) {
      return refuse(`what is written for ${quote(key)} is no participant, or too large`)
    }
    const mayAdd = this.#standing.may('addParticipant') || (owner === me && this.#mayAddSelf)
    if (!mayAdd) return this.#deny(`may not add ${quote(owner)}`)
    const role = slotKey(owner, record.incarnation)
    const isRoleTaken = this.#context.isTaken(ROOTS.roles, role)
    if (isRoleTaken && !this.#standing.may('changeRole')) {
      return this.#deny(`may not take over the role of ${quote(role)}`)
    }
    return this.#checkTime(record.dateCreated)
  }

  #eraseRecord(key: string): Objection | undefined {
    const { key: me } = this.#standing
    const owner = parseSlotKey(key)?.owner
    if (owner === me || this.#standing.may('removeParticipant')) return undefined
    return this.#deny(`may not remove ${quote(owner ?? key)}`)
  }

  /** A second device need not know of the first; but nobody is to shed a role that allows less than none does. */
  get #mayAddSelf(): boolean {
    const { isOpen, isParticipant, isRestricted } = this.#standing
    return isOpen || (isParticipant && !isRestricted)
  }

  #writeRole(key: string, writing: Writing): Objection | undefined {
    if (writing.isDeleted) return this.#eraseRole(key)
    const slot = parseSlotKey(key)
    if (!slot || !isParticipantKey(slot.owner)) return refuse(`${quote(key)} names no membership`)
    if (!this.#standing.may('changeRole')) {
      return this.#deny(`may not change the role of ${quote(slot.owner)}`)
    }
    const [sid, time] = tuple(singleValue(writing), 2) ?? []
    if (!isText(sid, this.#facts.limits.textLength)) {
      return refuse(`what is written for ${quote(key)} is no role`)
    }
    const { isCreator, roleSid } = this.#standing
    if (sid === ADMIN && !isCreator && roleSid !== ADMIN) return this.#deny('may not name admins')
    return this.#checkTime(time)
  }

  #eraseRole(key: string): Objection | undefined {
    const slot = parseSlotKey(key)
    const isRemoval = slot && this.#endsMembership(slot.owner, slot.number)
    if (isRemoval || this.#standing.may('changeRole')) return undefined
    return this.#deny(`may not change the role of ${quote(slot?.owner ?? key)}`)
  }

  #writeField(key: string, writing: Writing): Objection | undefined {
    const slot = parseSlotKey(key)
    if (slot?.owner === CREATED) return this.#writeCreation(slot.number, writing)
    if (writing.isDeleted) return this.#eraseField(key)
    const denied = this.#eraseField(key)
    if (denied) return denied
    if (key === FORMAT_KEY) {
      return singleValue(writing) === true ? undefined : refuse(`${quote(key)} can only be true`)
    }
    const [text, time] = tuple(singleValue(writing), 2) ?? []
    if (!isText(text, this.#facts.limits.textLength)) {
      return refuse(`what is written for ${quote(key)} is no text, or too long`)
    }
    return this.#checkTime(time)
  }

  #writeCreation(number: number, writing: Writing): Objection | undefined {
    if (number !== writing.writer) return refuse('somebody creates for another device')
    // Nobody else writes there, so nothing can come of it, but that an own creation is gone.
    if (writing.isDeleted) return undefined
    const [by, time, name] = tuple(singleValue(writing), 3) ?? []
    const { creator, createdMs, limits } = this.#facts
    if (by !== this.#context.author) return refuse('somebody creates in the name of another')
    if (name !== undefined && !isText(name, limits.textLength)) {
      return refuse('the unique name is no text, or too long')
    }
    const wrongTime = this.#checkTime(time)
    if (wrongTime || this.#creates || creator === by) return wrongTime
    if (!this.#isIn) return this.#deny('is no participant')
    // Of several the earliest is shown, and who may come uninvited may have been the first.
    if (this.#standing.isOpen || (time as number) > createdMs) return undefined
    return this.#deny(`says to have created the conversation, which ${creator} did`)
  }

  #eraseField(key: string): Objection | undefined {
    // Without it, it is of the lowest format all the same; of several that were written apart, all but one go.
    if (key === FORMAT_KEY) return this.#isIn ? undefined : this.#deny('is no participant')
    if (!NAMES.includes(key)) return refuse(`${quote(key)} cannot be changed`)
    return this.#standing.may('editConversation')
      ? undefined
      : this.#deny('may not change the names of the conversation')
  }

  get #isIn(): boolean {
    const { isCreator, isParticipant, isOpen, key } = this.#standing
    return isCreator || isParticipant || isOpen || this.#added.some(({ owner }) => owner === key)
  }

  /** Whether a membership is over when the update is applied, and the author may end it: then nothing of it counts. */
  #endsMembership(owner: string, incarnation: Incarnation): boolean {
    if (owner !== this.#standing.key && !this.#standing.may('removeParticipant')) return false
    return (
      !this.#added.some(one => one.owner === owner && one.incarnation === incarnation) &&
      !this.#facts.recordsOf(owner).some(record => {
        const isGone = this.#erasedRecords.has(slotKey(owner, record.writer))
        return record.incarnation === incarnation && !isGone
      })
    )
  }

  #isEntity(entity: string): boolean {
    return entity === WHOLE || isParticipantKey(entity)
  }

  #isInitial(text: unknown): boolean {
    return isAttributesText(text, this.#facts.limits)
  }

  #isBinding(binding: unknown): boolean {
    if (binding === undefined) return true
    if (typeof binding !== 'object' || binding === null) return false
    const values = Object.values(binding)
    const { attributesBytes } = this.#facts.limits
    return (
      values.length <= BINDING_MEMBERS &&
      values.every(value => value === undefined || isText(value, attributesBytes))
    )
  }

  #checkTime(time: unknown): Objection | undefined {
    return checkTime(time, this.#facts)
  }

  /** While nobody has created the conversation, whoever did may have allowed it. */
  #deny(what: string): Objection {
    const { creator } = this.#facts
    const reason = `${this.#context.author} ${what}`
    return creator === undefined && !this.#creates
      ? wait(`${reason}, and nobody has created the conversation yet`)
      : refuse(reason)
  }

  #refusePlace({ root, key }: Place): Objection {
    return refuse(`nothing is to lie at ${quote(key)} of ${quote(root)}`)
  }
}

function isCreatedKey({ root, key }: Place): boolean {
  return root === ROOTS.fields && key !== null && key.startsWith(`${CREATED}|`)
}
