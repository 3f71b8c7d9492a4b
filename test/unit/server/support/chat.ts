import { expect } from 'vitest'
import * as Y from 'yjs'
import {
  MAX_COUNT,
  type MessageId,
  messageKey,
  outboxName,
  pageName,
  pageOf,
} from '../../../../src/schema/messages/ids.ts'
import type { LogEntry } from '../../../../src/schema/messages/log-entry.ts'
import { OutboxDocument } from '../../../../src/schema/messages/outbox-document.ts'
import type { MessageCommand } from '../../../../src/schema/messages/outbox-entry.ts'
import { PageDocument } from '../../../../src/schema/messages/page-document.ts'
import type { DocumentLog } from '../../../../src/server/index.ts'
import { stockClient, until, whenSynced } from './clients.ts'

export const SID = `CH${'0a'.repeat(16)}`

type What<Kind> = Omit<
  Extract<MessageCommand, { kind: Kind }>,
  'kind' | 'target' | 'index' | 'time'
>

/** Writes messages of a conversation into a document of its outboxes, as any device does. */
export class Author {
  readonly name: string
  readonly outbox: OutboxDocument
  readonly sent: MessageId[] = []
  readonly #doc: Y.Doc
  #lamport = 0

  constructor(name: string, doc = new Y.Doc()) {
    this.name = name
    this.#doc = doc
    this.outbox = new OutboxDocument(doc)
  }

  get pendingCount(): number {
    return this.outbox.outboxes().reduce((sum, { items }) => sum + items.length, 0)
  }

  send(body: string | null = null): MessageId {
    const { outbox } = this
    const counter = outbox.nextCounter(this.name)
    // Greater than that of every message, as a queue has it, but without one.
    this.#lamport = Math.max(this.#lamport, Math.min(outbox.state.lamport, MAX_COUNT - 1) + 1)
    const lamport = this.#lamport
    if (lamport < MAX_COUNT) this.#lamport += 1
    const id = { writer: outbox.writer, counter }
    const content = { body: body ?? messageKey(id), subject: null, attributes: '{}', media: [] }
    outbox.push(this.name, { kind: 'message', counter, lamport, time: 1, content })
    this.sent.push(id)
    return id
  }

  /** Each message an update of its own. */
  burst(length: number): void {
    for (let i = 0; i < length; i++) this.send()
  }

  edit(target: MessageId, body: string, index: number | null = null): void {
    this.#command({ kind: 'body', target, index, time: 2, body })
  }

  react(target: MessageId, name: string, index: number | null = null): void {
    const set = [{ path: [`.${name}`], value: true }] as What<'attributes'>['changes']['set']
    this.#command({ kind: 'attributes', target, index, time: 2, changes: { set, delete: [] } })
  }

  remove(target: MessageId, index: number | null = null): void {
    this.#command({ kind: 'remove', target, index, time: 2 })
  }

  connect(url: string, sid = SID) {
    return stockClient(url, outboxName(sid), this.#doc)
  }

  #command(command: MessageCommand): void {
    this.outbox.push(this.name, command)
  }
}

/** The log of a conversation as a client of its own gets it from a server, page by page. */
export async function fetchLog(url: string, count: number, sid = SID): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for (let page = 0; page <= pageOf(Math.max(0, count - 1)); page++) {
    const client = stockClient(url, pageName(sid, page))
    await whenSynced(client)
    entries.push(...new PageDocument(client.doc).entries())
    client.provider.destroy()
  }
  return entries
}

/** Resolves when everything is in the log, for somebody who has just come. */
export async function whenSequenced(
  url: string,
  count: number,
  sid = SID,
): Promise<OutboxDocument> {
  const { doc } = stockClient(url, outboxName(sid))
  const outbox = new OutboxDocument(doc)
  await until(() => {
    expect(outbox.state.count).toBe(count)
    expect(outbox.outboxes()).toEqual([])
  })
  return outbox
}

/** The log of a conversation as it lies on the disk. */
export async function storedLog(log: DocumentLog, sid = SID): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for (let page = 0; ; page++) {
    const { updates } = await log.read(pageName(sid, page))
    if (updates.length === 0) return entries
    const doc = new Y.Doc()
    for (const update of updates) Y.applyUpdate(doc, update)
    expect(doc.store.pendingStructs, 'a gap').toBeNull()
    // Also what readers would leave out.
    expect(doc.getArray('log').length).toBe(new PageDocument(doc).entries().length)
    entries.push(...new PageDocument(doc).entries())
  }
}

/** Every message exactly once, without gaps, each author's in the order in which they were written. */
export function expectWhole(log: readonly LogEntry[], authors: readonly Author[]): void {
  expect(log.map(({ index }) => index)).toEqual(log.map((_, i) => i))
  const sent = authors.flatMap(({ sent }) => sent.map(messageKey))
  expect(log.map(messageKey).sort()).toEqual(sent.sort())
  for (const { outbox, name } of authors) {
    const own = log.filter(({ writer }) => writer === outbox.writer)
    expect(own.map(({ counter }) => counter)).toEqual(
      own.map(({ counter }) => counter).sort((a, b) => a - b),
    )
    expect(own.every(({ author }) => author === name)).toBe(true)
  }
}
