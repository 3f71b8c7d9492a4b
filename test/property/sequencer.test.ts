import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { isObject, type JSONValue, parseJson } from '../../src/base/json.ts'
import { diffAttributes, readAttributes } from '../../src/schema/attributes.ts'
import { type MessageId, messageKey, pageOf } from '../../src/schema/messages/ids.ts'
import type { LogEntry } from '../../src/schema/messages/log-entry.ts'
import { commandsByMessage, pendingView, withCommands } from '../../src/schema/messages/log-view.ts'
import { OutboxDocument } from '../../src/schema/messages/outbox-document.ts'
import { PageDocument } from '../../src/schema/messages/page-document.ts'
import { greatestLamport } from '../../src/schema/messages/sequence.ts'
import { Sequencer } from '../../src/schema/messages/sequencer.ts'
import { runs } from '../support/runs.ts'

/*
 * Devices that write apart and meet now and then, channel by channel, and a sequencer that is stopped between any two of
 * its steps.
 */

const PAGE_SIZE = 3
const PAGES = 20
const DEVICES = 4
const AUTHORS = ['alice', 'bob', 'alice', 'carol|x']

class Device {
  readonly author: string
  docs = new Map<string, Y.Doc>()
  /** What it wrote itself, for a transport that brings one thing before another. */
  readonly #written: Uint8Array[] = []

  constructor(author: string) {
    this.author = author
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

  /** The log with what is pending. */
  view(): LogEntry[] {
    const { outbox } = this
    const outboxes = outbox.outboxes()
    const commands = commandsByMessage(outboxes)
    const log = this.log().map(entry => withCommands(entry, commands))
    const known = new Set(log.map(messageKey))
    const pending = pendingView(outboxes, outbox.state).filter(one => !known.has(messageKey(one)))
    return [...log, ...pending]
  }

  send(): MessageId {
    const { outbox } = this
    const counter = outbox.nextCounter(this.author)
    const lamport = greatestLamport(outbox.outboxes(), outbox.state) + 1
    const content = { body: `${outbox.writer}/${counter}`, subject: null, attributes: '{"by":{}}' }
    outbox.push(this.author, { kind: 'message', counter, lamport, time: lamport, content })
    return { writer: outbox.writer, counter }
  }

  target(pick: number): { id: MessageId; entry: LogEntry; index: number | null } | undefined {
    const view = this.view()
    const entry = view[pick % (view.length || 1)]
    if (!entry) return undefined
    const isFinal = this.log().some(one => messageKey(one) === messageKey(entry))
    const { writer, counter, index } = entry
    return { id: { writer, counter }, entry, index: isFinal ? index : null }
  }

  react(pick: number, name: string): MessageId | undefined {
    const found = this.target(pick)
    if (!found?.entry.content) return undefined
    const { id, entry, index } = found
    const initial = [parseJson(entry.content?.attributes) ?? {}]
    const overlay = entry.edits?.overlay ?? []
    const value = readAttributes(initial, overlay) as { by: { [name: string]: JSONValue } }
    const next = { by: { ...value.by, [name]: true } }
    const changes = diffAttributes(initial, overlay, next, 'suffix0')
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

type Action =
  | { kind: 'send'; device: number }
  | { kind: 'react' | 'remove'; device: number; pick: number }
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
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      crashAt: fc.nat(8),
      device,
      at: fc.nat(8),
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

async function live(actions: Action[]): Promise<void> {
  const host = new Host('server')
  const devices = [...AUTHORS.map(author => new Device(author)), host]
  const everybody = host.channels()
  const witness = new Witness()
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
    else if (one.kind === 'react') {
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
    for (const each of devices) witness.look(each)
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
  for (const each of devices) {
    witness.look(each)
    const view = each.view()
    expect(view).toEqual(host.view())
    expect(view.map(({ index }) => index)).toEqual(view.map((_, i) => i))
    expect(view.map(messageKey).sort()).toEqual([...sent].sort())
    expect(each.outbox.outboxes()).toEqual([])
    expect(each.outbox.state.count).toBe(sent.length)
    for (const { index } of view) expect(pageOf(index, PAGE_SIZE)).toBeLessThan(PAGES)
    for (const entry of view) {
      const key = messageKey(entry)
      expect(entry.content === null).toBe(removed.has(key))
      if (!entry.content) continue
      expect(entry.content.body).toBe(`${entry.writer}/${entry.counter}`)
      const names = reactions.filter(({ id }) => id === key).map(({ name }) => name)
      const overlay = entry.edits?.overlay ?? []
      const value = readAttributes([parseJson(entry.content.attributes) as JSONValue], overlay)
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
      expect(counter).toBe((newest.get(writer) ?? 0) + 1)
      newest.set(writer, counter)
    }
  }
}

describe('messages', () => {
  it('get one final index each, and lose nothing, whatever stops the sequencer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 8, maxLength: 60, size: 'max' }), live),
      runs(250),
    )
  })
})
