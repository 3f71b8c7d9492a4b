import * as Y from 'yjs'
import { parseSlotKey } from '../../schema/format.ts'
import { OUTBOX_ROOTS } from '../../schema/messages/outbox-document.ts'
import {
  decodeOutboxEntry,
  type MessageCommand,
  type OutboxEntry,
  type PendingMessage,
} from '../../schema/messages/outbox-entry.ts'
import type { Permission } from '../../schema/permissions.ts'
import type { Erasure, Writing } from './draft.ts'
import type { OutboxFacts } from './facts.ts'
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
import { checkTime, isAttributesText, isAttributeValue, isText, tuple } from './values.ts'

const OTHERS: Record<MessageCommand['kind'], Permission> = {
  body: 'editMessage',
  attributes: 'editMessageAttributes',
  remove: 'removeMessage',
}

/** Of the document of the outboxes. */
export function outboxGrammar(facts: OutboxFacts): Grammar {
  return {
    personalRoot: OUTBOX_ROOTS.outbox,
    review: context => new OutboxReview(context, facts),
  }
}

class OutboxReview implements Review {
  readonly changesStanding = false
  readonly #context: ReviewContext
  readonly #facts: OutboxFacts
  readonly #standing: AuthorStanding

  constructor(context: ReviewContext, facts: OutboxFacts) {
    this.#context = context
    this.#facts = facts
    this.#standing = new AuthorStanding(context.author, facts, false)
  }

  write(writing: Writing): Objection | undefined {
    const { root, key, list } = writing.place as Place
    if (root !== OUTBOX_ROOTS.outbox || key === null) {
      return refuse(`only the server writes in ${quote(root)}`)
    }
    const slot = parseSlotKey(key)
    if (slot?.owner !== this.#standing.key || slot.number !== writing.writer) {
      return refuse(`the outbox of ${quote(key)} is filled by that device of that participant only`)
    }
    const { isCreator, isParticipant } = this.#standing
    const objection = list ? this.#push(list, writing) : this.#make(writing)
    if (objection?.kind === 'refused' || isCreator || isParticipant) return objection
    return wait(`${this.#context.author} sends and is not a participant yet`)
  }

  erase({ place }: Erasure): Objection | undefined {
    return refuse(`only the server empties outboxes, as that of ${quote(place?.key ?? null)}`)
  }

  /** It is the first thing that a device writes in this document, and lies there for good. */
  #make({ content, clock, isDeleted }: Writing): Objection | undefined {
    const isArray = content instanceof Y.ContentType && content.type.constructor === Y.Array
    return isArray && clock === 0 && !isDeleted ? undefined : refuse('an outbox is made once')
  }

  #push(list: Y.ID, writing: Writing): Objection | undefined {
    const { writer, clock, content, offset, isAppended, isDeleted } = writing
    if (list.client !== writer || !isAppended) {
      return refuse('messages are put at the end of an outbox only')
    }
    if (isDeleted) return undefined
    if (!(content instanceof Y.ContentAny)) return refuse('what is sent is no message')
    let waiting: Objection | undefined
    for (let i = offset; i < content.arr.length; i++) {
      // All that its device has written since it made the outbox lies in it.
      const counter = clock - list.clock + i - offset
      const objection = this.#checkEntry(content.arr[i], counter)
      if (objection?.kind === 'refused') return objection
      waiting ??= objection
    }
    return waiting
  }

  #checkEntry(stored: unknown, counter: number): Objection | undefined {
    const entry = decodeOutboxEntry(stored)
    if (!entry || !Array.isArray(stored) || !this.#isWithinLimits(entry, stored)) {
      return refuse('what is sent is no message, or too large')
    }
    return (
      checkTime(entry.time, this.#facts) ??
      (entry.kind === 'message' ? this.#checkMessage(entry, counter) : this.#checkCommand(entry))
    )
  }

  #checkMessage({ counter }: PendingMessage, next: number): Objection | undefined {
    if (counter !== next) return refuse(`a message has the number ${counter} instead of ${next}`)
    return this.#mayWrite('sendMessage')
      ? undefined
      : refuse(`${this.#context.author} may not send`)
  }

  #checkCommand({ kind, target }: MessageCommand): Objection | undefined {
    const { author } = this.#context
    const owner = this.#context.ownerOf(target.writer)
    const isOwn = owner === author || this.#facts.authorOf(target.writer) === this.#standing.key
    if (isOwn && this.#mayWrite('sendMessage')) return undefined
    if (this.#mayWrite(OTHERS[kind])) return undefined
    const isKnown =
      isOwn || owner !== undefined || this.#facts.authorOf(target.writer) !== undefined
    const reason = `${author} may not do this to a message (${kind})`
    return isKnown ? refuse(reason) : wait(`${reason}, unless it turns out to be their own`)
  }

  /** Whether it is allowed, or will be for all that is known now: of who is no participant yet nothing is. */
  #mayWrite(permission: Permission): boolean {
    const { isCreator, isParticipant } = this.#standing
    return (!isCreator && !isParticipant) || this.#standing.may(permission)
  }

  #isWithinLimits(entry: OutboxEntry, stored: readonly unknown[]): boolean {
    const { limits } = this.#facts
    switch (entry.kind) {
      case 'remove':
        return stored.length <= 5
      case 'body':
        return stored.length <= 6 && isText(entry.body ?? '', limits.bodyLength)
      case 'attributes': {
        const { set, delete: deleted } = entry.changes
        const isRead = isLength(stored[5], set.length) && isLength(stored[6], deleted.length)
        const isFit = set.every(({ value }) => isAttributeValue(value, limits))
        return stored.length <= 7 && isRead && isFit
      }
      case 'message':
        return stored.length <= 5 && this.#isContentWithinLimits(entry, stored[4])
    }
  }

  #isContentWithinLimits({ content }: PendingMessage, stored: unknown): boolean {
    const { limits } = this.#facts
    const { body, subject, media } = content
    const [, attributes, storedSubject, storedMedia] = tuple(stored, 4) ?? [null, false]
    return (
      isText(body ?? '', limits.bodyLength) &&
      isText(subject ?? '', limits.textLength) &&
      isAttributesText(attributes, limits) &&
      (storedSubject === undefined || storedSubject === subject) &&
      (storedMedia === undefined || isLength(storedMedia, media.length)) &&
      media.every(({ contentType, filename }) => {
        return isText(contentType, limits.textLength) && isText(filename ?? '', limits.textLength)
      })
    )
  }
}

/** Whether all of it could be read. */
function isLength(stored: unknown, length: number): boolean {
  return Array.isArray(stored) && stored.length === length
}
