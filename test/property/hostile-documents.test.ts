import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { Client } from '../../src/client/client.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { Participant } from '../../src/model/participant.ts'
import { parseAttributeKey } from '../../src/schema/attribute-map.ts'
import { MAX_TIME, ROOTS } from '../../src/schema/format.ts'
import { decodeHorizon } from '../../src/schema/horizon-codec.ts'
import { EventView } from '../support/event-view.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { runs } from '../support/runs.ts'
import { snapshot } from '../support/snapshot.ts'

/*
 * Documents that a fault, a stranger or an enemy wrote, merged into a conversation that is open: reading stays total,
 * events stay true, and writing goes on.
 */

const INCARNATION = 2 ** 30

/** Alone, with a document that can be looked at; alice is a participant. */
async function open(doc = new Y.Doc()) {
  const client = new Client({
    identity: 'alice',
    clock: new FakeClock(),
    random: () => INCARNATION / 2 ** 31,
    horizonIntervalMs: 0,
  })
  const conversation = await client.openConversation('room', { doc })
  return { client, conversation, doc }
}

const LONG = 'x'.repeat(2000)
const time = fc.constantFrom<unknown>(
  0,
  1,
  -1,
  1.5,
  1.8e12,
  MAX_TIME,
  8.64e15,
  -8.64e15,
  1e300,
  Number.NaN,
  Infinity,
  '1',
  null,
  undefined,
)
const incarnation = fc.constantFrom<unknown>(
  INCARNATION,
  0,
  1,
  -1,
  0.5,
  Number.NaN,
  'x',
  null,
  undefined,
)
const text = fc.constantFrom('', 'x', 'bob', '__proto__', '\0', LONG)
const json = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>({}, [], undefined, 1n, new Uint8Array(3)),
)
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.array(fc.nat(4), { maxLength: 30 }).map(list => Uint8Array.from([0, ...list])),
  fc
    .array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 30 })
    .map(list => Uint8Array.from(list)),
)

/** Values in our forms with members that may be wrong, and anything else. */
const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.tuple(json, time),
  fc.tuple(fc.constantFrom({}, [], 1, 'x', null, undefined), time),
  fc.tuple(time, incarnation, fc.oneof(text, fc.json(), json)),
  fc.tuple(time, incarnation, fc.json(), json),
  fc.tuple(text, time, text),
  bytes,
  json,
  fc.constantFrom('map', 'array', 'text', 'xml', 'doc').map(kind => ({ nested: kind })),
)

const writer = fc.constantFrom('1', '2', '3', 'zik0zj', '-1', '', 'A')
const who = fc.constantFrom('alice', 'bob', '@sms:+1', '@@x', '@', '', '__proto__', LONG)
const segment = fc.constantFrom(
  '.a',
  '.b',
  '.',
  '.__proto__',
  '#a01',
  '#d0000000000001',
  '#V',
  '#0',
  '!',
  'x',
  `#${'a0'.repeat(500)}1`,
)
const key: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(who, writer).map(parts => parts.join('|')),
  fc
    .tuple(
      fc.constantFrom('created', 'format'),
      fc.oneof(writer, fc.constantFrom('0', '1', 'x', '01')),
    )
    .map(parts => parts.join('|')),
  fc
    .tuple(who, incarnation, fc.array(segment, { maxLength: 4 }))
    .map(([entity, membership, path]) => JSON.stringify([entity, membership, ...path])),
  fc.constantFrom('friendlyName', 'uniqueName', 'attributes', 'constructor'),
  who,
  fc.json(),
)
/** An entry that lies where one of alice's or the conversation's would, with a value that none of ours has. */
const aimed = fc
  .tuple(
    fc.constantFrom('alice', ''),
    fc.array(fc.constantFrom('.a', '.b', '#a01'), { maxLength: 2 }),
    fc.constantFrom<unknown>(
      1n,
      new Uint8Array(2),
      [1],
      { a: [1] },
      Infinity,
      Number.NaN,
      [[]],
      undefined,
    ),
  )
  .map(([entity, path, odd]) => ({
    root: ROOTS.attributes,
    key: JSON.stringify([entity, entity === '' ? 0 : INCARNATION, ...path]),
    value: [odd, 1],
    isDelete: false,
  }))
