import { beforeEach, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { attributeKey } from '../../../../src/schema/attribute-map.ts'
import { ConversationDocument } from '../../../../src/schema/conversation-document.ts'
import { ROOTS, slotKey } from '../../../../src/schema/format.ts'
import { UNREAD } from '../../../../src/schema/horizon.ts'
import { encodeHorizon } from '../../../../src/schema/horizon-codec.ts'
import type { ParticipantEntry } from '../../../../src/schema/participant-entry.ts'
import {
  DEFAULT_PERMISSIONS,
  PERMISSIONS,
  type Permission,
} from '../../../../src/schema/permissions.ts'
import { ConversationGate, copyOf, NOW_MS, SKEW_MS, updateOf } from './gate.ts'
import { putTogether, takeApart } from './surgery.ts'

/** The devices of those who are there: alice, who created it, and bob and carol. */
const WRITERS: Record<string, number> = { alice: 1001, bob: 1002, carol: 1003, dave: 1004 }
const INCARNATION: Record<string, number> = { alice: 1, bob: 2, carol: 3, dave: 4 }

let gate: ConversationGate
/** What the server has. */
let base: Y.Doc
let writers: number

function begin(member: readonly Permission[] = [], guest: readonly Permission[] = []): void {
  gate = new ConversationGate({
    ...DEFAULT_PERMISSIONS,
    member: ['read', 'sendMessage', ...member],
    guest,
    muted: ['read'],
  })
  base = gate.doc
  const doc = new Y.Doc()
  doc.clientID = WRITERS.alice as number
  const document = follow(doc)
  gate.submit(
    updateOf(doc, () => {
      document.create({ createdBy: 'alice', dateCreated: NOW_MS, uniqueName: 'room' })
      for (const key of ['alice', 'bob', 'carol']) {
        document.addParticipant(key, { a: 1 }, undefined, NOW_MS, INCARNATION[key] as number)
      }
    }),
    'alice',
  )
  gate.apply()
}

beforeEach(() => {
  writers = 5000
  begin()
})

function follow(doc: Y.Doc): ConversationDocument {
  const document = new ConversationDocument(doc, () => {})
  document.start()
  return document
}

/** What somebody does on a device of theirs that has all the server has. */
function act(
  who: string,
  write: (document: ConversationDocument, me: ParticipantEntry, doc: Y.Doc) => unknown,
  writer = WRITERS[who] ?? ++writers,
): Uint8Array {
  const doc = copyOf(base, writer)
  const document = follow(doc)
  return updateOf(doc, () => write(document, document.entry(who), doc))
}

/** A value put where the library would not put it. */
const put = (who: string, root: string, key: string, value: unknown, writer?: number) =>
  act(who, (_, _me, doc) => doc.getMap(root).set(key, value), writer)
const remove = (who: string, root: string, key: string) =>
  act(who, (_, _me, doc) => doc.getMap(root).delete(key))

const submit = (update: Uint8Array, author: string) => {
  const verdict = gate.submit(update, author)
  gate.apply()
  return verdict
}
const ok = { kind: 'accepted' }
const no = (reason: string | RegExp = /./) => ({
  kind: 'refused',
  code: 'forbidden',
  reason: expect.stringMatching(reason),
})

describe('creating', () => {
  const create = (who: string, dateCreated: number, writer = ++writers) => {
    const doc = new Y.Doc()
    doc.clientID = writer
    const document = follow(doc)
    return updateOf(doc, () => {
      document.create({ createdBy: who, dateCreated, uniqueName: null })
      document.addParticipant(who, undefined, undefined, NOW_MS, 77)
      document.setAttributes({ topic: 'x' }, NOW_MS)
      document.setRole(document.entry(who), 'admin', NOW_MS)
    })
  }

  it('is for anybody where nobody has, with all that goes with it', () => {
    gate = new ConversationGate()
    expect(gate.submit(create('erin', NOW_MS, 4001), 'erin')).toEqual({
      kind: 'accepted',
      newWriters: [4001],
      changesStanding: true,
    })
    expect(gate.facts.creator).toBe('erin')
  })

  it('is not done in the name of another, or of another device', () => {
    gate = new ConversationGate()
    expect(submit(create('erin', NOW_MS), 'fred')).toMatchObject(no('name of another'))
    const doc = new Y.Doc()
    const update = updateOf(doc, () => doc.getMap('fields').set('created|1', ['fred', NOW_MS]))
    expect(submit(update, 'fred')).toMatchObject(no('another device'))
  })

  it('waits for a creation that has not come', () => {
    gate = new ConversationGate()
    base = gate.doc
    const update = act('bob', (document, me) =>
      document.addParticipant(me.key, undefined, undefined, NOW_MS, 1),
    )
    expect(gate.check(update, 'bob')).toMatchObject({ kind: 'waiting' })
  })

  it('is done again by participants only where it shows nothing', () => {
    const creation = (who: string, time: number) =>
      put(who, ROOTS.fields, slotKey('created', WRITERS[who] as number), [who, time])
    expect(submit(creation('bob', NOW_MS - 1), 'bob')).toMatchObject(no('alice did'))
    expect(submit(creation('bob', NOW_MS + 1), 'bob')).toMatchObject(ok)
    const second = put('alice', ROOTS.fields, slotKey('created', 4002), ['alice', 1], 4002)
    expect(submit(second, 'alice')).toMatchObject(ok)
    expect(submit(creation('dave', NOW_MS + 1), 'dave')).toMatchObject(no('no participant'))
  })

  it('is done again by anybody where everybody may join', () => {
    begin([], ['join'])
    const update = act('dave', (document, me) => {
      document.create({ createdBy: 'dave', dateCreated: 1, uniqueName: null })
      document.addParticipant(me.key, undefined, undefined, NOW_MS, 4)
    })
    expect(submit(update, 'dave')).toMatchObject(ok)
    expect(gate.facts.creator).toBe('alice')
  })

  it('stays', () => {
    const key = slotKey('created', WRITERS.alice as number)
    expect(submit(remove('alice', ROOTS.fields, key), 'alice')).toMatchObject(no())
  })
})

describe('names and attributes of the conversation', () => {
  const name = (who: string, text: string) =>
    act(who, document => document.whole.setField('friendlyName', text, NOW_MS))
  const topic = (who: string) => act(who, document => document.setAttributes({ b: 1 }, NOW_MS))

  it('are for those who may edit it', () => {
    for (const write of [name('bob', 'x'), topic('bob')]) {
      expect(submit(write, 'bob')).toMatchObject(no('may not change'))
    }
    begin(['editConversation'])
    expect(submit(name('bob', 'x'), 'bob')).toMatchObject({ ...ok, changesStanding: false })
    expect(submit(topic('bob'), 'bob')).toMatchObject(ok)
    expect(submit(name('dave', 'z'), 'dave')).toMatchObject(no())
    expect(submit(name('alice', 'y'), 'alice')).toMatchObject(ok)
  })

  it('have the forms and sizes that there are', () => {
    const field = (key: string, value: unknown) =>
      submit(put('alice', 'fields', key, value), 'alice')
    expect(field('friendlyName', ['x'.repeat(257), NOW_MS])).toMatchObject(no('too long'))
    expect(field('friendlyName', ['x'])).toMatchObject(no('a time is a number'))
    expect(field('friendlyName', ['x', NOW_MS, 1])).toMatchObject(no())
    expect(field('friendlyName', 'x')).toMatchObject(no())
    expect(field('other', ['x', NOW_MS])).toMatchObject(no('cannot be changed'))
    expect(field('format|2', true)).toMatchObject(no('cannot be changed'))
    expect(field('format|1', 1)).toMatchObject(no('only be true'))
    expect(field('format|1', true)).toMatchObject(ok)
    expect(submit(put('dave', 'fields', 'format|1', true), 'dave')).toMatchObject(no())
  })
})

describe('adding', () => {
  const add = (who: string, key: string, incarnation = 9, writer?: number) =>
    act(
      who,
      document => document.addParticipant(key, undefined, undefined, NOW_MS, incarnation),
      writer,
    )

  it('others, on chat and off it, is for those who may', () => {
    const keys = ['dave', '@sms:+1', '@@x|y']
    for (const key of keys) {
      expect(submit(add('bob', key), 'bob')).toMatchObject(no('may not add'))
      expect(submit(add('alice', key), 'alice')).toMatchObject({ ...ok, changesStanding: true })
    }
    begin(['addParticipant'])
    expect(submit(add('bob', 'dave'), 'bob')).toMatchObject(ok)
  })

  it('oneself is for who may join, or is there', () => {
    expect(submit(add('dave', 'dave'), 'dave')).toMatchObject(no('may not add "dave"'))
    expect(submit(add('bob', 'bob', 9, 4002), 'bob')).toMatchObject({ ...ok, newWriters: [4002] })
    begin([], ['join'])
    expect(submit(add('dave', 'dave'), 'dave')).toMatchObject(ok)
    expect(submit(add('dave', 'erin'), 'dave')).toMatchObject(no())
  })

  it('that was taken back is nothing, also where nothing is thrown away', () => {
    const doc = new Y.Doc({ gc: false })
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(base))
    doc.clientID = 4004
    const document = follow(doc)
    document.addParticipant('dave', { d: 1 }, undefined, NOW_MS, 4)
    document.removeParticipant(document.entry('dave'))
    const update = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(base))
    expect(submit(update, 'dave')).toMatchObject(ok)
    expect(gate.document.entry('dave').isPresent).toBe(false)
  })

  it('is not how to shed a role that allows less than none', () => {
    const role = act('alice', document => document.setRole(document.entry('bob'), 'muted', NOW_MS))
    expect(submit(role, 'alice')).toMatchObject(ok)
    expect(submit(add('bob', 'bob', 9, 4002), 'bob')).toMatchObject(no('may not add'))
    // To leave is not to come back.
    const leave = act('bob', (document, me) => document.removeParticipant(me))
    expect(submit(leave, 'bob')).toMatchObject(ok)
    expect(submit(add('bob', 'bob'), 'bob')).toMatchObject(no('may not add'))
  })

  it('is not how to take over a role that was left behind', () => {
    begin([], ['join'])
    const key = slotKey('dave', 4)
    expect(submit(put('alice', ROOTS.roles, key, ['admin', NOW_MS]), 'alice')).toMatchObject(ok)
    expect(submit(add('dave', 'dave', 4), 'dave')).toMatchObject(no('take over the role'))
    expect(submit(add('dave', 'dave', 5), 'dave')).toMatchObject(ok)
  })

  it('has the forms and sizes that there are', () => {
    const record = (value: unknown, key = slotKey('dave', WRITERS.alice as number)) =>
      submit(put('alice', ROOTS.participants, key, value), 'alice')
    expect(record([NOW_MS, -1])).toMatchObject(no('no participant'))
    expect(record([NOW_MS, 1, 'x'.repeat(65_537)])).toMatchObject(no('too large'))
    expect(record([NOW_MS, 1, '\u20ac'.repeat(30_000)])).toMatchObject(no('too large'))
    expect(record([NOW_MS, 1, { a: 1 }])).toMatchObject(no())
    expect(record([NOW_MS, 1, '{}', { address: [[]] }])).toMatchObject(no())
    expect(record([NOW_MS, 1, '{}', { address: '+1' }, 0])).toMatchObject(no())
    expect(record([NOW_MS, 1], 'dave|zz')).toMatchObject(no('names no participant'))
    expect(record([NOW_MS, 1], 'dave')).toMatchObject(no('names no participant'))
    expect(record([NOW_MS, 1], slotKey('@x', WRITERS.alice as number))).toMatchObject(no())
    expect(record([NOW_MS, 1, '{}', { address: '+1' }])).toMatchObject(ok)
  })
})

