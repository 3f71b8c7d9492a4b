import * as encoding from 'lib0/encoding'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { userSid } from '../../../../src/base/ids.ts'
import { encodeHorizon } from '../../../../src/schema/horizon-codec.ts'
import { syncMessage, until } from '../support/clients.ts'
import { signToken } from '../support/tokens.ts'
import { dial, fetchRoom, openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
}, 60_000)
afterAll(() => world.close())

const now = Date.now()
const base36 = (n: number) => n.toString(36)
const key = (owner: string, n: number) => `${owner}|${base36(n)}`
const readUpTo = (index: number, time = now) =>
  encodeHorizon({ live: [{ writer: 0, n: 0, index }], seen: new Map(), time })

/** Of which client ids somebody wrote in a document. */
const writersOf = (doc: Y.Doc) => [...Y.decodeStateVector(Y.encodeStateVector(doc)).keys()]

/** The writer of a map's key that begins with somebody's name. */
function writerIn(doc: Y.Doc, root: string, owner: string): number {
  const slot = [...doc.getMap(root).keys()].find(one => one.startsWith(`${owner}|`)) as string
  return Number.parseInt(slot.slice(owner.length + 1), 36)
}

interface Attack {
  /** What is done to a copy of the document, under a client id of the attacker's own. */
  forge?: (doc: Y.Doc) => void
  /** Or the very bytes. */
  bytes?: (doc: Y.Doc) => Uint8Array
  /** Part of the reason. */
  reason?: RegExp
  code?: number
}

/** @param part of the conversation: nothing, `/o` or `/m/0` */
function attacks(part: string, all: Record<string, Attack>): void {
  for (const [name, { forge, bytes, reason = /./, code = 4403 }] of Object.entries(all)) {
    for (const [way, type] of [
      ['an update', 2],
      ['sync step 2', 1],
    ] as const) {
      it(`${name}, as ${way}`, async () => {
        const room = `${world.sid}${part}`
        const doc = await fetchRoom(world.url, room, 'mallory')
        doc.clientID = 4_000_000_000 + Math.floor(Math.random() * 200_000_000)
        const before = await world.read()
        const attacker = await dial(world.url, room, await signToken({ sub: 'mallory' }))
        let update = bytes?.(doc)
        if (forge) {
          const vector = Y.encodeStateVector(doc)
          doc.transact(() => forge(doc))
          update = Y.encodeStateAsUpdate(doc, vector)
        }
        attacker.send(syncMessage(type, update as Uint8Array))
        const end = await attacker.closed
        expect(end.code).toBe(code)
        expect(end.reason).toMatch(reason)
        expect(await world.read()).toEqual(before)
        await world.goesOn()
      })
    }
  }
}

const set =
  (root: string, at: string, value: unknown | (() => unknown)) =>
  (doc: Y.Doc): void => {
    doc.getMap(root).set(at, typeof value === 'function' ? value() : value)
  }

const erase = (root: string, prefix: string) => (doc: Y.Doc) => {
  const map = doc.getMap(root)
  for (const one of [...map.keys()]) if (one.startsWith(prefix)) map.delete(one)
}

/** As somebody else's device would write it, from where that has come to. */
const as = (owner: string, root: string, write: (doc: Y.Doc) => void) => (doc: Y.Doc) => {
  doc.clientID = writerIn(doc, root, owner)
  write(doc)
}

