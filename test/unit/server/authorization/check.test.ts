import * as encoding from 'lib0/encoding'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { userSid } from '../../../../src/base/ids.ts'
import { Admitted } from '../../../../src/server/authorization/admitted.ts'
import { DEFAULT_VALUE_LIMITS } from '../../../../src/server/authorization/facts.ts'
import type { Grammar } from '../../../../src/server/authorization/grammar.ts'
import { pageGrammar } from '../../../../src/server/authorization/page-grammar.ts'
import { userGrammar } from '../../../../src/server/authorization/user-grammar.ts'
import { decodeUpdate } from '../../../../src/server/update-check.ts'
import { copyOf, Gate, NOW_MS, SERVER, SKEW_MS, updateOf } from './gate.ts'

/** Everybody writes everything under their own ids; `own` is where a key says whose it is. */
const anything: Grammar = {
  personalRoot: 'own',
  review: () => ({ changesStanding: false, write: () => undefined, erase: () => undefined }),
}

const ok = (...newWriters: number[]) => ({ kind: 'accepted', newWriters, changesStanding: false })
const foreign = (...writers: number[]) => ({
  kind: 'refused',
  code: 'foreign-writer',
  reason: expect.any(String),
  writers,
})

function setUp() {
  const gate = new Gate(anything)
  const doc = new Y.Doc()
  doc.clientID = 1
  const write = (value: unknown, of = doc) => updateOf(of, () => of.getMap('map').set('key', value))
  return { gate, doc, write }
}

describe('client ids', () => {
  it('belong to who writes under them first', () => {
    const { gate, write } = setUp()
    expect(gate.submit(write(1), 'alice')).toEqual(ok(1))
    expect(gate.submit(write(2), 'alice')).toEqual(ok())
    expect(gate.submit(write(3), 'bob')).toEqual(foreign(1))
    gate.apply()
    // What is there is no writing, whoever passes it on.
    expect(gate.submit(Y.encodeStateAsUpdate(gate.doc), 'bob')).toEqual(ok())
  })

  it('that were used before anybody was asked belong to nobody', () => {
    const { gate, write } = setUp()
    gate.admit(write(1))
    expect(gate.submit(write(2), 'alice')).toEqual(foreign(1))
    gate.apply()
    expect(gate.submit(write(3), 'alice')).toMatchObject({ code: 'foreign-writer' })
  })

  it('of the server are nobody else’s', () => {
    const { gate, doc, write } = setUp()
    doc.clientID = SERVER
    expect(gate.submit(write(1), 'alice')).toEqual(foreign(SERVER))
  })

  it('of others are told by the keys, and all of them', () => {
    const { gate, doc, write } = setUp()
    gate.claims.set(5, 'erin')
    for (const [id, key] of [
      [3, 'carol|3'],
      [4, 'bob|4'],
      [5, 'x'],
      [6, 'bob|3'],
    ] as const) {
      doc.clientID = id
      doc.getMap('own').set(key, 1)
    }
    write(1)
    const all = Y.encodeStateAsUpdate(doc)
    expect(gate.submit(all, 'bob')).toEqual(foreign(5, 3))
    expect([...gate.claims.keys()]).toEqual([SERVER, 5])
  })

  it('come with those that a refused deletion hits', () => {
    const { gate, doc, write } = setUp()
    gate.submit(write(1), 'alice')
    gate.apply()
    const relay = copyOf(gate.doc, 2)
    doc.clientID = 9
    gate.claims.set(9, 'alice')
    Y.applyUpdate(relay, write(2))
    const strict = {
      ...anything,
      review: () => ({
        ...anything.review({} as never),
        erase: () => ({ kind: 'refused', reason: '' }) as const,
      }),
    }
    const other = new Gate(strict)
    other.admit(Y.encodeStateAsUpdate(gate.doc))
    other.claims.set(1, 'alice').set(9, 'alice')
    expect(other.submit(Y.encodeStateAsUpdate(relay), 'bob')).toEqual(foreign(9, 1))
  })
})

