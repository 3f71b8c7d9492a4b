import { equalJson, freezeJson, type JSONValue } from '../../base/json.ts'
import { readAttributes } from '../attributes.ts'
import type { Writer } from '../horizon.ts'
import { type MessageContent, type MessageEdits, messageLayers } from './content.ts'
import { type MessageId, messageKey } from './ids.ts'
import { applyCommand } from './log-entry.ts'
import type { MessageCommand } from './outbox-entry.ts'

/** Which values of a message changed, as a bit mask in the order of the reasons. */
export const MESSAGE_REASONS = [
  'body',
  'subject',
  'lastUpdatedBy',
  'author',
  'dateUpdated',
  'dateCreated',
  'attributes',
  'media',
  'index',
  'deliveryState',
] as const

export type MessageUpdateReason = (typeof MESSAGE_REASONS)[number]

const BIT = Object.fromEntries(MESSAGE_REASONS.map((reason, i) => [reason, 1 << i])) as Record<
  MessageUpdateReason,
  number
>

/** What is said in a message, and what became of it. */
export interface MessageState {
  /** Null = removed. */
  readonly content: MessageContent | null
  readonly edits: MessageEdits | undefined
}

/** A command, and the participant key of who gave it. */
export interface GivenCommand {
  readonly by: string
  readonly command: MessageCommand
}

/** Who wrote which message, and when. */
export interface MessageOrigin extends MessageId {
  /** Participant key. */
  readonly author: string
  /** In ms since 1970. */
  readonly time: number
}

/** One message, pending or in the log, with what commands make of it that are not in the log yet. */
export class MessageEntry implements MessageOrigin, MessageState {
  readonly writer: Writer
  readonly counter: number
  readonly author: string
  readonly time: number
  readonly key: string
  /** Provisional until it is final. */
  index = -1
  isFinal = false
  /** Somebody was told of it, or may see it. */
  isShown = false
  /** What lies in the log or outbox. */
  base: MessageState
  /** Of the model; the schema does not look at it. */
  view: unknown
  #state: MessageState
  #attributes: JSONValue | undefined
  /** As it was when it was last told of, if it has changed since. */
  #before: Before | undefined

  constructor(origin: MessageOrigin, base: MessageState) {
    this.writer = origin.writer
    this.counter = origin.counter
    this.author = origin.author
    this.time = origin.time
    this.key = messageKey(origin)
    this.base = base
    this.#state = base
  }

  get content(): MessageContent | null {
    return this.#state.content
  }

  get edits(): MessageEdits | undefined {
    return this.#state.edits
  }

  /** Of the last change, in ms since 1970. */
  get dateUpdated(): number {
    return this.edits?.time ?? this.time
  }

  /** Frozen; the same object until it changes. */
  get attributes(): JSONValue {
    this.#attributes ??= freezeJson(attributesOf(this.#state))
    return this.#attributes
  }

  place(index: number, isFinal: boolean): void {
    if (index === this.index && isFinal === this.isFinal) return
    this.#remember()
    this.index = index
    this.isFinal = isFinal
  }

  /** Applies commands to what lies in the log or outbox; it may be known to be removed before that says so. */
  show(commands: readonly GivenCommand[], isRemoved = false): void {
    const { base } = this
    const state = commands.reduce<MessageState>(
      (message, { by, command }) => applyCommand(message, command, by),
      isRemoved && base.content ? { content: null, edits: base.edits } : base,
    )
    if (state === this.#state) return
    this.#remember()
    this.#state = state
  }

  /** Which values differ from when it was last told of, as a mask; from now on, these count. */
  takeReasons(): number {
    const before = this.#before
    if (!before) return 0
    this.#before = undefined
    let mask = 0
    if (this.index !== before.index) mask |= BIT.index
    if (this.isFinal !== before.isFinal) mask |= BIT.deliveryState
    const { content, edits } = this
    if (content !== before.state.content || edits !== before.state.edits) {
      mask |= this.#stateReasons(before)
    }
    return mask
  }

  #stateReasons({ state, attributes }: Before): number {
    const { content, edits } = this
    let mask = 0
    if (content?.body !== state.content?.body) mask |= BIT.body
    if (content?.subject !== state.content?.subject) mask |= BIT.subject
    if (edits?.by !== state.edits?.by) mask |= BIT.lastUpdatedBy
    if (this.dateUpdated !== (state.edits?.time ?? this.time)) mask |= BIT.dateUpdated
    const next = attributesOf(this.#state)
    if (!equalJson(next, attributes ?? attributesOf(state))) {
      this.#attributes = freezeJson(next)
      mask |= BIT.attributes
    }
    return mask
  }

  #remember(): void {
    const { index, isFinal } = this
    this.#before ??= { index, isFinal, state: this.#state, attributes: this.#attributes }
  }
}

interface Before {
  readonly index: number
  readonly isFinal: boolean
  readonly state: MessageState
  readonly attributes: JSONValue | undefined
}

function attributesOf({ content, edits }: MessageState): JSONValue {
  // Most have none.
  const isPlain = content?.attributes === undefined && !edits?.overlay.length
  return content && !isPlain ? readAttributes(messageLayers(content, edits)) : {}
}
