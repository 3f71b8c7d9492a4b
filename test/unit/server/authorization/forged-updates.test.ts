import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { parseAttributeKey } from '../../../../src/schema/attribute-map.ts'
import { ConversationDocument } from '../../../../src/schema/conversation-document.ts'
import { parseSlotKey, ROOTS, slotKey } from '../../../../src/schema/format.ts'
import { OUTBOX_ROOTS, OutboxDocument } from '../../../../src/schema/messages/outbox-document.ts'
import { decodeOutboxEntry } from '../../../../src/schema/messages/outbox-entry.ts'
import { decodeUpdate } from '../../../../src/server/update-check.ts'
import { runs } from '../../../support/runs.ts'
import { ConversationGate, copyOf, type Gate, NOW_MS, OutboxGate, updateOf } from './gate.ts'
import { cuts, damage, type Lore, putTogether, takeApart } from './surgery.ts'

/*
 * Bob is a participant like any other, and sends whatever can be made of real updates. Of what is accepted of it,
 * nothing may reach what is not his, now or later.
 */

const [ALICE, BOB, BOB_NEW, CAROL, UNKNOWN] = [1001, 1002, 1003, 1004, 1999]
const INCARNATION = { alice: 1, bob: 2, carol: 3 }

interface Case {
  readonly gate: Gate
  readonly state: Uint8Array
  /** Real updates, of bob and of others, for what is forged to be made of. */
  readonly corpus: readonly Uint8Array[]
  /** Of others who know nothing of it, and come later. */
  readonly later: readonly Uint8Array[]
  readonly lore: Lore
  /** Whether bob may have changed what lies there. */
  isBobs(root: string, key: string, value: unknown, before: unknown): boolean
}

const { conversation, outboxes } = { conversation: conversationCase(), outboxes: outboxCase() }

function conversationCase(): Case {
  const gate = new ConversationGate()
  const doc = new Y.Doc()
  doc.clientID = ALICE
  const document = new ConversationDocument(doc, () => {})
  document.start()
  const creation = { createdBy: 'alice', dateCreated: NOW_MS, uniqueName: null }
  const entry = (of: ConversationDocument, key: string) => of.entry(key)
  document.write(creation, () => {
    for (const [key, incarnation] of Object.entries(INCARNATION)) {
      document.addParticipant(key, { a: [1, { b: 2 }] }, undefined, NOW_MS, incarnation)
    }
  })
  document.transact(() => {
    document.setRole(entry(document, 'bob'), 'r1', NOW_MS)
    document.setRole(entry(document, 'carol'), 'r2', NOW_MS)
    document.whole.setField('friendlyName', 'name', NOW_MS)
    document.setAttributes({ topic: 'x' }, NOW_MS)
    document.setParticipantAttributes(entry(document, 'carol'), { a: 2 }, NOW_MS)
  })
  const act = (writer: number, write: (document: ConversationDocument) => void, base = doc) => {
    const copy = copyOf(base, writer)
    const other = new ConversationDocument(copy, () => {})
    other.start()
    return updateOf(copy, () => write(other))
  }
  const read = (key: string, index: number) => (of: ConversationDocument) => {
    of.advanceHorizon(entry(of, key), { index }, NOW_MS)
    of.writeHorizon(entry(of, key))
  }
  const attributes = (key: string, value: object) => (of: ConversationDocument) =>
    of.setParticipantAttributes(entry(of, key), value as never, NOW_MS)
  for (const update of [
    act(BOB, of => {
      read('bob', 3)(of)
      attributes('bob', { b: 1, c: [1] })(of)
    }),
    act(CAROL, read('carol', 2)),
  ]) {
    Y.applyUpdate(doc, update)
  }
  gate.admit(Y.encodeStateAsUpdate(doc))
  gate.apply()
  gate.claims.set(ALICE, 'alice').set(BOB, 'bob').set(CAROL, 'carol')

  const leave = (of: ConversationDocument) => of.removeParticipant(entry(of, 'bob'))
  const join = (of: ConversationDocument) =>
    of.addParticipant('bob', { d: 1 }, undefined, NOW_MS, 9)
  const corpus = [
    act(BOB, attributes('bob', { b: 2 })),
    act(BOB, attributes('bob', { b: { c: [1, 2, 3] } })),
    act(BOB, read('bob', 5)),
    act(BOB_NEW, read('bob', 6)),
    act(BOB, of => of.rewindHorizon(entry(of, 'bob'), { index: 1 }, NOW_MS)),
    act(BOB, leave),
    act(BOB_NEW, of => {
      leave(of)
      join(of)
      read('bob', 7)(of)
    }),
    act(ALICE, of => of.setRole(entry(of, 'bob'), 'admin', NOW_MS)),
    act(ALICE, of => of.removeParticipant(entry(of, 'carol'))),
    act(CAROL, attributes('carol', { z: 1 })),
    act(CAROL, read('carol', 9)),
    act(
      BOB_NEW,
      of => {
        of.create({ ...creation, createdBy: 'bob', dateCreated: 1 })
        join(of)
      },
      new Y.Doc(),
    ),
    Y.encodeStateAsUpdate(doc),
  ]
  const later = [
    act(CAROL, of => {
      attributes('carol', { a: 'later', n: 1 })(of)
      read('carol', 4)(of)
    }),
    act(ALICE, of => {
      of.whole.setField('friendlyName', 'later', NOW_MS)
      of.setAttributes({ topic: 'later' }, NOW_MS)
      of.setRole(entry(of, 'carol'), 'later', NOW_MS)
      of.addParticipant('dave', { e: 1 }, undefined, NOW_MS, 4)
    }),
  ]
  const lore: Lore = {
    clients: [ALICE, BOB, BOB_NEW, CAROL, UNKNOWN],
    roots: [...Object.values(ROOTS), 'other'],
    keys: [
      ...Object.values(ROOTS).flatMap(root => [...doc.getMap(root).keys()]),
      ...[ALICE, BOB, BOB_NEW, CAROL].flatMap(writer =>
        ['alice', 'bob', 'carol', 'dave', 'created', 'bob|x'].map(who => slotKey(who, writer)),
      ),
      slotKey('bob', 9),
      slotKey('dave', 4),
      'uniqueName',
      'format|2',
      '["bob",2,".x"]',
      '["carol",3,".n"]',
      '["",0,".topic"]',
    ],
    values: [
      ['admin', NOW_MS],
      ['alice', 1],
      ['bob', 1],
      ['bob', NOW_MS + 5],
      [1, NOW_MS],
      [NOW_MS, 9],
      [NOW_MS, 2, '{}'],
      true,
      null,
    ],
  }
  return {
    gate,
    state: Y.encodeStateAsUpdate(doc),
    corpus,
    later,
    lore,
    isBobs: (root, key, value, before) => {
      const slot = parseSlotKey(key)
      switch (root) {
        case ROOTS.attributes:
          return parseAttributeKey(key)?.entity === 'bob'
        case ROOTS.participants:
        case ROOTS.horizons:
          return slot?.owner === 'bob'
        // He may only leave.
        case ROOTS.roles:
          return slot?.owner === 'bob' && (value === undefined || value === before)
        case ROOTS.fields:
          if (key === 'format|1') return value === undefined || value === true
          // Later than the first, it shows nothing.
          return slot?.owner === 'created' && (value as [string, number])[1] > NOW_MS
        default:
          return false
      }
    },
  }
}

