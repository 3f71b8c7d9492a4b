import * as Y from 'yjs'
import { ConversationDocument } from '../../../../src/schema/conversation-document.ts'
import type { ServerHooks } from '../../../../src/server/index.ts'
import { SID } from '../support/chat.ts'
import { stockClient, whenSynced } from '../support/clients.ts'

export type HookName = keyof ServerHooks

/** Hooks that remember how they were called. */
export function recordingHooks(names: readonly HookName[] = ALL) {
  const calls: [name: HookName, ...args: unknown[]][] = []
  const hooks: ServerHooks = Object.fromEntries(
    names.map(name => [name, (...args: unknown[]) => void calls.push([name, ...args])]),
  )
  return { hooks, calls, of: (name: HookName) => calls.filter(call => call[0] === name) }
}

export const ALL: readonly HookName[] = [
  'onConversationCreated',
  'onParticipantJoined',
  'onParticipantUpdated',
  'onParticipantLeft',
  'onMessage',
  'onMessageUpdated',
  'onMessageRemoved',
]

/** Writes the document of a conversation, as any device does. */
export class Organiser {
  readonly document: ConversationDocument
  readonly #doc = new Y.Doc()
  #nowMs = 1_000

  constructor() {
    this.document = new ConversationDocument(this.#doc, () => {})
    this.document.start()
  }

  async connect(url: string, sid = SID) {
    const client = stockClient(url, sid, this.#doc)
    await whenSynced(client)
    return client
  }

  create(uniqueName = 'team', friendlyName = 'The team'): void {
    this.document.write({ createdBy: 'olga', dateCreated: this.#now(), uniqueName }, () => {
      this.document.whole.setField('friendlyName', friendlyName, this.#now())
    })
  }

  add(key: string, attributes = {}, address?: string): void {
    const binding = address === undefined ? undefined : { address, proxyAddress: '+4930' }
    this.document.addParticipant(key, attributes, binding, this.#now(), this.#nowMs)
  }

  remove(key: string): void {
    this.document.transact(() => this.document.removeParticipant(this.document.entry(key)))
  }

  #now(): number {
    this.#nowMs += 1
    return this.#nowMs
  }
}