describe('in the document of the conversation', () => {
  attacks('', {
    'a horizon of somebody else': {
      forge: doc => set('horizons', key('bob', doc.clientID), readUpTo(0))(doc),
      reason: /horizon|write under/,
    },
    'the horizon that somebody else has written': {
      forge: doc => set('horizons', key('bob', writerIn(doc, 'horizons', 'bob')), readUpTo(0))(doc),
    },
    'under the client id of somebody else': {
      forge: as('bob', 'horizons', doc =>
        set('horizons', key('bob', doc.clientID), readUpTo(0))(doc),
      ),
      reason: /write under/,
    },
    'own attributes under the client id of somebody else': {
      forge: as('bob', 'horizons', doc =>
        set('horizons', key('mallory', doc.clientID), readUpTo(0))(doc),
      ),
      reason: /write under/,
    },
    'no horizon but bytes': {
      forge: doc => set('horizons', key('mallory', doc.clientID), new Uint8Array([255, 255]))(doc),
    },
    'a horizon that is beyond all messages': {
      forge: doc => set('horizons', key('mallory', doc.clientID), readUpTo(10 ** 9))(doc),
      reason: /beyond/,
    },
    'a horizon of the future': {
      forge: doc => set('horizons', key('mallory', doc.clientID), readUpTo(0, now + 1e11))(doc),
      reason: /clock/,
    },
    'the end of a horizon of somebody else': { forge: erase('horizons', 'bob|') },
    'attributes of somebody else': {
      forge: set('attributes', JSON.stringify(['bob', 0, '.mood']), ['sad', now]),
    },
    'attributes of the conversation': {
      forge: set('attributes', JSON.stringify(['', 0, '.topic']), ['mine', now]),
    },
    'the end of attributes of somebody else': { forge: erase('attributes', '["bob"') },
    'no attribute': { forge: set('attributes', 'mallory', ['x', now]) },
    'the name of the conversation': { forge: set('fields', 'friendlyName', ['Mine', now]) },
    'its unique name': { forge: set('fields', 'uniqueName', ['mine', now]) },
    'its creation by somebody else': {
      forge: doc => set('fields', key('created', doc.clientID), ['alice', 1])(doc),
    },
    'its creation, earlier': {
      forge: doc => set('fields', key('created', doc.clientID), ['mallory', 1])(doc),
    },
    'another format': { forge: set('fields', 'format|99', true) },
    'the end of its name': { forge: erase('fields', 'friendlyName') },
    'the end of its creation': { forge: erase('fields', 'created') },
    'a role of their own': {
      forge: doc => {
        const record = [...doc.getMap('participants')].find(([one]) => one.startsWith('mallory|'))
        const [, [, incarnation]] = record as [string, [number, number]]
        set('roles', key('mallory', incarnation), ['admin', now])(doc)
      },
    },
    'a role of somebody else': { forge: set('roles', 'bob|0', ['member', now]) },
    'another participant': {
      forge: doc => set('participants', key('eve', doc.clientID), [now, 1])(doc),
      reason: /add/,
    },
    'another participant by telephone': {
      forge: doc => set('participants', key('@sms:+1', doc.clientID), [now, 1])(doc),
    },
    'somebody else once more': {
      forge: doc => set('participants', key('bob', doc.clientID), [now, 1])(doc),
    },
    'a participant under a name that looks like another': {
      forge: doc => set('participants', `bob|x|${base36(doc.clientID)}`, [now, 1])(doc),
    },
    'a key whose number is not how it is written': {
      forge: doc => set('participants', `mallory|0${base36(doc.clientID)}`, [now, 1])(doc),
    },
    'the end of a participant': { forge: erase('participants', 'bob|'), reason: /remove/ },
    'the end of who created it': { forge: erase('participants', 'alice|'), reason: /remove/ },
    'attributes that are too large': {
      forge: set('attributes', JSON.stringify(['mallory', 0, '.x']), ['x'.repeat(70_000), now]),
    },
    'a root map that there is not': { forge: set('unknown', 'x', 1) },
    'a root array that there is not': { forge: doc => doc.getArray('list').push([1]) },
    'a root text': { forge: doc => doc.getText('text').insert(0, 'x') },
    'a list in a root map': { forge: doc => doc.getArray('horizons').push([1]) },
    'a nested map': { forge: set('attributes', '["mallory",0,".x"]', () => new Y.Map()) },
    'a nested text': { forge: set('participants', 'mallory|1', () => new Y.Text('x')) },
    'a nested XML fragment': { forge: set('horizons', 'mallory|1', () => new Y.XmlFragment()) },
    'a document in the document': {
      forge: set('attributes', '["mallory",0,".x"]', () => new Y.Doc()),
    },
    'keys of objects that are not for use': { forge: set('__proto__', '__proto__', { x: 1 }) },
    'values that are no JSON': {
      forge: set('attributes', JSON.stringify(['mallory', 0, '.x']), [Number.NaN, now]),
    },
    'a time that is no time': {
      forge: set('attributes', JSON.stringify(['mallory', 0, '.x']), ['x', Number.NaN]),
    },
  })
})

