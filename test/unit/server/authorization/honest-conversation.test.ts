import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { JSONValue } from '../../../../src/base/json.ts'
import { ConversationDocument } from '../../../../src/schema/conversation-document.ts'
import { chatKey, nonChatKey } from '../../../../src/schema/format.ts'
import type { ParticipantEntry } from '../../../../src/schema/participant-entry.ts'
import { isPermitted, PERMISSIONS, type Permission } from '../../../../src/schema/permissions.ts'
import { runs } from '../../../support/runs.ts'
import { ConversationGate, NOW_MS, SKEW_MS } from './gate.ts'

/*
 * What people do with the library's own writers, each of them where it is allowed to them, together and apart, must
 * never be refused, however it comes to the server: a refusal costs what they have written.
 */

const DEVICES = [
  { identity: 'alice', skewMs: 0 },
  { identity: 'alice', skewMs: SKEW_MS - 60_000 },
  { identity: 'bob', skewMs: 0 },
  { identity: 'bob', skewMs: -86_400_000 },
  { identity: '@carol|"x"|1', skewMs: 1 },
]
const KEYS = ['alice', 'bob', chatKey('@carol|"x"|1'), nonChatKey('sms', '+1|2')]

const device = fc.nat(DEVICES.length - 1)
const who = fc.nat(KEYS.length - 1)
const attributes = fc.oneof(
  fc.dictionary(
    fc.constantFrom('a', 'b', '__proto__'),
    fc.constantFrom<JSONValue>(1, 'x', [], ['x', 'y'], { n: 1 }, { n: [1, { m: 2 }] }, null),
    { maxKeys: 3 },
  ),
  fc.constantFrom<JSONValue>(null, 5, ['x'], 'text'),
)
const kinds = <const K extends string>(...names: K[]) => fc.constantFrom(...names)
const staying = fc.oneof(
  fc.record({ kind: kinds('add', 'attributes', 'attributes'), device, who, attributes }),
  fc.record({ kind: kinds('whole'), device, attributes }),
  fc.record({ kind: kinds('role'), device, who, text: fc.constantFrom('', 'r1', 'r2') }),
  fc.record({ kind: kinds('name'), device, text: fc.constantFrom('', 'n1', 'n2') }),
  fc.record({ kind: kinds('advance', 'rewind'), device, index: fc.integer({ min: -1, max: 30 }) }),
  fc.record({
    kind: kinds('pull', 'push', 'pushMerged', 'pushState', 'pushAll', 'restart', 'lose'),
    device,
  }),
  fc.record({ kind: kinds('hear'), device, from: device }),
  fc.record({ kind: kinds('apply') }),
)
const coming = fc.oneof(
  { weight: 12, arbitrary: staying },
  { weight: 2, arbitrary: fc.record({ kind: kinds('join', 'join', 'leave'), device }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('remove'), device, who }) },
)
type Command = typeof coming extends fc.Arbitrary<infer C> ? C : never
/** What members and guests may do, the same throughout, so that nobody can be mistaken about it. */
const permissions = fc.subarray<Permission>(
  PERMISSIONS.filter(one => one !== 'join'),
  { minLength: 0 },
)

let seen = new Map<string, number>()
const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)

class Device {
  readonly identity: string
  readonly doc = new Y.Doc()
  readonly document: ConversationDocument
  readonly #nowMs: () => number
  /** Not sent yet. */
  queue: Uint8Array[] = []

  constructor({ identity, skewMs }: (typeof DEVICES)[number], clock: { nowMs: number }) {
    this.identity = identity
    this.#nowMs = () => clock.nowMs + skewMs
    this.document = new ConversationDocument(this.doc, () => {})
    this.document.start()
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'server') this.queue.push(update)
    })
  }

  get me(): ParticipantEntry {
    return this.document.entry(chatKey(this.identity))
  }

  hear(update: Uint8Array, origin: string): void {
    Y.applyUpdate(this.doc, update, origin)
  }

  do(command: Command, mayAlways: (permission: Permission) => boolean, random: () => number): void {
    const { document } = this
    const nowMs = this.#nowMs()
    const may = (permission: Permission) => this.identity === 'alice' || mayAlways(permission)
    const assumed = { createdBy: this.identity, dateCreated: nowMs, uniqueName: null }
    const write = (what: string, change: () => void) => {
      count(what)
      document.write(assumed, change)
    }
    const add = (key: string, initial: JSONValue | undefined) => {
      if (document.entry(key).isPresent) return
      const binding = key.startsWith('@sms') ? { address: '+1|2' } : undefined
      write('add', () => document.addParticipant(key, initial, binding, nowMs, random()))
    }
    const remove = (entry: ParticipantEntry) => {
      if (entry.isPresent) write('remove', () => document.removeParticipant(entry))
    }
    const entry = 'who' in command ? document.entry(KEYS[command.who] as string) : this.me
    const isMe = entry === this.me
    switch (command.kind) {
      case 'add':
        if (may('addParticipant')) add(entry.key, command.attributes)
        return
      case 'join':
        add(this.me.key, undefined)
        return
      case 'leave':
        remove(this.me)
        return
      case 'remove':
        if (isMe || may('removeParticipant')) remove(entry)
        return
      case 'attributes':
        if (entry.isPresent && (isMe || may('editParticipant'))) {
          write('attributes', () =>
            document.setParticipantAttributes(entry, command.attributes, nowMs),
          )
        }
        return
      case 'role':
        if (entry.isPresent && may('changeRole')) {
          write('role', () => document.setRole(entry, command.text, nowMs))
        }
        return
      case 'whole':
        if (may('editConversation')) {
          write('whole', () => document.setAttributes(command.attributes, nowMs))
        }
        return
      case 'name':
        if (may('editConversation')) {
          write('name', () => document.whole.setField('friendlyName', command.text, nowMs))
        }
        return
      case 'advance':
        if (!entry.isPresent) return
        document.advanceHorizon(entry, { index: command.index }, nowMs)
        count('horizon')
        document.transact(() => document.writeHorizon(entry))
        return
      case 'rewind':
        if (!entry.isPresent) return
        count('horizon')
        document.transact(() => document.rewindHorizon(entry, { index: command.index }, nowMs))
        return
    }
  }
}