describe('removing', () => {
  const leave = (who: string, whom: string) =>
    act(who, document => document.removeParticipant(document.entry(whom)))
  const setUp = () => {
    const update = act('alice', document => {
      for (const who of ['bob', 'carol']) {
        document.setRole(document.entry(who), 'r', NOW_MS)
        document.setParticipantAttributes(document.entry(who), { b: 1 }, NOW_MS)
      }
    })
    expect(submit(update, 'alice')).toMatchObject(ok)
  }

  it('oneself is for everybody, with the role and the attributes', () => {
    setUp()
    expect(submit(leave('bob', 'bob'), 'bob')).toMatchObject({ ...ok, changesStanding: true })
    expect(gate.document.entry('bob').isPresent).toBe(false)
  })

  it('others is for those who may, who need not be allowed to change them', () => {
    setUp()
    expect(submit(leave('bob', 'carol'), 'bob')).toEqual({
      ...no('may not remove'),
      writers: [WRITERS.alice],
    })
    begin(['removeParticipant'])
    setUp()
    const clear = act('bob', (_, _me, doc) => {
      for (const key of doc.getMap(ROOTS.attributes).keys()) doc.getMap('attributes').delete(key)
    })
    expect(submit(clear, 'bob')).toMatchObject(no('attributes of "carol"'))
    expect(submit(remove('bob', ROOTS.roles, slotKey('carol', 3)), 'bob')).toMatchObject(no())
    expect(submit(leave('bob', 'carol'), 'bob')).toMatchObject(ok)
  })

  it('takes the rest of somebody whom another has removed meanwhile, and added again', () => {
    begin(['removeParticipant'])
    setUp()
    const late = leave('bob', 'carol')
    const bare = act('alice', (_, _me, doc) =>
      doc.getMap('participants').delete(slotKey('carol', WRITERS.alice as number)),
    )
    expect(submit(bare, 'alice')).toMatchObject(ok)
    const again = act('alice', document =>
      document.addParticipant('carol', undefined, undefined, NOW_MS, 33),
    )
    expect(submit(again, 'alice')).toMatchObject(ok)
    expect(submit(late, 'bob')).toMatchObject(ok)
    expect(gate.document.entry('carol').isPresent).toBe(true)
  })

  it('is not replacing a record, for who may only add', () => {
    begin(['addParticipant'])
    const key = slotKey('dave', WRITERS.bob as number)
    const write = (incarnation: number) =>
      put('bob', ROOTS.participants, key, [NOW_MS, incarnation])
    expect(submit(write(1), 'bob')).toMatchObject(ok)
    expect(submit(write(2), 'bob')).toMatchObject(no('may not remove'))
  })

  it('leaves a stranger nothing to write', () => {
    const late = act('bob', (document, me) =>
      document.setParticipantAttributes(me, { b: 1 }, NOW_MS),
    )
    expect(submit(leave('alice', 'bob'), 'alice')).toMatchObject(ok)
    expect(submit(late, 'bob')).toMatchObject(no('no participant'))
  })
})