describe('gaps', () => {
  it('are what an update rests on and the document lacks', () => {
    const { gate, doc, write } = setUp()
    const first = write(1)
    const second = write(2)
    expect(gate.check(second, 'alice')).toEqual({ kind: 'gap' })
    expect(gate.submit(first, 'alice')).toEqual(ok(1))
    expect(gate.submit(second, 'alice')).toEqual(ok())
    gate.apply()
    const sv = Y.encodeStateVector(doc)
    doc.clientID = 2
    const lost = write(3)
    doc.clientID = 3
    const rest = write(4)
    expect(gate.check(rest, 'alice'), 'an origin').toEqual({ kind: 'gap' })
    const remove = updateOf(doc, () => doc.getMap('map').delete('key'))
    expect(gate.check(remove, 'alice'), 'a deletion').toEqual({ kind: 'gap' })
    const skipping = Y.mergeUpdates([lost, write(5), write(6)].filter((_, i) => i !== 1))
    expect(gate.check(skipping, 'alice'), 'a skip').toEqual({ kind: 'gap' })
    expect(gate.submit(Y.encodeStateAsUpdate(doc, sv), 'alice')).toEqual(ok(3, 2))
    gate.apply()
    expect(gate.doc.getMap('map').toJSON()).toEqual({ key: 6 })
  })

  it('are found in what is known too, which Yjs looks at', () => {
    const { gate, write } = setUp()
    gate.submit(write(1), 'alice')
    gate.apply()
    // Client 1, clock 0, with an origin that nobody has: no news, but Yjs would wait for it.
    const update = new Uint8Array([1, 1, 1, 0, 0x88, 99, 5, 1, 125, 0, 0])
    expect(gate.check(update, 'bob')).toEqual({ kind: 'gap' })
    Y.applyUpdate(gate.doc, update)
    expect(gate.doc.store.pendingStructs).not.toBeNull()
  })

  it('are circles', () => {
    const { gate } = setUp()
    // 1:0 rests on 2:1, and 2:0 on 1:0.
    const update = new Uint8Array([
      2, 2, 2, 0, 0x88, 1, 0, 1, 125, 0, 0x88, 2, 0, 1, 125, 0, 1, 1, 0, 0x88, 2, 1, 1, 125, 0, 0,
    ])
    expect(gate.check(update, 'alice')).toEqual({ kind: 'gap' })
  })

  it('are long chains in no time, however they are tied', () => {
    const { gate } = setUp()
    const doc = new Y.Doc()
    for (let id = 1; id <= 300; id++) {
      doc.clientID = id % 2 ? 10_000 + id : 20_000 - id
      doc.getMap('map').set('key', id)
    }
    const verdict = gate.submit(Y.encodeStateAsUpdate(doc), 'alice')
    expect(verdict).toMatchObject({ kind: 'accepted' })
    gate.apply()
  })
})

describe('the rest of a struct', () => {
  it('goes where its beginning lies, and nowhere else', () => {
    const { gate, doc } = setUp()
    const list = doc.getArray('list')
    expect(
      gate.submit(
        updateOf(doc, () => list.push([1, 2])),
        'alice',
      ),
    ).toEqual(ok(1))
    doc.transact(() => list.push([3, 4]))
    expect(gate.submit(Y.encodeStateAsUpdate(doc), 'alice')).toEqual(ok())
    gate.apply()
    expect(gate.doc.getArray('list').toJSON()).toEqual([1, 2, 3, 4])
    const places: unknown[] = []
    const watch = new Gate({
      personalRoot: undefined,
      review: () => ({
        changesStanding: false,
        write: ({ place }) => void places.push(place?.root),
        erase: () => undefined,
      }),
    })
    watch.submit(Y.encodeStateAsUpdate(doc), 'alice')
    watch.apply()
    const forged = new Y.Doc()
    forged.clientID = 1
    forged.getArray('secret').push([1, 2, 3, 4, 5, 6])
    watch.check(Y.encodeStateAsUpdate(forged), 'alice')
    expect(places).toEqual(['list', '\0'])
  })
})

describe('what costs nothing, whatever it claims', () => {
  const bytes = (...parts: (number | { big: number })[]) =>
    encoding.encode(encoder => {
      for (const part of parts) {
        if (typeof part === 'number') encoding.writeUint8(encoder, part)
        else encoding.writeVarUint(encoder, part.big)
      }
    })
  const big = { big: 1e9 }

  it.each([
    ['structs', bytes(1, big, 1, 0, 8, 1, 1, 114, 1, 125, 0)],
    ['clients', bytes(big, 1, 1, 0, 8, 1, 1, 114, 1, 125, 0)],
    ['ranges', bytes(0, 1, 1, big, 0, 1)],
    ['clients of ranges', bytes(0, big, 1, 1, 0, 1)],
    ['values', bytes(1, 1, 1, 0, 8, 1, 1, 114, big, 125, 0)],
    ['members', bytes(1, 1, 1, 0, 8, 1, 1, 114, 1, 118, big)],
  ])('%s: not decoded', (_, update) => {
    expect(() => decodeUpdate(update)).toThrow()
  })

  it.each([
    ['garbage', bytes(1, 1, 1, 0, 0, big, 0)],
    ['deleted content', bytes(1, 1, 1, 0, 1, 1, 1, 114, big, 0)],
    ['a skip', bytes(1, 2, 1, 0, 10, big, 0, 1, 0)],
    ['a deletion', bytes(0, 1, 1, 1, 0, big)],
  ])('%s: read in one go', (_, update) => {
    const gate = new Gate(anything)
    expect(['accepted', 'gap']).toContain(gate.submit(update, 'alice').kind)
    gate.apply()
  })

  it('is refused where there are too many parts, or ranges that overlap', () => {
    const doc = new Y.Doc()
    for (let i = 0; i < 10; i++) doc.getMap('map').set(`key ${i}`, i)
    const update = Y.encodeStateAsUpdate(doc)
    expect(() => decodeUpdate(update, 9)).toThrow('10 parts; the limit is 9')
    expect(() => decodeUpdate(update, 10)).not.toThrow()
    expect(() => decodeUpdate(bytes(0, 1, 1, 2, 0, 5, 4, 5))).toThrow('unsound deletion')
    expect(() => decodeUpdate(bytes(0, 1, 1, 2, 4, 5, 0, 5))).toThrow('unsound deletion')
    expect(() => decodeUpdate(bytes(0, 1, 1, 2, 4, 5, 0, 4))).not.toThrow()
  })

  it('is refused where Yjs would apply other structs than it decodes', () => {
    const item = [8, 1, 1, 114, 1, 125, 0]
    const twice = bytes(2, 1, 1, 0, ...item, 1, 1, 1, ...item, 0)
    const empty = bytes(2, 1, 1, 0, ...item, 0, 1, 0, 0)
    const apart = bytes(3, 1, 1, 0, ...item, 1, 2, 0, ...item, 1, 1, 1, ...item, 0)
    for (const update of [twice, empty, apart]) {
      expect(() => Y.decodeUpdate(update)).not.toThrow()
      expect(() => decodeUpdate(update)).toThrow('unsound order')
    }
  })

  it('is a prototype, and nothing comes of it', () => {
    const { gate, write } = setUp()
    const value = JSON.parse('{"__proto__":{"polluted":true}}')
    gate.submit(write(value), 'alice')
    gate.apply()
    expect(({} as { polluted?: true }).polluted).toBeUndefined()
  })
})

