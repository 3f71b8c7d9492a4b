import { expect } from 'vitest'
import * as Y from 'yjs'
import { ConversationDocument } from '../../../../src/schema/conversation-document.ts'
import { OutboxDocument } from '../../../../src/schema/messages/outbox-document.ts'
import { DEFAULT_PERMISSIONS, type RolePermissions } from '../../../../src/schema/permissions.ts'
import { Admitted } from '../../../../src/server/authorization/admitted.ts'
import { checkUpdate, type Verdict } from '../../../../src/server/authorization/check.ts'
import { conversationGrammar } from '../../../../src/server/authorization/conversation-grammar.ts'
import {
  type ConversationFacts,
  DEFAULT_VALUE_LIMITS,
  type OutboxFacts,
} from '../../../../src/server/authorization/facts.ts'
import type { Grammar } from '../../../../src/server/authorization/grammar.ts'
import { outboxGrammar } from '../../../../src/server/authorization/outbox-grammar.ts'
import { decodeUpdate } from '../../../../src/server/update-check.ts'

export const NOW_MS = Date.UTC(2026, 0, 1)
export const SKEW_MS = 300_000
/** The server's own client id. */
export const SERVER = 7

/** A document behind the check, as a server has it: what is accepted waits until `apply`. */
export class Gate {
  readonly doc = new Y.Doc()
  readonly claims = new Map<number, string>([[SERVER, '']])
  protected admitted = new Admitted(this.doc)
  #grammar: Grammar
  #waiting: Uint8Array[] = []

  constructor(grammar: Grammar) {
    this.#grammar = grammar
  }

  protected set grammar(grammar: Grammar) {
    this.#grammar = grammar
  }

  check(update: Uint8Array, author: string): Verdict {
    return checkUpdate(decodeUpdate(update), author, {
      admitted: this.admitted,
      ownerOf: writer => this.claims.get(writer),
      grammar: this.#grammar,
    })
  }

  /** Admits what is accepted. */
  submit(update: Uint8Array, author: string): Verdict {
    const verdict = this.check(update, author)
    if (verdict.kind !== 'accepted') return verdict
    for (const writer of verdict.newWriters) this.claims.set(writer, author)
    this.admit(update)
    if (verdict.changesStanding) this.apply()
    return verdict
  }

  /** Without a check. */
  admit(update: Uint8Array): void {
    this.admitted.add(decodeUpdate(update))
    this.#waiting.push(update)
  }

  apply(): void {
    this.doc.transact(() => {
      for (const update of this.#waiting) Y.applyUpdate(this.doc, update)
    })
    this.#waiting = []
    this.admitted = new Admitted(this.doc)
    expect([this.doc.store.pendingStructs, this.doc.store.pendingDs]).toEqual([null, null])
  }
}

export type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** The server's conversation. */
export class ConversationGate extends Gate {
  readonly document: ConversationDocument
  readonly facts: Writable<ConversationFacts>

  constructor(permissions: RolePermissions = DEFAULT_PERMISSIONS) {
    super(undefined as never)
    this.document = new ConversationDocument(this.doc, () => {})
    this.document.start()
    const { document } = this
    this.facts = {
      creator: undefined,
      get createdMs() {
        return document.creation?.dateCreated ?? 0
      },
      roleOf: key => {
        const entry = document.entries.get(key)
        return entry?.isPresent ? entry.roleSid : undefined
      },
      recordsOf: key => document.entries.get(key)?.records ?? [],
      permissions,
      newestTime: 0,
      nowMs: NOW_MS,
      maxClockSkewMs: SKEW_MS,
      messageCount: undefined,
      limits: DEFAULT_VALUE_LIMITS,
    }
    this.grammar = conversationGrammar(this.facts)
  }

  override apply(): void {
    super.apply()
    this.facts.creator ??= this.document.creation?.createdBy
    const { entries, whole } = this.document
    let newest = whole.dateUpdated
    for (const { dateUpdated } of entries.values()) newest = Math.max(newest, dateUpdated)
    this.facts.newestTime = newest
  }
}

/** The server's outboxes, in a conversation whose participants are given. */
export class OutboxGate extends Gate {
  readonly outbox: OutboxDocument
  readonly facts: Writable<OutboxFacts>
  /** Roles of the participants by key. */
  readonly roles = new Map<string, string>()

  constructor(permissions: RolePermissions = DEFAULT_PERMISSIONS) {
    super(undefined as never)
    this.outbox = new OutboxDocument(this.doc)
    this.facts = {
      creator: 'alice',
      roleOf: key => this.roles.get(key),
      permissions,
      authorOf: writer => this.outbox.authors().get(writer),
      newestTime: 0,
      nowMs: NOW_MS,
      maxClockSkewMs: SKEW_MS,
      limits: DEFAULT_VALUE_LIMITS,
    }
    this.grammar = outboxGrammar(this.facts)
  }
}

/** What a change of a document is as an update. */
export function updateOf(doc: Y.Doc, change: () => unknown): Uint8Array {
  const updates: Uint8Array[] = []
  const collect = (update: Uint8Array) => updates.push(update)
  doc.on('update', collect)
  doc.transact(change)
  doc.off('update', collect)
  return updates.length === 1 ? (updates[0] as Uint8Array) : Y.mergeUpdates(updates)
}

/** A copy of a document, under another client id. */
export function copyOf(doc: Y.Doc, clientId: number): Y.Doc {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  copy.clientID = clientId
  return copy
}
