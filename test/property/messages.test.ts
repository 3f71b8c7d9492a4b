import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { isObject, type JSONValue } from '../../src/base/json.ts'
import { diffAttributes, readAttributes } from '../../src/schema/attributes.ts'
import {
  advance,
  type Horizon,
  join,
  type Reach,
  rewind,
  UNREAD,
} from '../../src/schema/horizon.ts'
import { messageLayers } from '../../src/schema/messages/content.ts'
import { type MessageId, messageKey, pageOf } from '../../src/schema/messages/ids.ts'
import type { LogEntry } from '../../src/schema/messages/log-entry.ts'
import { MESSAGE_REASONS, type MessageEntry } from '../../src/schema/messages/message-entry.ts'
import { type MessageChanges, MessageList } from '../../src/schema/messages/message-list.ts'
import { OutboxDocument } from '../../src/schema/messages/outbox-document.ts'
import { PageDocument } from '../../src/schema/messages/page-document.ts'
import { fold, isRead, type LogView, reachOf } from '../../src/schema/messages/reading.ts'
import { Sequencer } from '../../src/schema/messages/sequencer.ts'
import { countUnread, othersUpTo } from '../../src/schema/messages/unread.ts'
import { isReadAfter, type ReadingOperation } from '../support/reading-history.ts'
import { runs } from '../support/runs.ts'

/*
 * Devices that write apart and meet now and then, channel by channel, and a sequencer that is stopped between any two of
 * its steps.
 */

const PAGE_SIZE = 3
const PAGES = 20
const DEVICES = 4
const AUTHORS = ['alice', 'bob', 'alice', 'carol|x']

/** A device's copy of its user's horizon, and what of all that was done to it is in it. */
interface Reader {
  readonly user: string
  horizon: Horizon
  readonly known: Set<ReadingOperation>
}

function did(kind: ReadingOperation['kind'], messages: string[], { known }: Reader): void {
  known.add({ kind, messages: new Set(messages), seen: new Set(known) })
}

/** Everybody's copy of everybody's horizon is not needed: two devices of one user exchange theirs. */
function meetReaders(a: Reader, b: Reader): void {
  if (a.user !== b.user) return
  for (const one of b.known) a.known.add(one)
  for (const one of a.known) b.known.add(one)
  a.horizon = join(a.horizon, b.horizon)
  b.horizon = join(b.horizon, a.horizon)
}

class Device {
  readonly author: string
  docs = new Map<string, Y.Doc>()
  /** What it wrote itself, for a transport that brings one thing before another. */
  readonly #written: Uint8Array[] = []

  readonly reader: Reader

  constructor(author: string) {
    this.author = author
    this.reader = { user: author, horizon: UNREAD, known: new Set() }
    this.doc('o').on('update', (update: Uint8Array, _origin, _doc, { local }) => {
      if (local) this.#written.push(update)
    })
  }

  /** Gives another what it wrote, without what it has from others. */
  leak(other: Device): void {
    for (const update of this.#written) Y.applyUpdate(other.doc('o'), update)
  }

  doc(channel: string): Y.Doc {
    const known = this.docs.get(channel) ?? new Y.Doc()
    this.docs.set(channel, known)
    return known
  }

  get outbox(): OutboxDocument {
    return new OutboxDocument(this.doc('o'))
  }

  page(number: number): PageDocument {
    return new PageDocument(this.doc(`m/${number}`))
  }

  /** What lies in the log, as far as it has come here. */
  log(): LogEntry[] {
    const pages = [...this.docs.keys()].filter(channel => channel !== 'o')
    const entries = pages.flatMap(channel => new PageDocument(this.doc(channel)).entries())
    return entries.sort((a, b) => a.index - b.index)
  }

  /** Hears what happens to what is shown. */
  onChanges: (changes: MessageChanges) => void = () => {}
  #shown: { docs: Map<string, Y.Doc>; list: MessageList } | undefined

  /** What it shows, following its documents. */
  get list(): MessageList {
    if (this.#shown?.docs !== this.docs) {
      const list = new MessageList(this.outbox, changes => this.onChanges(changes), PAGE_SIZE)
      this.#shown = { docs: this.docs, list }
    }
    const { list } = this.#shown
    this.#openAll(list)
    return list
  }

  logView(): LogView {
    return this.list.view()
  }

  /** As somebody sees it who opens everything now. */
  freshView(): LogView {
    const list = new MessageList(this.outbox, () => {}, PAGE_SIZE)
    this.#openAll(list)
    list.stop()
    return list.view()
  }

  #openAll(list: MessageList): void {
    for (let number = 0; number < PAGES; number++) {
      if (this.docs.has(`m/${number}`) && !list.page(number)) {
        list.openPage(number, this.page(number), true)
      }
    }
  }