describe('roles', () => {
  const role = (who: string, whom: string, sid: string) =>
    act(who, document => document.setRole(document.entry(whom), sid, NOW_MS))

  it('are for those who may change them, and admins for admins', () => {
    expect(submit(role('bob', 'bob', 'r'), 'bob')).toMatchObject(no('may not change the role'))
    begin(['changeRole'])
    expect(submit(role('bob', 'bob', 'r'), 'bob')).toMatchObject({ ...ok, changesStanding: true })
    expect(submit(role('bob', 'carol', 'admin'), 'bob')).toMatchObject(no('name admins'))
    expect(submit(role('alice', 'bob', 'admin'), 'alice')).toMatchObject(ok)
    expect(submit(role('bob', 'carol', 'admin'), 'bob')).toMatchObject(ok)
  })

  it('are not deleted by who stays', () => {
    expect(submit(role('alice', 'bob', 'muted'), 'alice')).toMatchObject(ok)
    expect(submit(remove('bob', ROOTS.roles, slotKey('bob', 2)), 'bob')).toMatchObject(no())
    // Nor with garbage in place of the record, which would lose against it.
    const pretend = act('bob', (_, _me, doc) => {
      const key = slotKey('bob', WRITERS.bob as number)
      doc.getMap('participants').set(key, [NOW_MS, 2])
      doc.getMap('participants').delete(key)
      doc.getMap('roles').delete(slotKey('bob', 2))
    })
    expect(submit(pretend, 'bob')).toMatchObject(no('may not change the role'))
  })

  it('have the form that there is', () => {
    const put1 = (value: unknown) => submit(put('alice', 'roles', 'bob|2', value), 'alice')
    expect(put1(['x'.repeat(257), NOW_MS])).toMatchObject(no('no role'))
    expect(put1([1, NOW_MS])).toMatchObject(no('no role'))
    expect(submit(put('alice', 'roles', 'bob|02', ['r', NOW_MS]), 'alice')).toMatchObject(no())
    expect(put1(['', NOW_MS])).toMatchObject(ok)
  })
})

