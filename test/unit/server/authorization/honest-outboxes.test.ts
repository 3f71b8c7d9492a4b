import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { chatKey } from '../../../../src/schema/format.ts'
import { EMPTY_LOG } from '../../../../src/schema/messages/log-state.ts'
import { OutboxDocument } from '../../../../src/schema/messages/outbox-document.ts'
import type { MessageCommand } from '../../../../src/schema/messages/outbox-entry.ts'
import { runs } from '../../../support/runs.ts'
import { NOW_MS, OutboxGate, SERVER, updateOf } from './gate.ts'

/* As honest-conversation.test.ts, for what is sent: with a server that empties the outboxes meanwhile. */

const IDENTITIES = ['alice', 'bob', 'bob', '@carol|"x"|1']
const device = fc.nat(IDENTITIES.length - 1)
const kinds = <const K extends string>(...names: K[]) => fc.constantFrom(...names)
const command = fc.oneof(
  fc.record({
    kind: kinds('send', 'send', 'body', 'attributes', 'remove'),
    device,
    pick: fc.nat(9),
  }),
  fc.record({
    kind: kinds('pull', 'push', 'pushMerged', 'pushState', 'pushAll', 'lose', 'restart', 'hear'),
    device,
  }),
  fc.record({ kind: kinds('apply', 'sequence'), device }),
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

class Device {
  readonly doc = new Y.Doc()
  readonly outbox = new OutboxDocument(this.doc)
  readonly identity: string
  readonly key: string
  queue: Uint8Array[] = []

  constructor(identity: string) {
    this.identity = identity
    this.key = chatKey(identity)
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'server') this.queue.push(update)
    })
  }

  do({ kind, pick }: { kind: string; pick: number }, time: number): void {
    const counter = this.outbox.nextCounter(this.key)
    if (kind === 'send') {
      const content = { body: 'x', subject: 's', attributes: '{}', media: [] }
      const entry = { kind: 'message', counter, lamport: counter, time, content } as const
      this.doc.transact(() => this.outbox.push(this.key, entry))
      return
    }
    const own = [...this.outbox.authors()].filter(([, author]) => author === this.key)
    const [writer] = own[pick % Math.max(1, own.length)] ?? []
    if (writer === undefined) return
    const to = { target: { writer, counter: 1 + pick }, index: null, time }
    const changes = { set: [{ path: ['.a'], value: 'x' }], delete: [['.b']] }
    const all: Record<string, MessageCommand> = {
      body: { kind: 'body', body: 'y', ...to },
      attributes: { kind: 'attributes', changes, ...to } as MessageCommand,
      remove: { kind: 'remove', ...to },
    }
    this.doc.transact(() => this.outbox.push(this.key, all[kind] as MessageCommand))
  }
}

let gaps = 0
let sequenced = 0

function live(commands: readonly Command[]): void {
  // Own messages only, so that nothing depends on roles.
  const gate = new OutboxGate({ admin: [], member: ['sendMessage'], guest: [] })
  gate.facts.creator = 'dave'
  const devices = IDENTITIES.map(identity => new Device(identity))
  let writers = 1000
  for (const { doc, key } of devices) {
    doc.clientID = ++writers
    gate.roles.set(key, '')
  }
  const submit = (update: Uint8Array, { identity, doc }: Device) => {
    const verdict = gate.submit(update, identity)
    // What is done to a message of an earlier session may come before the message.
    if (verdict.kind === 'gap' || verdict.kind === 'waiting') {
      if (verdict.kind === 'gap') gaps++
      gate.apply()
      const rest = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(gate.doc))
      expect(gate.submit(rest, identity)).toMatchObject({ kind: 'accepted' })
    } else expect(verdict).toMatchObject({ kind: 'accepted' })
  }
  const pull = ({ doc }: Device) => {
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(gate.doc, Y.encodeStateVector(doc)), 'server')
  }
  const sequence = (pick: number) => {
    // As the server does it: in a copy, and admitted like what others write.
    gate.apply()
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(gate.doc))
    copy.clientID = SERVER
    const outbox = new OutboxDocument(copy)
    const items = outbox.outboxes().flatMap(one => one.items.slice(0, 1 + (pick % 3)))
    sequenced += items.length
    const handled = new Set(items.map(({ stored }) => stored))
    const update = updateOf(copy, () => {
      outbox.acknowledge({ owner: '' }, { ...EMPTY_LOG, count: pick }, handled, [])
    })
    gate.admit(update)
  }

  for (const command of commands) {
    const device = devices[command.device] as Device
    switch (command.kind) {
      case 'apply':
        gate.apply()
        break
      case 'sequence':
        sequence(command.device)
        break
      case 'pull':
        pull(device)
        break
      case 'push':
        for (const update of device.queue.splice(0)) submit(update, device)
        break
      case 'pushMerged':
        if (device.queue.length > 0) submit(Y.mergeUpdates(device.queue.splice(0)), device)
        break
      case 'pushState':
        device.queue = []
        submit(Y.encodeStateAsUpdate(device.doc, Y.encodeStateVector(gate.doc)), device)
        break
      case 'pushAll':
        device.queue = []
        submit(Y.encodeStateAsUpdate(device.doc), device)
        break
      case 'lose':
        device.queue.shift()
        for (const update of device.queue.splice(0)) submit(update, device)
        break
      case 'restart':
        device.doc.clientID = ++writers
        break
      case 'hear':
        for (const other of devices) {
          if (other === device || other.identity !== device.identity) continue
          Y.applyUpdate(device.doc, Y.encodeStateAsUpdate(other.doc), 'tab')
        }
        break
      default:
        device.do(command as { kind: string; pick: number }, NOW_MS)
    }
  }
  for (const device of devices) {
    submit(Y.encodeStateAsUpdate(device.doc), device)
    gate.apply()
  }
  for (const device of devices) {
    pull(device)
    expect(Y.encodeStateAsUpdate(device.doc)).toEqual(Y.encodeStateAsUpdate(gate.doc))
  }
}

describe('honest lives in outboxes', () => {
  it('are accepted, however they come', () => {
    gaps = 0
    sequenced = 0
    fc.assert(
      fc.property(fc.array(command, { minLength: 10, maxLength: 60, size: 'max' }), live),
      runs(300),
    )
    expect(gaps).toBeGreaterThan(0)
    expect(sequenced).toBeGreaterThan(0)
  })
})