  /** The log with what is pending. */
  view(): MessageEntry[] {
    const view = this.logView()
    return [...logOf(view), ...view.pending]
  }

  /** Reads up to a place in the view. */
  read(pick: number): void {
    const view = this.logView()
    const entries = [...logOf(view), ...view.pending]
    if (entries.length === 0) return
    const place = pick % entries.length
    const { horizon } = this.reader
    const { reach, covered } = this.#reachOf(view, place)
    did('advance', covered, this.reader)
    this.reader.horizon = advance(horizon, reach, 1)
  }

  #reachOf(view: LogView, place: number): { reach: Reach; covered: string[] } {
    const entries = [...logOf(view), ...view.pending]
    const reach = this.#withOthers(reachOf(view, entries[place]?.index ?? -1))
    // Where the tail may not be told, pending messages stay unread.
    const covered = entries.filter(
      (entry, i) => i <= place && (i < view.end || reach.tail?.has(entry.writer)),
    )
    return { reach, covered: covered.map(messageKey) }
  }

  /** What was read while it was pending, in terms of what is in the log now. */
  fold(): void {
    const { horizon } = this.reader
    this.reader.horizon = fold(horizon, this.logView(), this.outbox.state, this.author)
  }

  /** Marks everything after an index as unread. */
  markUnread(pick: number): void {
    const view = this.logView()
    const entries = [...logOf(view), ...view.pending]
    const place = (pick % (entries.length + 1)) - 1
    const { horizon } = this.reader
    // Anything else would be reading on.
    if (entries.slice(0, place + 1).some(entry => !isRead(horizon, entry))) return
    // What is in the log and not here yet may have been read.
    if (!view.isComplete && place >= view.end) return
    const { reach, covered } = this.#reachOf(view, place)
    did('rewind', covered, this.reader)
    this.reader.horizon = rewind(horizon, this.outbox.writer, reach, 1)
  }

  /** As a device does that has the page; every fifth index as one that has not. */
  #withOthers(reach: Reach): Reach {
    if (reach.index % 5 === 4) return reach
    const page = this.page(pageOf(Math.max(0, reach.index), PAGE_SIZE))
    const others = othersUpTo(reach.index, this.author, this.outbox.authors(), page)
    return others === undefined ? reach : { ...reach, others }
  }

  send(): MessageId {
    const { outbox } = this
    const counter = outbox.nextCounter(this.author)
    const lamport = this.list.nextLamport
    const content = {
      body: `${outbox.writer}/${counter}`,
      subject: null,
      attributes: '{"by":{}}',
      media: [],
    }
    outbox.push(this.author, { kind: 'message', counter, lamport, time: lamport, content })
    return { writer: outbox.writer, counter }
  }

  target(pick: number): { id: MessageId; entry: MessageEntry; index: number | null } | undefined {
    const view = this.view()
    const entry = view[pick % (view.length || 1)]
    if (!entry) return undefined
    const { writer, counter, index, isFinal } = entry
    return { id: { writer, counter }, entry, index: isFinal ? index : null }
  }

  react(pick: number, name: string): MessageId | undefined {
    const found = this.target(pick)
    if (!found?.entry.content) return undefined
    const { id, entry, index } = found
    const layers = messageLayers(found.entry.content, entry.edits)
    const value = readAttributes(layers) as { by: { [name: string]: JSONValue } }
    const next = { by: { ...value.by, [name]: true } }
    const changes = diffAttributes(layers, next, 'suffix0')
    this.outbox.push(this.author, { kind: 'attributes', target: id, index, time: 1, changes })
    return id
  }

  remove(pick: number): MessageId | undefined {
    const found = this.target(pick)
    if (!found) return undefined
    const { id, index } = found
    this.outbox.push(this.author, { kind: 'remove', target: id, index, time: 1 })
    return id
  }

  channels(): string[] {
    return ['o', ...Array.from({ length: PAGES }, (_, n) => `m/${n}`)]
  }
}