describe('what is admitted', () => {
  it('counts before it is applied, with what it deletes', () => {
    const { gate, doc, write } = setUp()
    const erased: number[] = []
    const watch = new Gate({
      personalRoot: undefined,
      review: () => ({
        changesStanding: false,
        write: () => undefined,
        erase: ({ writer }) => void erased.push(writer),
      }),
    })
    for (const update of [write(1), write(2), write(3)]) watch.submit(update, 'alice')
    // Each replaces the one before, and who repeats all of it deletes nothing.
    expect(erased).toEqual([1, 1])
    expect(watch.submit(Y.encodeStateAsUpdate(doc), 'bob')).toEqual(ok())
    expect(erased).toEqual([1, 1])
    watch.apply()
    expect(gate.doc.store.clients.size).toBe(0)
  })

  it('is nothing where it rests on nothing', () => {
    const { doc, write } = setUp()
    write(1)
    const admitted = new Admitted(new Y.Doc())
    admitted.add(decodeUpdate(write(2)))
    expect(admitted.clockOf(doc.clientID)).toBe(0)
  })
})

describe('pages', () => {
  it('are the server’s', () => {
    const gate = new Gate(pageGrammar)
    const doc = new Y.Doc()
    doc.clientID = SERVER
    gate.admit(updateOf(doc, () => doc.getArray('log').push([1, 2])))
    gate.apply()
    const refused = { kind: 'refused', reason: 'only the server writes the log' }
    const copy = copyOf(gate.doc, 3)
    expect(gate.check(Y.encodeStateAsUpdate(copy), 'alice')).toEqual(ok())
    const push = updateOf(copy, () => copy.getArray('log').push([3]))
    expect(gate.check(push, 'alice')).toMatchObject(refused)
    const clear = copyOf(gate.doc, 3)
    const deletion = updateOf(clear, () => clear.getArray('log').delete(0))
    expect(gate.check(deletion, 'alice')).toMatchObject({ ...refused, writers: [SERVER] })
  })
})

describe('a user’s document', () => {
  const facts = {
    newestTime: 0,
    nowMs: NOW_MS,
    maxClockSkewMs: SKEW_MS,
    limits: DEFAULT_VALUE_LIMITS,
  }
  const write = (root: string, key: string, value: unknown) => {
    const doc = new Y.Doc()
    doc.clientID = 1
    return updateOf(doc, () => doc.getMap(root).set(key, value))
  }

  it('is theirs, and has a name and attributes', () => {
    const gate = new Gate(userGrammar(userSid('alice'), facts))
    for (const update of [
      write('fields', 'created|1', ['alice', NOW_MS]),
      write('fields', 'format|1', true),
      write('fields', 'friendlyName', ['Alice', NOW_MS]),
      write('attributes', '["",0,".a"]', [1, NOW_MS]),
    ]) {
      expect(gate.check(update, 'alice')).toEqual(ok(1))
      expect(gate.check(update, 'bob')).toMatchObject({ reason: 'the user is not bob' })
    }
    for (const update of [
      write('attributes', '["alice",0,".a"]', [1, NOW_MS]),
      write('participants', 'alice|1', [NOW_MS, 1]),
      write('fields', 'friendlyName', [1, NOW_MS]),
      write('fields', 'created|1', ['bob', NOW_MS]),
      write('other', 'x', 1),
    ]) {
      expect(gate.check(update, 'alice')).toMatchObject({ kind: 'refused', code: 'forbidden' })
    }
  })
})