describe('attributes of participants', () => {
  const set = (who: string, whom: string) =>
    act(who, document => document.setParticipantAttributes(document.entry(whom), { z: 1 }, NOW_MS))

  it('are their own, or for those who may', () => {
    expect(submit(set('bob', 'bob'), 'bob')).toMatchObject({ ...ok, changesStanding: false })
    expect(submit(set('bob', 'carol'), 'bob')).toMatchObject(no('attributes of "carol"'))
    expect(submit(set('alice', 'carol'), 'alice')).toMatchObject(ok)
    begin(['editParticipant'])
    expect(submit(set('bob', 'carol'), 'bob')).toMatchObject(ok)
  })

  it('are not those of whose identity begins alike', () => {
    for (const entity of ['bob|', 'bobby', 'Bob', '@bob', 'bob|2', 'bob\u0000']) {
      const update = put('bob', 'attributes', attributeKey(entity, 2, ['.a']), [1, NOW_MS])
      expect(submit(update, 'bob'), entity).toMatchObject(no())
    }
    const spaced = '["bob", 2, ".a"]'
    expect(submit(put('bob', 'attributes', spaced, [1, NOW_MS]), 'bob')).toMatchObject(no())
  })

  it('have the forms and sizes that there are', () => {
    const value = (stored: unknown) =>
      submit(put('bob', 'attributes', attributeKey('bob', 2, ['.a']), stored), 'bob')
    expect(value(['x'.repeat(65_537), NOW_MS])).toMatchObject(no('too large'))
    expect(value([{ a: 1 }, NOW_MS])).toMatchObject(no())
    expect(value([1, 'x'])).toMatchObject(no())
    expect(value([1, NOW_MS, [[[[]]]]])).toMatchObject(no())
    expect(value(new Uint8Array(1))).toMatchObject(no())
    expect(value(new Y.Map())).toMatchObject(no())
    expect(value([undefined, NOW_MS])).toMatchObject(ok)
  })

  it('are not spoilt in advance', () => {
    // Garbage that a later write of carol's would lose against.
    const key = attributeKey('carol', 3, ['.new'])
    const garbage = act('bob', (_, _me, doc) => {
      doc.getMap('attributes').set(key, [1, NOW_MS])
      doc.getMap('attributes').delete(key)
    })
    expect(submit(garbage, 'bob')).toMatchObject(no('attributes of "carol"'))
  })
})