function sync(a: Device, b: Device, channels: string[]): void {
  for (const channel of channels.filter(each => a.docs.has(each) || b.docs.has(each))) {
    const [one, two] = [a.doc(channel), b.doc(channel)]
    Y.applyUpdate(two, Y.encodeStateAsUpdate(one, Y.encodeStateVector(two)))
    Y.applyUpdate(one, Y.encodeStateAsUpdate(two, Y.encodeStateVector(one)))
  }
}

/** The device that runs the sequencer; a crash takes back what was not flushed. */
class Host extends Device {
  #durable = new Map<string, Uint8Array>()

  save(channel: string): void {
    this.#durable.set(channel, Y.encodeStateAsUpdate(this.doc(channel)))
  }

  /** Ends in a crash before the `crashAt`-th step, if there are so many. */
  async run(crashAt: number, meanwhile?: { at: number; device: Device }): Promise<void> {
    // What arrived from others is as durable as what they have of it.
    for (const channel of this.docs.keys()) this.save(channel)
    let steps = 0
    const step = () => {
      if (steps === meanwhile?.at) sync(this, meanwhile.device, ['o'])
      if (steps++ === crashAt) throw new Error('crash')
    }
    const sequencer = new Sequencer({
      outbox: this.outbox,
      identity: { owner: '' },
      pageSize: PAGE_SIZE,
      openPage: async number => {
        step()
        return {
          page: this.page(number),
          flush: async () => {
            step()
            this.save(`m/${number}`)
            step()
          },
        }
      },
      flush: async () => {
        step()
        this.save('o')
        step()
      },
    })
    try {
      await sequencer.run()
    } catch (error) {
      if ((error as Error).message !== 'crash') throw error
      this.docs = new Map()
      for (const [channel, state] of this.#durable) Y.applyUpdate(this.doc(channel), state)
    }
  }
}

/** What a device shows that follows events only. */
class Mirror {
  readonly #device: Device
  readonly #docs: Map<string, Y.Doc>
  readonly #shown = new Map<string, Shown>()

  constructor(device: Device) {
    this.#device = device
    device.onChanges = () => {}
    this.#docs = device.docs
    const { list } = device
    for (let index = 0; index < list.length; index++) this.#show(list.at(index))
    device.onChanges = changes => {
      if (!this.isOver) this.#take(changes)
    }
  }

  /** It is gone with a process that was killed. */
  get isOver(): boolean {
    return this.#docs !== this.#device.docs
  }