describe('in the document of the outboxes', () => {
  const message = (counter: number, body: unknown = 'hi') => [
    'm',
    counter,
    1,
    now,
    typeof body === 'string' ? [body] : body,
  ]
  const send =
    (...entries: unknown[]) =>
    (doc: Y.Doc) => {
      const array = new Y.Array<unknown>()
      doc.getMap('outbox').set(key('mallory', doc.clientID), array)
      array.push(entries)
    }
  const bobs = (doc: Y.Doc) =>
    doc.getMap('outbox').get(key('bob', writerIn(doc, 'outbox', 'bob'))) as Y.Array<unknown>
  const target = (doc: Y.Doc) => [writerIn(doc, 'outbox', 'bob'), 1, 1, now]

  attacks('/o', {
    'a message in the name of somebody else': {
      forge: doc => {
        const array = new Y.Array<unknown>()
        doc.getMap('outbox').set(key('bob', doc.clientID), array)
        array.push([message(1)])
      },
    },
    'a message in the outbox of somebody else': { forge: doc => bobs(doc).push([message(2)]) },
    'a message under the client id of somebody else': {
      forge: as('bob', 'outbox', doc => bobs(doc).push([message(2)])),
      reason: /write under/,
    },
    'another outbox in the place of that of somebody else': {
      forge: doc => set('outbox', key('bob', writerIn(doc, 'outbox', 'bob')), new Y.Array())(doc),
    },
    'the end of an outbox': { forge: erase('outbox', 'bob|') },
    'another body of a message of somebody else': {
      forge: doc => send(['b', ...target(doc), 'forged'])(doc),
    },
    'the removal of a message of somebody else': { forge: doc => send(['r', ...target(doc)])(doc) },
    'a message that is none': { forge: send(['x']) },
    'a message that is no list': { forge: send({ m: 1 }) },
    'a message with the number of another': { forge: send(message(7)) },
    'a message that is too long': { forge: send(message(1, 'x'.repeat(40_000))) },
    'a message with too large attributes': {
      forge: send(message(1, ['x', JSON.stringify({ x: 'y'.repeat(70_000) })])),
    },
    'a message of the future': { forge: send(['m', 1, 1, now + 1e11, ['hi']]), reason: /clock/ },
    'a lamport time that cannot be counted on from': {
      forge: send(['m', 1, 2 ** 53, now, ['hi']]),
    },
    'a map in an outbox': {
      forge: doc => {
        const array = new Y.Array<unknown>()
        doc.getMap('outbox').set(key('mallory', doc.clientID), array)
        array.push([new Y.Map()])
      },
    },
    'a map for an outbox': {
      forge: doc => set('outbox', key('mallory', doc.clientID), new Y.Map())(doc),
    },
    'a value for an outbox': {
      forge: doc => set('outbox', key('mallory', doc.clientID), [message(1)])(doc),
    },
    'how far the log has come': {
      forge: doc => doc.getArray('log').push([['', 1e6, 1e6, now]]),
      reason: /server/,
    },
    'that the log has not come as far': { forge: doc => doc.getArray('log').delete(0, 1) },
    'that a message was removed': { forge: set('removed', '1', 1), reason: /server/ },
  })
})

describe('in a page of the log', () => {
  attacks('/m/0', {
    'another message': {
      forge: doc => doc.getArray('log').push([[2, 'bob', 1, 1, now, ['forged']]]),
      reason: /server/,
    },
    'another message in the place of one': {
      forge: doc => doc.getArray('log').insert(0, [[1, 'bob', 1, 1, now, ['forged']]]),
    },
    'the end of a message': { forge: doc => doc.getArray('log').delete(0, 1) },
    'how many came before': { forge: set('before', 'sent', new Uint8Array([0])) },
    'under the client id of the server': {
      forge: doc => {
        doc.clientID = writersOf(doc)[0] as number
        doc.getArray('log').push([[2, 'bob', 1, 1, now, ['forged']]])
      },
      reason: /write under/,
    },
  })
})