describe('horizons', () => {
  const read = (who: string, whom: string, index: number, writer?: number) =>
    act(
      who,
      document => {
        const entry = document.entry(whom)
        document.advanceHorizon(entry, { index }, NOW_MS)
        document.writeHorizon(entry)
      },
      writer,
    )

  it('are written by their own devices', () => {
    expect(submit(read('bob', 'bob', 3), 'bob')).toMatchObject({ ...ok, changesStanding: false })
    expect(submit(read('bob', 'bob', 4, 4003), 'bob')).toMatchObject({ ...ok, newWriters: [4003] })
    expect(submit(read('alice', 'bob', 3), 'alice')).toMatchObject(no('that participant only'))
    const key = slotKey('bob', 4003)
    const bytes = encodeHorizon(UNREAD)
    expect(submit(put('bob', 'horizons', key, bytes), 'bob')).toMatchObject(no('that device'))
    expect(submit(remove('bob', 'horizons', key), 'bob')).toMatchObject(ok)
  })

  it('are nobody else’s to delete', () => {
    expect(submit(read('bob', 'bob', 3), 'bob')).toMatchObject(ok)
    const key = slotKey('bob', WRITERS.bob as number)
    expect(submit(remove('alice', 'horizons', key), 'alice')).toEqual({
      ...no('not the author'),
      writers: [WRITERS.bob],
    })
  })

  it('are bytes of the form that there is', () => {
    const key = slotKey('bob', WRITERS.bob as number)
    const write = (value: unknown) => submit(put('bob', 'horizons', key, value), 'bob')
    expect(write(new Uint8Array([0]))).toMatchObject(no('no horizon'))
    expect(write(new Uint8Array(70_000).fill(0, 1).fill(3, 0, 1))).toMatchObject(no('no horizon'))
    expect(write([1, NOW_MS])).toMatchObject(no('no horizon'))
  })

  it('wait for the messages that they are said to cover', () => {
    gate.facts.messageCount = 3
    expect(submit(read('bob', 'bob', 2), 'bob')).toMatchObject(ok)
    expect(submit(read('bob', 'bob', 3), 'bob')).toMatchObject({ kind: 'waiting' })
    gate.facts.messageCount = 0
    expect(submit(read('bob', 'bob', 3), 'bob')).toMatchObject(ok)
  })
})