  /** What it was told makes what it would see. */
  check(): void {
    const { list } = this.#device
    const now = new Map<string, Shown>()
    for (let index = 0; index < list.length; index++) {
      const entry = list.at(index)
      if (entry?.content) now.set(entry.key, shownOf(entry))
    }
    expect(this.#shown).toEqual(now)
  }

  /** And what it would see anew. */
  checkFresh(): void {
    const [shown, fresh] = [this.#device.logView(), this.#device.freshView()]
    expect(plain(logOf(shown))).toEqual(plain(logOf(fresh)))
    expect(plain(shown.pending)).toEqual(plain(fresh.pending))
    expect(shown.isComplete).toBe(fresh.isComplete)
  }

  /** What was shown once is there until it is removed. */
  checkKept(removed: ReadonlySet<string>, sent: readonly string[]): void {
    for (const key of this.#gone) expect(removed).toContain(key)
    for (const key of this.#shown.keys()) expect(sent).toContain(key)
  }

  readonly #gone = new Set<string>()

  #take({ added, updated, removed, isAddedOnly }: MessageChanges): void {
    if (isAddedOnly) expect(removed).toEqual([])
    for (const entry of added) {
      expect(this.#shown.has(entry.key), 'added twice').toBe(false)
      this.#show(entry)
    }
    for (const [entry, mask] of updated) {
      const before = this.#shown.get(entry.key)
      expect(before, 'updated and not there').toBeDefined()
      const now = shownOf(entry)
      const reasons = MESSAGE_REASONS.filter((_, i) => mask & (1 << i))
      expect(reasons.length).toBeGreaterThan(0)
      if (reasons.includes('index')) expect(now.index).not.toBe(before?.index)
      else expect(now.index).toBe(before?.index)
      expect(reasons.includes('deliveryState')).toBe(now.isFinal !== before?.isFinal)
      this.#show(entry)
    }
    for (const { key } of removed) {
      expect(this.#shown.delete(key), 'removed and not there').toBe(true)
      this.#gone.add(key)
    }
  }

  #show(entry: MessageEntry | undefined): void {
    if (entry?.content) this.#shown.set(entry.key, shownOf(entry))
  }
}

interface Shown {
  readonly index: number
  readonly isFinal: boolean
  readonly body: unknown
  readonly attributes: JSONValue
}

function shownOf({ index, isFinal, content, attributes }: MessageEntry): Shown {
  return { index, isFinal, body: content?.body, attributes }
}

type Action =
  | { kind: 'send'; device: number }
  | { kind: 'react' | 'remove' | 'read' | 'unread'; device: number; pick: number }
  | { kind: 'meet' | 'fold'; device: number }
  | { kind: 'sync'; device: number; other: number; channels: number }
  | { kind: 'run'; crashAt: number; device: number; at: number }
  | { kind: 'leak'; device: number }

const device = fc.nat(DEVICES - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), device }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('react' as const), device, pick: fc.nat(20) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), device, pick: fc.nat(20) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('sync' as const),
      device,
      // Mostly the one that runs the sequencer.
      other: fc.oneof(fc.constant(DEVICES), fc.nat(DEVICES - 1)),
      // The outboxes are the first.
      channels: fc.oneof(fc.constantFrom(-1, 1, -2), fc.nat(2 ** (PAGES + 1) - 1)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leak' as const), device }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('read' as const), device, pick: fc.nat(40) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('unread' as const), device, pick: fc.nat(40) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('meet' as const), device }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fold' as const), device }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      crashAt: fc.nat(14),
      device,
      at: fc.nat(14),
    }),
  },
)

/** What anybody has ever seen in the log: it never changes. */
class Witness {
  readonly #indexOf = new Map<string, number>()
  readonly #idAt = new Map<number, string>()

