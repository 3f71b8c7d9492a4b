import { anyOf, checkArguments, json, literal, ofType } from '../base/arguments.ts'
import type { JSONValue } from '../base/json.ts'
import { mediaInput, type SendMediaOptions } from './media-input.ts'

/** A message before it is sent. */
export interface MessageDraft {
  readonly body: string | null
  readonly subject: string | null
  /** Undefined = none. */
  readonly attributes: JSONValue | undefined
  readonly media: readonly (FormData | SendMediaOptions)[]
}

type Send = (draft: MessageDraft) => Promise<number>

/** A message that is ready. */
export class UnsentMessage {
  readonly #draft: MessageDraft
  readonly #send: Send

  /** @internal Made by `build()`. */
  constructor(draft: MessageDraft, send: Send) {
    this.#draft = draft
    this.#send = send
  }

  /** As `conversation.sendMessage()`. */
  send(): Promise<number> {
    return this.#send(this.#draft)
  }
}

/** Puts a message together, step by step. */
export class MessageBuilder {
  readonly #send: Send
  #draft: MessageDraft = { body: null, subject: null, attributes: undefined, media: [] }

  /** @internal Made by `conversation.prepareMessage()`. */
  constructor(send: Send) {
    this.#send = send
  }

  /** @throws {ConversationsError} `invalid-argument` */
  setBody(body: string | null): this {
    checkArguments(arguments, anyOf(ofType('string'), literal(null)))
    return this.#set({ body })
  }

  /** @throws {ConversationsError} `invalid-argument` */
  setSubject(subject: string | null): this {
    checkArguments(arguments, anyOf(ofType('string'), literal(null)))
    return this.#set({ subject })
  }

  /** @throws {ConversationsError} `invalid-argument` */
  setAttributes(attributes: JSONValue): this {
    checkArguments(arguments, json)
    return this.#set({ attributes })
  }

  /** @throws {ConversationsError} `invalid-argument` */
  addMedia(media: FormData | SendMediaOptions): this {
    checkArguments(arguments, mediaInput)
    return this.#set({ media: [...this.#draft.media, media] })
  }

  build(): UnsentMessage {
    return new UnsentMessage(this.#draft, this.#send)
  }

  buildAndSend(): Promise<number> {
    return this.build().send()
  }

  #set(values: Partial<MessageDraft>): this {
    this.#draft = { ...this.#draft, ...values }
    return this
  }
}