describe('updates of bytes', () => {
  const encoded = (write: (encoder: encoding.Encoder) => void) => encoding.encode(write)
  const varUints = (...numbers: number[]) =>
    encoded(encoder => {
      for (const number of numbers) encoding.writeVarUint(encoder, number)
    })

  attacks('', {
    'that claim a thousand million clients': { bytes: () => varUints(1e9, 1, 1, 0), code: 4400 },
    'that claim a thousand million structs': { bytes: () => varUints(1, 1e9, 7, 0), code: 4400 },
    'that claim a thousand million deletions': {
      bytes: () => varUints(0, 1, 7, 1e9, 0, 1),
      code: 4400,
    },
    'that end in the middle': {
      bytes: doc => Y.encodeStateAsUpdate(doc).slice(0, -5),
      code: 4400,
    },
    'that are none': { bytes: () => new Uint8Array([1, 2, 3, 4, 5, 6, 7]), code: 4400 },
    'that are empty': { bytes: () => new Uint8Array(), code: 4400 },
    'of numbers that are too large': {
      bytes: () => new Uint8Array([1, 1, ...new Array(12).fill(255), 1, 0]),
      code: 4400,
    },
    'of too many structs': {
      forge: doc => {
        for (let i = 0; i < 20_100; i++) doc.getMap('attributes').set(`["mallory",0,".x${i}"]`, i)
      },
      code: 4413,
      reason: /parts/,
    },
  })

  it('of a struct that claims to be a thousand million long cost nothing', async () => {
    const before = await world.memory()
    const attacker = await dial(world.url, world.sid, await signToken({ sub: 'mallory' }))
    // A GC struct of an own client id: nothing, for so long.
    attacker.send(syncMessage(2, varUints(1, 1, 4_123_456_789, 0, 0, 1e9, 0)))
    await world.goesOn()
    expect(await world.memory()).toBeLessThan(before + 50 * 2 ** 20)
    attacker.socket.terminate()
  })

  it('that wait for what somebody else will write change nothing when that comes', async () => {
    const doc = await fetchRoom(world.url, world.sid, 'mallory')
    const victim = writerIn(doc, 'horizons', 'bob')
    const next = Y.getState(doc.store, victim)
    const forged = new Y.Doc()
    Y.applyUpdate(forged, Y.encodeStateAsUpdate(doc))
    // As if the victim had written already, and the attacker after that.
    forged.clientID = victim
    forged.getMap('fields').set('friendlyName', ['bob', now])
    const vector = Y.encodeStateVector(forged)
    forged.clientID = 4_200_000_001
    forged.getMap('fields').set('friendlyName', ['forged', now + 1])
    expect(Y.getState(forged.store, victim)).toBeGreaterThan(next)
    const attacker = await dial(world.url, world.sid, await signToken({ sub: 'mallory' }))
    attacker.send(syncMessage(2, Y.encodeStateAsUpdate(forged, vector)))
    // It is asked for what it rests on.
    await until(() => {
      expect(
        attacker.received.filter(data => data[0] === 0 && data[1] === 0).length,
      ).toBeGreaterThan(1)
    })
    await world.goesOn()
    expect(JSON.stringify(await world.read())).not.toContain('forged')
    attacker.socket.terminate()
  })

  it('that delete what somebody else will write delete nothing', async () => {
    const doc = await fetchRoom(world.url, world.sid, 'mallory')
    const victim = writerIn(doc, 'horizons', 'bob')
    const next = Y.getState(doc.store, victim)
    const attacker = await dial(world.url, world.sid, await signToken({ sub: 'mallory' }))
    attacker.send(syncMessage(2, varUints(0, 1, victim, 1, next, 50)))
    await world.goesOn()
    attacker.socket.terminate()
  })
})

describe('elsewhere', () => {
  it('the document of another user cannot be written, and can be read', async () => {
    const room = userSid('bob')
    const attacker = await dial(world.url, room, await signToken({ sub: 'mallory' }))
    const doc = new Y.Doc()
    doc.getMap('fields').set('friendlyName', ['Forged', now])
    attacker.send(syncMessage(2, Y.encodeStateAsUpdate(doc)))
    expect(await attacker.closed).toMatchObject({ code: 4403, reason: /bob|user/ })
    expect((await fetchRoom(world.url, room, 'bob')).getMap('fields').size).toBe(0)
  })

  it('who is removed writes nothing more over sockets that are open', async () => {
    await world.alice.add('trudy')
    const token = await signToken({ sub: 'trudy' })
    const parts = ['', '/o', '/m/0']
    const open = await Promise.all(parts.map(part => dial(world.url, `${world.sid}${part}`, token)))
    await until(() => {
      for (const { received } of open) expect(received.length).toBeGreaterThan(0)
    })
    await world.alice.removeParticipant('trudy')
    for (const { closed } of open) expect(await closed).toMatchObject({ code: 4403 })
    const again = await dial(world.url, world.sid, token)
    expect(await again.closed).toMatchObject({
      code: 4403,
      reason: expect.stringContaining('participant'),
    })
    await world.goesOn()
  })
})
