import { checkArguments, checkText, json, ofType } from '../base/arguments.ts'
import { Emitter } from '../base/emitter.ts'
import { ConversationsError } from '../base/errors.ts'
import { userSid } from '../base/ids.ts'
import { equalJson, freezeJson, type JSONValue } from '../base/json.ts'
import { ConversationDocument } from '../schema/conversation-document.ts'
import type { Session } from '../sync/session.ts'
import { checkAttributes } from './attributes-schema.ts'
import type { Host } from './host.ts'
import type { RefusedUserWrite } from './refused-write.ts'

export type UserUpdateReason =
  | 'friendlyName'
  | 'attributes'
  | 'reachabilityOnline'
  | 'reachabilityNotifiable'

export interface UserUpdate {
  user: User
  /** Which values differ from before. Frozen. */
  updateReasons: UserUpdateReason[]
}

export type UserEvents = {
  updated: (update: UserUpdate) => void
}

/** Who somebody is, in whatever conversation: a live view of a document of their own. */
export class User extends Emitter<UserEvents> {
  static readonly updated = 'updated'

  readonly identity: string
  readonly #host: Host
  readonly #session: Session
  readonly #document: ConversationDocument
  #friendlyName: string | null = null
  #attributes: JSONValue = {}
  #isOnline = false
  #isClosed = false
  /** @internal Resolves when what this device has of the user is loaded. */
  readonly whenLoaded: Promise<void>

  /** @internal Users come from a client. */
  constructor(host: Host, identity: string) {
    super()
    this.#host = host
    this.identity = identity
    this.#session = host.createSession({ name: userSid(identity), flushWrites: () => {} })
    this.#document = new ConversationDocument(this.#session.doc, () => this.#refresh())
    this.whenLoaded = this.#open()
  }

  get friendlyName(): string | null {
    return this.#friendlyName
  }

  /** Frozen, and the same object until it changes. */
  get attributes(): JSONValue {
    return this.#attributes
  }

  /** Whether any of the user's devices is in a conversation that is open here. */
  get isOnline(): boolean | null {
    return this.#isOnline
  }

  /** Always null: nobody is notified by push here. */
  get isNotifiable(): boolean | null {
    return null
  }

  /** False after the client was closed. */
  get isSubscribed(): boolean {
    return !this.#isClosed
  }

  /** @throws {ConversationsError} (rejects) `denied` for another user, `invalid-argument`, `too-large`, `read-only`, `closed` */
  async updateAttributes(attributes: JSONValue): Promise<this> {
    checkArguments(arguments, json)
    const next = checkAttributes(attributes, undefined, this.#host.limits.attributesBytes)
    return this.#write(document => document.setAttributes(next, this.#host.clock.now()))
  }

  /** @throws {ConversationsError} (rejects) `denied` for another user, `invalid-argument`, `too-large`, `read-only`, `closed` */
  async updateFriendlyName(friendlyName: string): Promise<this> {
    checkArguments(arguments, ofType('string'))
    checkText(friendlyName, 'friendlyName', this.#host.limits.textLength)
    return this.#write(document => {
      if ((this.#friendlyName ?? '') !== friendlyName) {
        document.whole.setField('friendlyName', friendlyName, this.#host.clock.now())
      }
    })
  }

  /** @internal */
  setOnline(isOnline: boolean): void {
    if (isOnline === this.#isOnline) return
    this.#isOnline = isOnline
    this.#tell(['reachabilityOnline'])
  }

  /** @internal */
  get session(): Session {
    return this.#session
  }

  /** @internal */
  async close(): Promise<void> {
    if (this.#isClosed) return this.#session.destroy()
    this.#isClosed = true
    await this.#session.destroy()
    this.#document.stop()
  }

  async #open(): Promise<void> {
    this.#session.on('error', error => this.#host.tell('error', [error]))
    this.#session.on('status', () => this.#host.onStatus())
    this.#session.on('recovering', () => this.#document.hold())
    this.#session.on('recovered', () => {
      if (!this.#isClosed) this.#document.reread()
    })
    this.#session.on('refused', refusal => {
      const refused: RefusedUserWrite = { user: this, documentName: this.#session.name, ...refusal }
      this.#host.tell('writeRefused', [Object.freeze(refused)])
    })
    await this.#session.load()
    if (this.#isClosed) return
    this.#document.start()
    this.#refresh()
    this.#session.start()
  }

  async #write(write: (document: ConversationDocument) => void): Promise<this> {
    if (this.identity !== this.#host.identity) {
      throw new ConversationsError('denied', `Only ${this.identity} may change their user`)
    }
    await this.whenLoaded
    while (this.#session.whenRecovered) await this.#session.whenRecovered
    if (this.#isClosed)
      throw new ConversationsError('closed', 'The client is closed; create another')
    const { clock, identity } = this.#host
    const creation = { createdBy: identity, dateCreated: clock.now(), uniqueName: null }
    this.#document.write(creation, () => write(this.#document))
    await this.#session.flush()
    return this
  }

  #refresh(): void {
    const { attributes } = this.#document.whole
    const friendlyName = this.#document.whole.text('friendlyName')
    const reasons: UserUpdateReason[] = []
    if (friendlyName !== this.#friendlyName) reasons.push('friendlyName')
    if (!equalJson(attributes, this.#attributes)) reasons.push('attributes')
    this.#friendlyName = friendlyName
    this.#attributes = attributes
    if (reasons.length > 0) this.#tell(reasons)
  }

  #tell(updateReasons: UserUpdateReason[]): void {
    const update = Object.freeze({ user: this, updateReasons: freezeJson(updateReasons) })
    this.emit('updated', update)
    this.#host.tell('userUpdated', [update])
  }
}