  look(at: Device): void {
    for (const entry of at.log()) {
      const key = messageKey(entry)
      expect(this.#indexOf.get(key) ?? entry.index, 'a final index moved').toBe(entry.index)
      expect(this.#idAt.get(entry.index) ?? key, 'an index twice').toBe(key)
      this.#indexOf.set(key, entry.index)
      this.#idAt.set(entry.index, key)
    }
  }
}

/** How often the unread messages could be counted without a page. */
let blindCounts = 0

/** Every message is read exactly by those who saw it and read on, wherever it was then and is now. */
function checkReading(device: Device): void {
  const view = device.logView()
  const { pending, isComplete } = view
  const log = logOf(view)
  const { horizon, known: operations } = device.reader
  for (const entry of [...log, ...pending]) {
    const key = messageKey(entry)
    const expected = isReadAfter([...operations], key)
    // Another device has read more of the log than has come here: what it has read may still be pending here.
    const isBehind = !entry.isFinal && horizon.live.some(({ index }) => index >= log.length)
    if (isBehind && expected) continue
    // Own messages are never unread, wherever the horizon passes them.
    if (entry.author === device.author) continue
    expect(isRead(horizon, entry), `${key} is read`).toBe(expected)
  }
  if (!isComplete) return
  const { author: reader, outbox } = device
  // It may be known before its page shows it.
  const removed = new Set(outbox.removed().map(({ index }) => index))
  const isRemoved = (entry: MessageEntry) =>
    entry.content === null || (entry.isFinal && removed.has(entry.index))
  const unread = [...log, ...pending].filter(
    entry => !isRemoved(entry) && entry.author !== reader && !isRead(horizon, entry),
  )
  const known = {
    horizon,
    reader,
    authors: outbox.authors(),
    state: outbox.state,
    removed: device.list.removed,
  }
  const isRecorded = (index: number) => known.removed.some(one => one.index === index)
  expect(countUnread({ ...known, view })).toBe(unread.length)
  // Without any page, the same where it can be told at all; not before a removal that the page shows is recorded.
  if (log.some(({ content, index }) => content === null && !isRecorded(index))) return
  const blind = countUnread({
    ...known,
    view: { ...view, since: () => undefined, end: 0, removed: new Set(), isComplete: false },
  })
  if (log.length === outbox.state.count) expect(blind ?? unread.length).toBe(unread.length)
  if (blind !== undefined) blindCounts++
}

async function live(actions: Action[]): Promise<void> {
  const host = new Host('server')
  const devices = [...AUTHORS.map(author => new Device(author)), host]
  const everybody = host.channels()
  const witness = new Witness()
  const mirrors = new Map<Device, Mirror>()
  const checkMirrors = (isFresh: boolean) => {
    for (const each of devices) {
      const known = mirrors.get(each)
      const mirror = known && !known.isOver ? known : new Mirror(each)
      mirrors.set(each, mirror)
      mirror.check()
      mirror.checkKept(removed, sent)
      if (isFresh) mirror.checkFresh()
    }
  }
  const sent: string[] = []
  const removed = new Set<string>()
  /** What its author saw when a message was written. */
  const seen = new Map<string, string[]>()
  const reactions: { id: string; name: string }[] = []
  for (const [n, one] of actions.entries()) {
    const actor = devices[one.device] as Device
    if (one.kind === 'send') {
      const before = actor.view().map(messageKey)
      const key = messageKey(actor.send())
      sent.push(key)
      seen.set(key, before)
    } else if (one.kind === 'leak') actor.leak(host)
    else if (one.kind === 'read') actor.read(one.pick)
    else if (one.kind === 'unread') actor.markUnread(one.pick)
    else if (one.kind === 'fold') actor.fold()
    else if (one.kind === 'meet') {
      for (const each of devices) if (each !== actor) meetReaders(actor.reader, each.reader)
    } else if (one.kind === 'react') {
      const id = actor.react(one.pick, `r${n}`)
      if (id) reactions.push({ id: messageKey(id), name: `r${n}` })
    } else if (one.kind === 'remove') {
      const id = actor.remove(one.pick)
      if (id) removed.add(messageKey(id))
    } else if (one.kind === 'sync') {
      const other = devices[one.other] as Device
      const channels = everybody.filter((_, i) => (one.channels >> i) & 1)
      if (other !== actor) sync(actor, other, channels)
    } else if (one.kind === 'run') await host.run(one.crashAt, { at: one.at, device: actor })
    for (const each of devices) {
      witness.look(each)
      checkReading(each)
    }
    checkMirrors(n % 5 === 0)
  }

  const meet = () => {
    for (let round = 0; round < 2; round++) {
      for (const each of devices) if (each !== host) sync(each, host, everybody)
    }
  }
  meet()
  await host.run(Number.POSITIVE_INFINITY)
  meet()
  // What waited for its target has found it.
  await host.run(Number.POSITIVE_INFINITY)
  meet()
  checkMirrors(true)
  for (const each of devices) {
    witness.look(each)
    checkReading(each)
    const view = each.view()
    expect(plain(view)).toEqual(plain(host.view()))
    expect(view.map(({ index }) => index)).toEqual(view.map((_, i) => i))
    expect(view.map(messageKey).sort()).toEqual([...sent].sort())
    expect(view.every(({ isFinal }) => isFinal)).toBe(true)
    expect(each.outbox.outboxes()).toEqual([])
    expect(each.outbox.state.count).toBe(sent.length)
    for (const { index } of view) expect(pageOf(index, PAGE_SIZE)).toBeLessThan(PAGES)
    for (const entry of view) {
      const key = messageKey(entry)
      expect(entry.content === null).toBe(removed.has(key))
      if (!entry.content) continue
      expect(entry.content.body).toBe(`${entry.writer}/${entry.counter}`)
      const names = reactions.filter(({ id }) => id === key).map(({ name }) => name)
      const value = readAttributes(messageLayers(entry.content, entry.edits))
      const by = isObject(value) ? Object.keys(value.by as object) : []
      expect(by.sort()).toEqual(names.sort())
    }
    if (!actions.some(({ kind }) => kind === 'leak')) {
      const indexOf = new Map(view.map(entry => [messageKey(entry), entry.index]))
      for (const [key, before] of seen) {
        for (const earlier of before) {
          expect(indexOf.get(earlier)).toBeLessThan(indexOf.get(key) as number)
        }
      }
    }
    const newest = new Map<number, number>()
    for (const { writer, counter } of view) {
      expect(counter).toBeGreaterThan(newest.get(writer) ?? 0)
      newest.set(writer, counter)
    }
  }
}

function logOf(view: LogView): readonly MessageEntry[] {
  return view.since(0) ?? []
}

function plain(entries: readonly MessageEntry[]): unknown[] {
  return entries.map(({ key, index, isFinal, author, time, content, edits }) => {
    return { key, index, isFinal, author, time, content, edits }
  })
}

/** Lives that rules were found wanting with. */
const EXAMPLES: Action[][] = [
  // A reaction to a message comes before the message.
  [
    { kind: 'send', device: 1 },
    { kind: 'sync', device: 1, other: 0, channels: -1 },
    { kind: 'react', device: 0, pick: 0 },
    { kind: 'leak', device: 0 },
    { kind: 'run', crashAt: 8, device: 2, at: 8 },
  ],
  // The log comes before what tells which client ids in it are one's own.
  [
    { kind: 'send', device: 2 },
    { kind: 'sync', device: 2, other: DEVICES, channels: -1 },
    { kind: 'run', crashAt: 3, device: 0, at: 4 },
    { kind: 'sync', device: 0, other: DEVICES, channels: -2 },
    { kind: 'send', device: 3 },
    { kind: 'run', crashAt: 0, device: 0, at: 1 },
    { kind: 'send', device: 0 },
    { kind: 'read', device: 0, pick: 0 },
    { kind: 'sync', device: 0, other: DEVICES, channels: -1 },
  ],
  // A message is removed before it is known to be in the log.
  [
    { kind: 'send', device: 1 },
    { kind: 'sync', device: 1, other: DEVICES, channels: -1 },
    { kind: 'run', crashAt: 4, device: 0, at: 4 },
    { kind: 'sync', device: 1, other: 3, channels: -1 },
    { kind: 'remove', device: 3, pick: 0 },
    { kind: 'sync', device: 3, other: 0, channels: -1 },
    { kind: 'read', device: 0, pick: 0 },
    { kind: 'sync', device: 0, other: DEVICES, channels: 181 },
    { kind: 'unread', device: 0, pick: 0 },
    { kind: 'send', device: 0 },
  ],
]

describe('messages', () => {
  it('get one final index each, and lose nothing, whatever stops the sequencer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 8, maxLength: 60, size: 'max' }), live),
      { ...runs(300), examples: EXAMPLES.map(example => [example]) },
    )
    expect(blindCounts).toBeGreaterThan(500)
  })
})