const roots = [...Object.values(ROOTS), 'elsewhere']
const write = fc.record({ root: fc.constantFrom(...roots), key, value, isDelete: fc.boolean() })

/** A document by somebody who follows rules of their own. */
const foreign = fc
  .tuple(
    fc.array(fc.oneof({ weight: 5, arbitrary: write }, { weight: 1, arbitrary: aimed }), {
      minLength: 1,
      maxLength: 25,
    }),
    fc.boolean(),
    fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  )
  .map(([writes, isList, clientId]) => {
    const doc = new Y.Doc()
    doc.clientID = clientId
    for (const one of writes) {
      const map = doc.getMap(one.root)
      if (one.isDelete && map.size > 0) map.delete([...map.keys()][0] as string)
      else map.set(one.key, toContent(one.value))
    }
    if (!isList) return Y.encodeStateAsUpdate(doc)
    // The same names as lists and texts: a root has the type that its reader gives it.
    const lists = new Y.Doc()
    for (const [i, root] of roots.entries()) {
      const contents = writes.map(one => toContent(one.value)).filter(isListContent)
      if (i % 2) lists.getArray(root).insert(0, contents)
      else lists.getText(root).insert(0, 'text')
    }
    return Y.mergeUpdates([Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(lists)])
  })

/** Lists take less than maps do. */
function isListContent(content: unknown): boolean {
  return content !== undefined && typeof content !== 'bigint'
}

function toContent(content: unknown): unknown {
  switch ((content as { nested?: string } | null | undefined)?.nested) {
    case 'map':
      return new Y.Map([['a', 1]])
    case 'array':
      return Y.Array.from([1, 2])
    case 'text':
      return new Y.Text('x')
    case 'xml':
      return new Y.XmlElement('p')
    case 'doc':
      return new Y.Doc()
    default:
      return content
  }
}

const isText = (candidate: unknown) => candidate === null || typeof candidate === 'string'
const isJson = (candidate: unknown) =>
  isDeepStrictEqual(JSON.parse(JSON.stringify(candidate)), candidate)
const isDate = (candidate: unknown) =>
  candidate === null || !Number.isNaN((candidate as Date).getTime())

/** Whatever lies in the document, what is shown has the types that it says it has. */
async function assertTypes(conversation: Conversation): Promise<void> {
  const { uniqueName, friendlyName, attributes, createdBy, dateCreated, dateUpdated } = conversation
  expect([uniqueName, friendlyName, createdBy].every(isText)).toBe(true)
  expect([dateCreated, dateUpdated].every(isDate)).toBe(true)
  expect(isJson(attributes)).toBe(true)
  for (const participant of await conversation.getParticipants()) {
    const { identity, type, roleSid, lastReadMessageIndex, bindings } = participant
    expect([identity, type, roleSid].every(isText)).toBe(true)
    expect(isJson(participant.attributes) && isJson(bindings)).toBe(true)
    expect(lastReadMessageIndex === null || Number.isSafeInteger(lastReadMessageIndex)).toBe(true)
    expect(
      [participant.dateCreated, participant.dateUpdated, participant.lastReadTimestamp].every(
        isDate,
      ),
    ).toBe(true)
  }
}