function outboxCase(): Case {
  const gate = new OutboxGate()
  for (const key of ['alice', 'bob', 'carol']) gate.roles.set(key, '')
  const doc = new Y.Doc()
  const act = (writer: number, write: (outbox: OutboxDocument) => void, base = doc) => {
    const copy = copyOf(base, writer)
    return updateOf(copy, () => write(new OutboxDocument(copy)))
  }
  const send = (key: string, bodies: string[]) => (outbox: OutboxDocument) => {
    for (const body of bodies) {
      const counter = outbox.nextCounter(key)
      const content = { body, subject: null, attributes: undefined, media: [] }
      outbox.push(key, { kind: 'message', counter, lamport: 1, time: NOW_MS, content })
    }
  }
  const remove = (writer: number) => (outbox: OutboxDocument) => {
    const target = { writer, counter: 1 }
    outbox.push('bob', { kind: 'remove', target, index: null, time: NOW_MS })
  }
  for (const [writer, key] of [
    [ALICE, 'alice'],
    [BOB, 'bob'],
    [CAROL, 'carol'],
  ] as const) {
    Y.applyUpdate(doc, act(writer, send(key, ['1', '2', '3'])))
    gate.claims.set(writer, key)
  }
  gate.admit(Y.encodeStateAsUpdate(doc))
  gate.apply()
  const lore: Lore = {
    clients: [ALICE, BOB, BOB_NEW, CAROL, UNKNOWN],
    roots: [...Object.values(OUTBOX_ROOTS), 'other'],
    keys: [ALICE, BOB, BOB_NEW, CAROL].flatMap(writer =>
      ['alice', 'bob', 'carol'].map(who => slotKey(who, writer)),
    ),
    values: [
      ['m', 4, 1, NOW_MS, ['x']],
      ['m', 1, 1, NOW_MS, ['x']],
      ['r', ALICE, 1, null, NOW_MS],
      ['b', BOB, 1, null, NOW_MS, 'y'],
      [1, 2],
    ],
  }
  const corpus = [
    act(BOB, send('bob', ['4'])),
    act(BOB, send('bob', ['4', '5', '6'])),
    act(BOB_NEW, send('bob', ['1', '2'])),
    act(BOB, remove(BOB)),
    act(BOB, remove(ALICE)),
    act(CAROL, send('carol', ['4'])),
    act(ALICE, outbox => outbox.acknowledge({ owner: '' }, outbox.state, new Set(), [])),
    Y.encodeStateAsUpdate(doc),
  ]
  return {
    gate,
    state: Y.encodeStateAsUpdate(doc),
    corpus,
    later: [act(CAROL, send('carol', ['later'])), act(ALICE, send('alice', ['later']))],
    lore,
    isBobs: (root, key, value, before) => {
      const slot = parseSlotKey(key)
      if (root !== OUTBOX_ROOTS.outbox || slot?.owner !== 'bob' || !Array.isArray(value))
        return false
      const old = (before as unknown[] | undefined) ?? []
      expect(value.slice(0, old.length)).toEqual(old)
      for (const [i, stored] of value.entries()) {
        const sent = decodeOutboxEntry(stored)
        if (!sent || (sent.kind === 'message' && sent.counter !== i + 1)) return false
        // He may remove his own only.
        if (sent.kind === 'remove' && ![BOB, BOB_NEW, UNKNOWN].includes(sent.target.writer)) {
          return false
        }
      }
      return true
    },
  }
}

