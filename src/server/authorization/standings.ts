import type * as Y from 'yjs'
import { type Creation, readCreation } from '../../schema/creation.ts'
import { chatKey, isTime, parseSlotKey, ROOTS, slotKey } from '../../schema/format.ts'
import { byAge, decodeRecord, type ParticipantRecord } from '../../schema/participant-record.ts'
import type { Standing } from '../../schema/permissions.ts'
import { CREATOR_CLAIM } from './claims.ts'

/**
 * Who is who in a conversation, followed in its document: less than `ConversationDocument` reads, because it is
 * brought up to date with every update that a server takes.
 */
export class Standings {
  readonly #participants: Y.Map<unknown>
  readonly #roles: Y.Map<unknown>
  readonly #fields: Y.Map<unknown>
  readonly #claims: ReadonlyMap<string, string>
  /** By participant key. */
  readonly #records = new Map<string, ParticipantRecord[]>()
  #creation: Creation | undefined
  #isCreationKnown = false
  readonly #stop: () => void

  /** @param onChanged called in the transaction that changes it */
  constructor(doc: Y.Doc, claims: ReadonlyMap<string, string>, onChanged: () => void) {
    this.#participants = doc.getMap(ROOTS.participants)
    this.#roles = doc.getMap(ROOTS.roles)
    this.#fields = doc.getMap(ROOTS.fields)
    this.#claims = claims
    for (const key of this.#participants.keys()) this.#read(key)
    const onParticipants = ({ keysChanged }: Y.YMapEvent<unknown>) => {
      for (const key of keysChanged) if (key !== null) this.#read(key)
      onChanged()
    }
    const onFields = () => {
      this.#isCreationKnown = false
      onChanged()
    }
    this.#participants.observe(onParticipants)
    this.#roles.observe(onChanged)
    this.#fields.observe(onFields)
    this.#stop = () => {
      this.#participants.unobserve(onParticipants)
      this.#roles.unobserve(onChanged)
      this.#fields.unobserve(onFields)
    }
  }

  /**
   * The identity whose creation came here first, which is not always who the document says: of several that created
   * it apart, that is who did it first by their own clock. Undefined = nobody has.
   */
  get creator(): string | undefined {
    return this.#claims.get(CREATOR_CLAIM) ?? this.creation?.createdBy
  }

  /** As the document has it. */
  get creation(): Creation | undefined {
    if (!this.#isCreationKnown) {
      this.#creation = readCreation(this.#fields)
      this.#isCreationKnown = true
    }
    return this.#creation
  }

  /** Of a participant by key: `''` = none was given; undefined = no participant. */
  roleOf(participantKey: string): string | undefined {
    const records = this.#records.get(participantKey)
    if (!records) return undefined
    let role = ''
    for (const { incarnation } of records) {
      const stored = this.#roles.get(slotKey(participantKey, incarnation))
      if (Array.isArray(stored) && typeof stored[0] === 'string' && isTime(stored[1])) {
        role = stored[0]
      }
    }
    return role
  }

  /** The memberships of a participant that are there. */
  recordsOf(participantKey: string): readonly ParticipantRecord[] {
    return this.#records.get(participantKey) ?? []
  }

  of(identity: string): Standing {
    return {
      isCreator: this.creator === identity,
      roleSid: this.roleOf(chatKey(identity)),
    }
  }

  stop(): void {
    this.#stop()
  }

  #read(key: string): void {
    const slot = parseSlotKey(key)
    if (!slot) return
    const { owner, number } = slot
    const others = (this.#records.get(owner) ?? []).filter(({ writer }) => writer !== number)
    const record = decodeRecord(number, this.#participants.get(key))
    const records = record ? [...others, record].sort(byAge) : others
    if (records.length > 0) this.#records.set(owner, records)
    else this.#records.delete(owner)
  }
}
