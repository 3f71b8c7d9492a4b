import { randomBytes } from 'node:crypto'
import * as Y from 'yjs'
import { systemClock } from '../../base/clock.ts'
import { ConversationsError } from '../../base/errors.ts'
import { userSid } from '../../base/ids.ts'
import { parseAttributeKey } from '../../schema/attribute-map.ts'
import { chatKey, parseSlotKey, ROOTS, slotKey } from '../../schema/format.ts'
import { outboxName, pageOf } from '../../schema/messages/ids.ts'
import type { LogEntry } from '../../schema/messages/log-entry.ts'
import { OUTBOX_ROOTS, OutboxDocument } from '../../schema/messages/outbox-document.ts'
import type { DocumentLog } from '../log/document-log.ts'
import { ServerMetrics } from '../metrics/server-metrics.ts'
import { StorageHealth } from '../metrics/storage-health.ts'
import type { Workbench } from '../open-conversation.ts'
import { defaultLimits, defaultTimings } from '../options.ts'
import { replay } from '../replay.ts'
import { Rooms } from '../rooms.ts'
import { conversationSids } from './conversation-documents.ts'

export interface EraseUserOptions {
  /** Their messages go on naming them as the author, without content. If not given, a random name takes the place. */
  readonly keepAuthor?: boolean
}

export interface ErasedUser {
  /** The sids of the conversations in which there was something of them. */
  readonly conversations: readonly string[]
  /** The hashes of what was attached to their messages; it lies in the media storage, and others may have sent the same. */
  readonly media: readonly string[]
}

/** What is to be erased, and what takes the place of it. */
interface Erasure {
  readonly identity: string
  readonly key: string
  readonly substitute: string
  readonly media: Set<string>
}

/**
 * Erases what is said by and of a user: their user document; and in each conversation that they are a participant, with
 * attributes, role and horizon, and the content of their messages, of which the places stay. Written as any change
 * is, so that devices that have it lose it too; then the logs are folded, and the engine made to forget.
 *
 * What stays: the identity as the owner of client ids, and in keys of what was deleted, which Yjs keeps; what others said
 * of them; attachments (`media`). If it rejects, call it again.
 *
 * @throws ConversationsError `invalid-argument`; `storage`
 */
export async function eraseUser(
  storage: DocumentLog,
  identity: string,
  options?: EraseUserOptions,
): Promise<ErasedUser> {
  const log = { info() {}, warn() {}, error() {} }
  const rooms = new Rooms({
    storage,
    log,
    limits: defaultLimits,
    timings: defaultTimings,
    clock: systemClock,
    metrics: new ServerMetrics(),
    health: new StorageHealth(),
  })
  try {
    return await eraseUserIn(rooms, storage, identity, options)
  } finally {
    await rooms.drain()
  }
}

/** The same where a server runs. */
export async function eraseUserIn(
  rooms: Rooms,
  storage: DocumentLog,
  identity: string,
  { keepAuthor = false }: EraseUserOptions = {},
): Promise<ErasedUser> {
  if (typeof identity !== 'string' || identity === '') {
    throw new ConversationsError('invalid-argument', 'The identity is no text; pass that of a user')
  }
  const key = chatKey(identity)
  const conversations: string[] = []
  const media = new Set<string>()
  for await (const sid of conversationSids(storage)) {
    if (!(await concerns(storage, sid, identity))) continue
    const substitute = keepAuthor ? key : `deleted-${randomBytes(8).toString('hex')}`
    await rooms.perform(sid, bench => eraseIn(bench, { identity, key, substitute, media }))
    conversations.push(sid)
  }
  await eraseUserDocument(rooms, storage, userSid(identity))
  await storage.compact?.()
  return { conversations, media: [...media] }
}

/** Whoever ever wrote a message has an outbox, and goes on having it until all else is erased. */
async function concerns(storage: DocumentLog, sid: string, identity: string): Promise<boolean> {
  for (const name of [sid, outboxName(sid)]) {
    const doc = replay((await storage.read(name)).updates, () => {})
    const roots = [...Object.values(ROOTS), OUTBOX_ROOTS.outbox]
    const isFound = roots.some(root => {
      return [...keysOf(doc.getMap(root), root, identity)].length > 0
    })
    doc.destroy()
    if (isFound) return true
  }
  return false
}