/** Everything that counts, by root and key, whatever type the root is read as. */
function contents(doc: Y.Doc): Map<string, Map<string, unknown>> {
  const all = new Map<string, Map<string, unknown>>()
  for (const [root, type] of doc.share) {
    const values = new Map<string, unknown>()
    for (const [key, item] of type._map) {
      if (!item.deleted) {
        const [value] = item.content.getContent().slice(-1)
        values.set(key, value instanceof Y.AbstractType ? value.toJSON() : value)
      }
    }
    const list: unknown[] = []
    for (let item = type._start; item; item = item.right) {
      if (!item.deleted) list.push(...item.content.getContent())
    }
    if (list.length > 0) values.set('\0list', list)
    all.set(root, values)
  }
  return all
}

function changed(before: Y.Doc, after: Y.Doc) {
  const [old, now] = [contents(before), contents(after)]
  const found: [root: string, key: string, value: unknown, before: unknown][] = []
  for (const root of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(root), now.get(root)]
    for (const key of new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])])) {
      const [x, y] = [was?.get(key), is?.get(key)]
      if (JSON.stringify(x) !== JSON.stringify(y)) found.push([root, key, y, x])
    }
  }
  return found
}

function docOf(...updates: Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  const { pendingStructs, pendingDs } = doc.store
  if (pendingStructs !== null || pendingDs !== null) expect.fail('something is pending')
  return doc
}

describe('an update that bob has forged', () => {
  it.each([
    ['a conversation', conversation],
    ['outboxes', outboxes],
  ])('never reaches what is not his: %s', (_, { gate, state, corpus, later, lore, isBobs }) => {
    const before = docOf(state)
    const expectedLater = docOf(state, ...later)
    const counts = { effective: 0, refused: 0, foreign: 0, gap: 0, waiting: 0, malformed: 0 }
    const source = fc.nat(corpus.length - 1)
    const forge = (first: number, second: number | null) => {
      const forged = takeApart(corpus[first] as Uint8Array)
      if (second === null) return forged
      const { sections, deletions } = takeApart(corpus[second] as Uint8Array)
      return {
        sections: [...forged.sections, ...sections],
        deletions: [...forged.deletions, ...deletions],
      }
    }
    fc.assert(
      fc.property(
        source,
        fc.option(source, { freq: 4 }),
        fc.array(cuts(lore), { maxLength: 4 }),
        damage,
        (first, second, list, harm) => {
          const anatomy = forge(first, second)
          let update: Uint8Array
          try {
            for (const cut of list) cut(anatomy)
            update = harm(putTogether(anatomy))
          } catch {
            return
          }
          let decoded: ReturnType<typeof decodeUpdate>
          try {
            decoded = decodeUpdate(update)
          } catch {
            counts.malformed++
            return
          }
          const verdict = gate.check(update, 'bob')
          if (verdict.kind === 'gap') counts.gap++
          if (verdict.kind === 'waiting') counts.waiting++
          if (verdict.kind === 'refused') {
            counts[verdict.code === 'forbidden' ? 'refused' : 'foreign']++
          }
          if (verdict.kind !== 'accepted') return

          const after = docOf(state, update)
          const bobs = new Set([BOB, ...verdict.newWriters])
          for (const { id, length } of decoded.structs) {
            const isNew = id.clock + length > Y.getState(before.store, id.client)
            if (isNew && !bobs.has(id.client)) expect.fail(`wrote as ${id.client}`)
          }
          const changes = changed(before, after)
          if (changes.length > 0) counts.effective++
          for (const [root, key, value, old] of changes) {
            if (!isBobs(root, key, value, old)) expect.fail(`changed ${root} ${key}`)
          }
          // Nor may it lie in wait for what others write.
          for (const [root, key, value, old] of changed(
            expectedLater,
            docOf(state, update, ...later),
          )) {
            if (!isBobs(root, key, value, old)) expect.fail(`spoilt ${root} ${key}`)
          }
        },
      ),
      runs(2000),
    )
    const { effective, refused, foreign, gap, malformed } = counts
    for (const count of [effective, refused, foreign, gap, malformed]) {
      expect(count, JSON.stringify(counts)).toBeGreaterThan(0)
    }
  })
})
