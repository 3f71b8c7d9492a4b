import type * as Y from 'yjs'
import { ConversationDocument } from '../../schema/conversation-document.ts'
import { type ParticipantEntry, REASON_BIT } from '../../schema/participant-entry.ts'
import type { CallQueue } from './call-queue.ts'
import { conversationSummary, participantInfo } from './infos.ts'
import type { ServerHooks } from './server-hooks.ts'

/** Told of in `onParticipantUpdated`: reading on is too frequent. */
const TOLD = REASON_BIT.attributes | REASON_BIT.roleSid | REASON_BIT.bindings

type Call = () => unknown

/** Tells of what happens to a conversation and its participants. */
export class ParticipantWatch {
  readonly #sid: string
  readonly #hooks: ServerHooks
  readonly #queue: () => CallQueue
  readonly document: ConversationDocument
  /** What changed, and whose it is to tell of that is not known yet. */
  #calls: Call[] = []
  #isCreated: boolean

  constructor(sid: string, doc: Y.Doc, hooks: ServerHooks, queue: () => CallQueue) {
    this.#sid = sid
    this.#hooks = hooks
    this.#queue = queue
    this.document = new ConversationDocument(doc, ({ joined, left, updated }) => {
      this.#create()
      for (const entry of left) this.#push('onParticipantLeft', entry)
      for (const entry of joined) this.#push('onParticipantJoined', entry)
      for (const [entry, mask] of updated) {
        if (mask & TOLD) this.#push('onParticipantUpdated', entry)
      }
    })
    this.document.start()
    this.#isCreated = this.document.creation !== undefined
  }

  /** What changed is durable; it is told of by the server that a client told it to. */
  onCommitted(isFromClient: boolean): void {
    const calls = this.#calls
    this.#calls = []
    if (isFromClient) for (const call of calls) this.#queue().push(call)
  }

  stop(): void {
    this.document.stop()
  }

  #create(): void {
    if (this.#isCreated || !this.document.creation) return
    this.#isCreated = true
    const summary = conversationSummary(this.#sid, this.document)
    const hooks = this.#hooks
    if (hooks.onConversationCreated) {
      this.#calls.push(() => hooks.onConversationCreated?.(summary))
    }
  }

  #push(
    hook: 'onParticipantJoined' | 'onParticipantUpdated' | 'onParticipantLeft',
    entry: ParticipantEntry,
  ): void {
    const hooks = this.#hooks
    if (!hooks[hook]) return
    const participant = participantInfo(this.#sid, entry)
    const summary = conversationSummary(this.#sid, this.document)
    this.#calls.push(() => hooks[hook]?.(participant, summary))
  }
}