/** After whatever was merged: everything can be read, what is written is read back, here and by whoever loads it. */
async function assertAlive(conversation: Conversation, doc: Y.Doc): Promise<void> {
  await assertTypes(conversation)
  if (!conversation.isReadOnly) {
    await conversation.join({ joined: true })
    const me = (await conversation.getParticipantByIdentity('alice')) as Participant
    for (const attributes of [
      { a: [1, 2], b: { c: 1 } },
      [1, [2], { a: 1 }],
      'x',
      { a: [0, 1, 2, 3] },
      {},
    ]) {
      await me.updateAttributes(attributes)
      expect(me.attributes).toEqual(attributes)
      await conversation.updateAttributes(attributes)
      expect(conversation.attributes).toEqual(attributes)
    }
    await me.updateRole('role')
    expect(me.roleSid).toBe('role')
    await conversation.updateFriendlyName('name')
    expect(conversation.friendlyName).toBe('name')
    await conversation.updateUniqueName('unique')
    expect(conversation.uniqueName).toBe('unique')
    for (const index of [7, null, 5, 6, 2]) {
      await conversation.updateLastReadMessageIndex(index)
      expect(me.lastReadMessageIndex).toBe(index)
    }
    await conversation.add('carol', { c: 1 })
    const carol = (await conversation.getParticipantByIdentity('carol')) as Participant
    expect(carol.attributes).toEqual({ c: 1 })
    const count = await conversation.getParticipantsCount()
    for (const participant of (await conversation.getParticipants()).slice(0, 3))
      await participant.remove()
    expect(await conversation.getParticipantsCount()).toBe(Math.max(0, count - 3))
  }
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  const fresh = await open(copy)
  expect(await snapshot(fresh.conversation)).toEqual(await snapshot(conversation))
  await fresh.client.close()
}

async function survive(updates: Uint8Array[]): Promise<void> {
  const { client, conversation, doc } = await open()
  await conversation.join({ a: 1 })
  await conversation.advanceLastReadMessageIndex(3)
  const view = new EventView(conversation, await conversation.getParticipants(), doc)
  for (const update of updates) {
    try {
      Y.applyUpdate(doc, update)
    } catch (error) {
      // Yjs may refuse to decode it. Then it was not one of our listeners.
      expect(String((error as Error).stack)).not.toContain('/src/')
    }
    view.assert(await conversation.getParticipants())
  }
  await assertAlive(conversation, doc)
  view.assert(await conversation.getParticipants())
  await client.close()
}

describe('a conversation that is open survives', () => {
  it('documents with anything under our names', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(foreign, { minLength: 1, maxLength: 3 }), updates =>
        survive(updates),
      ),
      runs(200),
    )
  }, 600_000)

  it('random bytes, and updates with some bytes changed', async () => {
    const damaged = fc
      .tuple(foreign, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }))
      .map(([update, changes]) => {
        const copy = Uint8Array.from(update)
        for (const [at, byte] of changes) copy[at % copy.length] = byte
        return copy
      })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 100 }), damaged), { maxLength: 3 }),
        updates => survive(updates),
      ),
      runs(100),
    )
  }, 600_000)
})

describe('what cannot be', () => {
  it('is still told of: a horizon of 1970', async () => {
    const { client, conversation, doc } = await open()
    await conversation.add('bob')
    const view = new EventView(conversation, await conversation.getParticipants(), doc)
    // The time in it is before 1970, which counts as the beginning of it.
    const beforeTime = [4, 255, 255, 255, 255, 255, 7]
    doc.getMap(ROOTS.horizons).set('bob|1', Uint8Array.from(beforeTime))
    view.assert(await conversation.getParticipants())
    const [bob] = await conversation.getParticipants()
    expect(bob?.lastReadTimestamp?.getTime()).toBe(0)
    await client.close()
  })

  it('is not there: a membership that no key can name', async () => {
    const { client, conversation, doc } = await open()
    doc.getMap(ROOTS.participants).set('bob|1', [1, -5])
    expect(await conversation.getParticipantsCount()).toBe(0)
    await client.close()
  })
})