/** The keys in a root map under which something is said of somebody. */
function* keysOf(map: Y.Map<unknown>, root: string, identity: string): Iterable<string> {
  const key = chatKey(identity)
  for (const [at, stored] of map.entries()) {
    if (root === ROOTS.attributes) {
      if (parseAttributeKey(at)?.entity === key) yield at
    } else if (root === ROOTS.fields) {
      const isCreation = parseSlotKey(at)?.owner === 'created' && Array.isArray(stored)
      if (isCreation && stored[0] === identity) yield at
    } else if (parseSlotKey(at)?.owner === key) {
      yield at
    }
  }
}

/** First the log, last what tells that there is something to erase. */
async function eraseIn(bench: Workbench, erasure: Erasure): Promise<void> {
  const outbox = new OutboxDocument(bench.outbox)
  const { count } = outbox.state
  const removed: LogEntry[] = []
  for (let page = 0; page <= pageOf(Math.max(0, count - 1)); page++) {
    removed.push(...(await eraseOnPage(bench, page, erasure)))
  }
  await eraseConversation(bench, erasure)
  eraseOutboxes(bench.outbox, outbox, erasure, removed)
  await bench.flush()
  await bench.foldOutboxes()
}

/** Returns those of their messages that lie there. */
async function eraseOnPage(
  bench: Workbench,
  number: number,
  { key, substitute, media }: Erasure,
): Promise<LogEntry[]> {
  const { page, flush } = await bench.openPage(number)
  const removed: LogEntry[] = []
  const changed: LogEntry[] = []
  for (const entry of page.entries()) {
    const { author, content, edits } = entry
    if (author === key) {
      for (const { hash } of content?.media ?? []) media.add(hash)
      removed.push(entry)
      const by = { time: edits?.time ?? entry.time, by: substitute, overlay: [] }
      changed.push({ ...entry, author: substitute, content: null, edits: by })
    } else if (edits?.by === key && substitute !== key) {
      changed.push({ ...entry, edits: { ...edits, by: substitute } })
    }
  }
  page.write([], changed, undefined)
  await flush()
  await bench.foldPage(number)
  return removed
}

function eraseOutboxes(
  doc: Y.Doc,
  outbox: OutboxDocument,
  { identity, key, substitute }: Erasure,
  removed: readonly LogEntry[],
): void {
  const items = outbox.outboxes().filter(({ author }) => author === key)
  const handled = new Set(items.flatMap(one => one.items.map(({ stored }) => stored)))
  doc.transact(() => {
    outbox.acknowledge({ owner: outbox.sequencedBy ?? '' }, outbox.state, handled, removed)
    if (substitute === key) return
    // Who counts unread messages asks whose they are by the client id.
    const map = doc.getMap(OUTBOX_ROOTS.outbox)
    for (const at of [...keysOf(map, OUTBOX_ROOTS.outbox, identity)]) {
      map.set(slotKey(substitute, parseSlotKey(at)?.number as number), new Y.Array())
      map.delete(at)
    }
  })
}

async function eraseConversation(
  bench: Workbench,
  { identity, substitute, key }: Erasure,
): Promise<void> {
  const shadow = await bench.openConversation()
  const { doc } = shadow
  try {
    doc.transact(() => {
      for (const root of [ROOTS.participants, ROOTS.roles, ROOTS.attributes, ROOTS.horizons]) {
        const map = doc.getMap(root)
        for (const at of [...keysOf(map, root, identity)]) map.delete(at)
      }
      if (substitute === key) return
      const fields = doc.getMap<unknown>(ROOTS.fields)
      for (const at of [...keysOf(fields, ROOTS.fields, identity)]) {
        const [, ...rest] = fields.get(at) as unknown[]
        fields.set(at, [substitute, ...rest])
      }
    })
    await shadow.flush()
    await bench.foldConversation()
  } finally {
    shadow.close()
  }
}

async function eraseUserDocument(rooms: Rooms, storage: DocumentLog, sid: string): Promise<void> {
  if ((await storage.read(sid)).updates.length === 0) return
  const lease = await storage.cluster?.lease(sid, defaultTimings.leaseMs)
  const room = rooms.open(sid)
  const shadow = await room.openShadow(await rooms.clientId(), lease)
  try {
    shadow.doc.transact(() => {
      for (const root of [ROOTS.fields, ROOTS.attributes]) shadow.doc.getMap(root).clear()
    })
    await shadow.flush()
    await room.fold()
  } finally {
    shadow.close()
    await lease?.release().catch(() => {})
  }
}