/** Does all of it, and at last lets everybody meet. */
function live(commands: readonly Command[], allowed: readonly Permission[], isOpen: boolean): void {
  const guest: Permission[] = isOpen ? [...allowed, 'join'] : []
  const gate = new ConversationGate({ admin: PERMISSIONS, member: [...allowed, 'join'], guest })
  const clock = { nowMs: NOW_MS }
  const devices = DEVICES.map(options => new Device(options, clock))
  let writers = 1000
  let incarnations = 0
  for (const { doc } of devices) doc.clientID = ++writers
  const mayAlways = (permission: Permission) =>
    isPermitted({ isCreator: false, roleSid: '' }, permission, gate.facts.permissions)

  const submit = (update: Uint8Array, { identity, doc }: Device) => {
    const verdict = gate.submit(update, identity)
    if (verdict.kind === 'gap') {
      count('gap')
      gate.apply()
      const rest = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(gate.doc))
      expect(gate.submit(rest, identity)).toMatchObject({ kind: 'accepted' })
    } else expect(verdict).toMatchObject({ kind: 'accepted' })
  }
  const pull = (device: Device) => {
    const sv = Y.encodeStateVector(device.doc)
    device.hear(Y.encodeStateAsUpdate(gate.doc, sv), 'server')
  }

  // Alice's conversation comes first, and in a closed one everybody is in it.
  const [first] = devices as [Device]
  first.do({ kind: 'join', device: 0 }, mayAlways, () => ++incarnations)
  if (!isOpen) {
    for (const who of KEYS.keys()) {
      first.do({ kind: 'add', device: 0, who, attributes: {} }, mayAlways, () => ++incarnations)
    }
  }
  for (const update of first.queue.splice(0)) submit(update, first)
  gate.apply()
  if (!isOpen) for (const device of devices) pull(device)

  for (const command of commands) {
    clock.nowMs += 10
    gate.facts.nowMs = clock.nowMs
    if (command.kind === 'apply') {
      gate.apply()
      continue
    }
    const device = devices[command.device] as Device
    switch (command.kind) {
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
      case 'hear': {
        // Tabs of one user hear each other.
        const other = devices[command.from] as Device
        if (other.identity === device.identity && other !== device)
          device.hear(Y.encodeStateAsUpdate(other.doc), 'tab')
        break
      }
      default:
        device.do(command, mayAlways, () => ++incarnations)
    }
  }
  for (const device of [...devices, ...devices]) {
    submit(Y.encodeStateAsUpdate(device.doc), device)
    gate.apply()
    pull(device)
  }
  for (const device of devices) {
    pull(device)
    expect(Y.encodeStateAsUpdate(device.doc)).toEqual(Y.encodeStateAsUpdate(gate.doc))
  }
}

describe('honest lives in a conversation', () => {
  it.each([
    ['open to all', true, coming],
    ['by invitation', false, staying],
  ])('%s: are accepted, however they come', (_, isOpen, command) => {
    seen = new Map()
    fc.assert(
      fc.property(
        fc.array(command as fc.Arbitrary<Command>, { minLength: 10, maxLength: 60, size: 'max' }),
        permissions,
        (commands, allowed) => live(commands, allowed, isOpen),
      ),
      runs(150),
    )
    const expected = ['add', 'attributes', 'whole', 'role', 'name', 'horizon', 'gap']
    if (isOpen) expected.push('remove')
    for (const what of expected) expect(seen.get(what) ?? 0, what).toBeGreaterThan(0)
  })
})