describe('a conversation can be opened', () => {
  it('over a document with anything under our names', async () => {
    await fc.assert(
      fc.asyncProperty(foreign, async update => {
        const doc = new Y.Doc()
        Y.applyUpdate(doc, update)
        const { client, conversation } = await open(doc)
        await assertAlive(conversation, doc)
        await client.close()
      }),
      runs(100),
    )
  }, 600_000)

  it('not over a document that uses our names for other types, and says so', async () => {
    for (const root of Object.values(ROOTS)) {
      const doc = new Y.Doc()
      doc.getArray(root)
      await expect(open(doc)).rejects.toMatchObject({ code: 'invalid-argument' })
    }
  })
})

/** So much that whatever grows with its square takes longer than a test may. */
describe('very much of something', () => {
  /** Merges what a stranger wrote, while the conversation is open and before it is. */
  async function merge(forge: (doc: Y.Doc) => void): Promise<void> {
    const stranger = new Y.Doc()
    stranger.transact(() => forge(stranger))
    await survive([Y.encodeStateAsUpdate(stranger)])
  }

  it('is read in time that grows with its size: records of one participant', async () => {
    await merge(doc => {
      for (let i = 0; i < 60_000; i++) {
        doc.getMap(ROOTS.participants).set(`bob|${i.toString(36)}`, [i, i, `{"k${i}":1}`])
      }
    })
  })

  it('is read in time that grows with its size: slots of one participant', async () => {
    await merge(doc => {
      for (let i = 0; i < 60_000; i++) {
        doc
          .getMap(ROOTS.horizons)
          .set(`alice|${i.toString(36)}`, Uint8Array.from([2 * (1 + (i % 50)), 1]))
      }
    })
  })

  it('is read in time that grows with its size: participants', async () => {
    await merge(doc => {
      for (let i = 0; i < 10_000; i++) {
        doc.getMap(ROOTS.participants).set(`p${i}|1`, [i, i])
        doc.getMap(ROOTS.fields).set(`created|${i.toString(36)}`, ['bob', i])
      }
    })
  })

  it('is read in time that grows with its size: attributes', async () => {
    await merge(doc => {
      for (let i = 0; i < 20_000; i++) {
        const element = JSON.stringify(['alice', INCARNATION, '.list', `#a${i.toString(36)}1`])
        expect(parseAttributeKey(element)).toBeDefined()
        doc.getMap(ROOTS.attributes).set(element, [i, 1])
        doc.getMap(ROOTS.attributes).set(JSON.stringify(['', 0, `.k${i}`]), [i, 1])
      }
    })
  })

  it('is read in time that grows with its size: epochs of a horizon', async () => {
    const forge = (first: number) => {
      const encoder = encoding.createEncoder()
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarUint(encoder, 20_000)
      for (let i = 0; i < 20_000; i++) {
        encoding.writeVarUint(encoder, first + 2 * i)
        encoding.writeVarUint(encoder, 1)
      }
      encoding.writeVarUint(encoder, 20_000)
      for (let i = 0; i < 20_000; i++) {
        for (const n of [first + 2 * i, 1, 8, 0]) encoding.writeVarUint(encoder, n)
      }
      const horizon = encoding.toUint8Array(encoder)
      expect(decodeHorizon(horizon)).toBeDefined()
      return horizon
    }
    await merge(doc => {
      doc.getMap(ROOTS.horizons).set('alice|1', forge(1))
      doc.getMap(ROOTS.horizons).set('alice|2', forge(2))
    })
  })

  it('deep is not read at all', async () => {
    let deep: unknown = 1
    for (let i = 0; i < 500; i++) deep = [deep]
    await merge(doc => {
      for (const root of Object.values(ROOTS)) {
        doc.getMap(root).set('friendlyName', [deep, 1])
        doc.getMap(root).set('bob|1', [1, 1, `${'['.repeat(5000)}${']'.repeat(5000)}`, deep])
        doc.getMap(root).set(JSON.stringify(['alice', INCARNATION, '.a']), [deep, 1])
        doc
          .getMap(root)
          .set(JSON.stringify(['alice', INCARNATION, ...new Array(500).fill('.a')]), [1, 1])
      }
    })
  })
})