describe('times', () => {
  it('are as far ahead as clocks may be, or next to the newest', () => {
    const at = (time: number) =>
      submit(put('bob', 'attributes', attributeKey('bob', 2, ['.a']), [time, time]), 'bob')
    expect(at(NOW_MS + SKEW_MS + 60_000)).toMatchObject(no('360 s ahead'))
    expect(at(NOW_MS + SKEW_MS)).toMatchObject(ok)
    expect(at(NOW_MS + SKEW_MS + 1)).toMatchObject(ok)
    expect(at(NOW_MS + SKEW_MS + 1002)).toMatchObject(no('ahead'))
    expect(at(Number.NaN)).toMatchObject(no())
    expect(at(-1e15)).toMatchObject(ok)
  })
})

describe('values of any kind', () => {
  const deep = (depth: number) => {
    let value: unknown = 1
    for (let i = 0; i < depth; i++) value = [value]
    return value
  }

  it('are refused in every place, and never thrown at', () => {
    const odd = [deep(2000), JSON.parse('{"__proto__":null}'), 1n, null, undefined]
    const keys: [root: string, key: string][] = [
      ['fields', 'friendlyName'],
      ['fields', 'format|1'],
      ['fields', slotKey('created', 4004)],
      ['participants', slotKey('alice', 4004)],
      ['roles', 'alice|1'],
      ['attributes', attributeKey('alice', 1, ['.a'])],
      ['horizons', slotKey('alice', 4004)],
    ]
    for (const [root, key] of keys) {
      for (const one of odd) {
        for (const value of [[one, NOW_MS], ['x', one], [NOW_MS, 1, '{}', one], [one], one]) {
          const doc = new Y.Doc()
          doc.clientID = 4004
          // By hand, as Yjs does not take all of them.
          const update = updateOf(doc, () => doc.getMap(root).set(key, 1))
          const anatomy = takeApart(update)
          const item = anatomy.sections[0]?.structs[0] as Y.Item
          item.content = new Y.ContentAny([value])
          expect(() => gate.check(putTogether(anatomy), 'alice')).not.toThrow()
        }
      }
    }
  })
})

describe('other places', () => {
  it('are nobody’s', () => {
    const array = act('alice', (_, _me, doc) => doc.getArray('other').push([1]))
    expect(submit(array, 'alice')).toMatchObject(no('nothing is to lie'))
    expect(submit(put('alice', 'other', 'key', 1), 'alice')).toMatchObject(no('"other"'))
    expect(base.share.has('other')).toBe(false)
    const list = act('alice', (_, _me, doc) => {
      const nested = new Y.Array()
      doc.getMap('fields').set('friendlyName', nested)
      nested.push([1])
    })
    expect(submit(list, 'alice')).toMatchObject(no())
  })

  it('are what lies between two keys: the left one is written', () => {
    const keys = [attributeKey('carol', 3, ['.a']), attributeKey('bob', 2, ['.a'])] as const
    const setUp = act('alice', (_, _me, doc) => {
      for (const key of keys) doc.getMap('attributes').set(key, [1, NOW_MS])
    })
    expect(submit(setUp, 'alice')).toMatchObject(ok)
    const [carols, bobs] = keys.map(key => base.getMap('attributes')._map.get(key)?.id)
    const anatomy = takeApart(put('bob', 'attributes', keys[1], [2, NOW_MS]))
    const item = anatomy.sections[0]?.structs[0] as Y.Item
    item.origin = carols as Y.ID
    item.rightOrigin = bobs as Y.ID
    expect(submit(putTogether({ ...anatomy, deletions: [] }), 'bob')).toMatchObject(no())
    item.origin = bobs as Y.ID
    item.rightOrigin = carols as Y.ID
    expect(submit(putTogether({ ...anatomy, deletions: [] }), 'bob')).toMatchObject(no())
  })

  it('are named by nobody without identity', () => {
    expect(gate.check(put('alice', 'fields', 'friendlyName', ['', 1]), '')).toMatchObject(no())
  })

  it('give a creator everything', () => {
    expect(PERMISSIONS.length).toBeGreaterThan(0)
    const update = act('alice', document => {
      document.setParticipantAttributes(document.entry('bob'), { x: 1 }, NOW_MS)
      document.removeParticipant(document.entry('carol'))
    })
    expect(submit(update, 'alice')).toMatchObject(ok)
  })
})
