import { createRequire } from 'node:module'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Emitter } from '../../../src/base/emitter.ts'
import { ConversationsError, type ErrorCode } from '../../../src/base/errors.ts'
import { Client } from '../../../src/client/client.ts'
import { createClient } from '../../../src/client/create-client.ts'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { Participant } from '../../../src/model/participant.ts'
import type { User } from '../../../src/model/user.ts'
import { FORMAT, ROOTS } from '../../../src/schema/format.ts'
import { createMemoryNetwork } from '../../../src/testing/index.ts'
import { Device } from '../../support/device.ts'

let device: Device
let client: Client
let conversation: Conversation
let alice: Participant
let sms: Participant
let user: User
let events: string[]

beforeEach(async () => {
  device = new Device(createMemoryNetwork(), { identity: 'alice', horizonIntervalMs: 0 })
  client = device.client
  conversation = await device.open()
  await conversation.join({ a: 1 })
  await conversation.addNonChatParticipant('+1', '+2')
  await conversation.advanceLastReadMessageIndex(5)
  const participants = await conversation.getParticipants()
  alice = participants.find(({ identity }) => identity === 'alice') as Participant
  sms = participants.find(({ type }) => type === 'sms') as Participant
  user = await client.getUser('alice')
  events = []
  for (const event of [
    'participantJoined',
    'participantLeft',
    'participantUpdated',
    'typingStarted',
    'typingEnded',
    'userUpdated',
  ] as const) {
    client.on(event, () => events.push(event))
  }
  for (const event of ['updated', 'removed'] as const)
    conversation.on(event, () => events.push(event))
})

afterEach(async () => {
  expect(device.errors).toEqual([])
  await device.close()
})

type Call = (...args: never[]) => unknown

const everything = () =>
  ['room', 'user'].map(name => {
    const doc = name === 'room' ? device.doc(conversation.sid) : user.session.doc
    return [...Y.encodeStateAsUpdate(doc)]
  })

/** The call returns a promise, which rejects with a typed error, and nothing has changed at all. */
async function refused(call: () => unknown): Promise<ConversationsError> {
  const before = everything()
  const state = JSON.stringify(device.awareness('room').getLocalState())
  let result: unknown
  expect(() => {
    result = call()
  }, 'a synchronous throw').not.toThrow()
  expect(result).toBeInstanceOf(Promise)
  const error = await (result as Promise<unknown>).then(
    () => {
      throw new Error('not refused')
    },
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ConversationsError)
  expect(everything()).toEqual(before)
  expect(JSON.stringify(device.awareness('room').getLocalState())).toBe(state)
  expect(events).toEqual([])
  return error as ConversationsError
}

const cycle: Record<string, unknown> = {}
cycle.self = cycle
let deep: unknown = 'x'
for (let i = 0; i < 10_000; i++) deep = [deep]
const huge = 'x'.repeat(10_000_000)
class Thing {}

/** Values, and how the SDK's texts call them. */
const VALUES: [value: unknown, text: string][] = [
  [undefined, 'undefined'],
  [null, 'null'],
  [true, 'true'],
  [0, '0'],
  [-0, '0'],
  [-1, '-1'],
  [1.5, '1.5'],
  [Number.NaN, 'NaN'],
  [Infinity, 'Infinity'],
  [2 ** 53, '9007199254740992'],
  [10n, '10'],
  [Symbol('x'), 'symbol'],
  [() => 1, 'function'],
  [Thing, 'function'],
  ['', '""'],
  ['1', '"1"'],
  [[], 'instance of Array'],
  [{}, 'object'],
  [new Thing(), 'instance of Thing'],
  [Object.create(null), 'object'],
  [cycle, 'object'],
]

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isIndex = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const isNotJson = (value: unknown) =>
  ['undefined', 'function', 'symbol', 'bigint'].includes(typeof value)

/** Every public method that takes an argument: what is expected of it, and which of the values it must refuse. */
const methods: [
  name: string,
  call: () => Call,
  expected: string,
  isFine: (value: unknown) => boolean,
][] = [
  [
    'client.openConversation',
    () => client.openConversation.bind(client),
    'a non-empty string',
    isText,
  ],
  ['client.getUser', () => client.getUser.bind(client), 'a non-empty string', isText],
  ['conversation.add', () => conversation.add.bind(conversation), 'a non-empty string', isText],
  [
    'conversation.addNonChatParticipant',
    () => (value: never) => conversation.addNonChatParticipant(value, '+1'),
    'a non-empty string',
    isText,
  ],
  [
    'conversation.getParticipantBySid',
    () => conversation.getParticipantBySid.bind(conversation),
    'a non-empty string',
    () => false,
  ],
  [
    'conversation.getParticipantByIdentity',
    () => conversation.getParticipantByIdentity.bind(conversation),
    'a non-empty string',
    () => false,
  ],
  [
    'conversation.removeParticipant',
    () => conversation.removeParticipant.bind(conversation),
    'a non-empty string or an instance of Participant',
    () => false,
  ],
  [
    'conversation.advanceLastReadMessageIndex',
    () => conversation.advanceLastReadMessageIndex.bind(conversation),
    'a non-negative integer',
    isIndex,
  ],
  [
    'conversation.updateLastReadMessageIndex',
    () => conversation.updateLastReadMessageIndex.bind(conversation),
    'null or a non-negative integer',
    value => value === null || isIndex(value),
  ],
  [
    'conversation.updateFriendlyName',
    () => conversation.updateFriendlyName.bind(conversation),
    'of type string',
    value => typeof value === 'string',
  ],
  [
    'conversation.updateUniqueName',
    () => conversation.updateUniqueName.bind(conversation),
    'of type string or null',
    value => value === null || typeof value === 'string',
  ],
  [
    'conversation.updateAttributes',
    () => conversation.updateAttributes.bind(conversation),
    'a JSON type',
    value => !isNotJson(value),
  ],
  [
    'conversation.join',
    () => conversation.join.bind(conversation),
    'an optional JSON type',
    value => value === undefined || !isNotJson(value),
  ],
  [
    'participant.updateAttributes',
    () => alice.updateAttributes.bind(alice),
    'a JSON type',
    value => !isNotJson(value),
  ],
  [
    'participant.updateRole',
    () => alice.updateRole.bind(alice),
    'of type string',
    value => typeof value === 'string',
  ],
  [
    'user.updateAttributes',
    () => user.updateAttributes.bind(user),
    'a JSON type',
    value => !isNotJson(value),
  ],
  [
    'user.updateFriendlyName',
    () => user.updateFriendlyName.bind(user),
    'of type string',
    value => typeof value === 'string',
  ],
]

describe('wrong types', () => {
  for (const [name, call, expected, isFine] of methods) {
    it(`${name} refuses them, in the words of the SDK`, async () => {
      for (const [value, text] of VALUES) {
        if (isFine(value)) continue
        const error = await refused(() => call()(value as never))
        if (isText(value) && expected.includes('string')) {
          expect(error).toMatchObject({ code: 'not-found' })
          continue
        }
        expect(error).toMatchObject({
          code: 'invalid-argument',
          message: `Argument 1 is expected to be ${expected}, but got ${text}`,
        })
      }
    })
  }

  it('as second and further arguments are refused as well', async () => {
    const { message: attributes } = await refused(() =>
      conversation.add('bob', Symbol('x') as never),
    )
    expect(attributes).toBe('Argument 2 is expected to be an optional JSON type, but got symbol')
    const { message: address } = await refused(() =>
      conversation.addNonChatParticipant('+1', 5 as never),
    )
    expect(address).toBe('Argument 2 is expected to be a non-empty string, but got 5')
    await refused(() => conversation.addNonChatParticipant('+1', '+2', 1n as never))
    const expected =
      'Argument 4 is expected to be an optional { email?: { name?: string; level?: "to" | "cc" } }'
    for (const address of ['b@x', '+3']) {
      for (const [options, text] of [
        [1n, '1'],
        [5, '5'],
        ['x', '"x"'],
        [null, 'null'],
        [[], 'instance of Array'],
        ...[7, null, 'x', [], { name: 5 }, { name: null }, { level: 'bcc' }, { level: null }].map(
          email => [{ email }, 'object'] as const,
        ),
      ]) {
        const error = await refused(() =>
          conversation.addNonChatParticipant('+1', address, {}, options as never),
        )
        expect(error).toMatchObject({
          code: 'invalid-argument',
          message: `${expected}, but got ${text}`,
        })
      }
    }
    for (const name of [huge, '\ud800']) {
      await refused(() => conversation.addNonChatParticipant('a@x', 'b@x', {}, { email: { name } }))
    }
    for (const [i, args] of [
      ['whatsapp:', '+1'],
      ['+1', 'whatsapp:'],
    ].entries()) {
      const { message } = await refused(() =>
        conversation.addNonChatParticipant(...(args as [string, string])),
      )
      expect(message).toBe(
        `Argument ${i + 1} is expected to be an address behind "whatsapp:", but got "whatsapp:"`,
      )
    }
    for (const options of [null, 5, 'x', () => 1, []]) {
      const name = `other ${String(JSON.stringify(options))}`
      await refused(() => client.openConversation(name, options as never))
    }
  })

  it('of an own document and awareness are refused, and so are those that do not belong together', async () => {
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    const other = new Awareness(new Y.Doc())
    const count = Object.assign(new Map(), { doc })
    for (const options of [
      ...[null, {}, 5, 'x', new Map(), awareness].map(wrong => ({ doc: wrong })),
      ...[null, {}, 5, 'x', doc, count, other].map(wrong => ({ doc, awareness: wrong })),
      ...[null, {}, 5, 'x', doc, { getLocalState() {} }].map(wrong => ({ awareness: wrong })),
    ]) {
      expect(await refused(() => client.openConversation('other', options as never))).toMatchObject(
        {
          code: 'invalid-argument',
          message: 'doc must be a Y.Doc, and awareness an Awareness of it',
        },
      )
    }
    const room = await client.openConversation('other', { awareness })
    await room.join()
    expect(doc.getMap(ROOTS.participants).size).toBe(1)
    await room.close()
    awareness.destroy()
    other.destroy()
  })

  it('of a document from another copy of Yjs have an error of their own', async () => {
    const warning = vi.spyOn(console, 'error').mockImplementation(() => {})
    const other = createRequire(import.meta.url)('yjs') as typeof Y
    warning.mockRestore()
    expect(other.Doc).not.toBe(Y.Doc)
    const doc = new other.Doc()
    const error = await refused(() => client.openConversation('other', { doc }))
    expect(error).toMatchObject({ code: 'duplicate-yjs' })
  })

  it('as too many arguments are refused', async () => {
    const counts: [Call, number][] = [
      [client.getUser.bind(client), 1],
      [conversation.add.bind(conversation), 2],
      [conversation.join.bind(conversation), 1],
      [conversation.getParticipantBySid.bind(conversation), 1],
      [conversation.getParticipantByIdentity.bind(conversation), 1],
      [conversation.removeParticipant.bind(conversation), 1],
      [conversation.advanceLastReadMessageIndex.bind(conversation), 1],
      [conversation.updateLastReadMessageIndex.bind(conversation), 1],
      [conversation.updateAttributes.bind(conversation), 1],
      [conversation.updateFriendlyName.bind(conversation), 1],
      [conversation.addNonChatParticipant.bind(conversation), 4],
      [alice.updateAttributes.bind(alice), 1],
      [alice.updateRole.bind(alice), 1],
      [user.updateAttributes.bind(user), 1],
      [user.updateFriendlyName.bind(user), 1],
    ]
    for (const [call, most] of counts) {
      const args = new Array(most + 1).fill('x') as never[]
      const { message } = await refused(() => call(...args))
      expect(message).toBe(`Expected at most ${most} argument(s), but got ${most + 1}`)
    }
  })

  it('of listeners are refused', () => {
    for (const emitter of [client, conversation, alice, user] as unknown[] as Emitter<{
      x: () => void
    }>[]) {
      for (const listener of [undefined, null, 5, 'x', {}]) {
        expect(() => emitter.on('x', listener as never)).toThrow(TypeError)
      }
    }
  })
})

describe('values that are no JSON, or too much of it', () => {
  const toJSON = () => {
    throw new Error('mine')
  }
  const values: [unknown, ErrorCode][] = [
    [cycle, 'invalid-argument'],
    [{ list: [1n] }, 'invalid-argument'],
    [{ toJSON }, 'invalid-argument'],
    [deep, 'invalid-argument'],
    [JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`), 'invalid-argument'],
    [{ text: '\ud800' }, 'invalid-argument'],
    [{ '\udfff': 1 }, 'invalid-argument'],
    [huge, 'too-large'],
    [{ [huge]: 1 }, 'too-large'],
    [[huge], 'too-large'],
    [new Uint8Array(100_000), 'too-large'],
  ]
  it('are refused by everything that takes attributes', async () => {
    for (const [value, code] of values) {
      const calls = [
        () => conversation.updateAttributes(value as never),
        () => conversation.add('bob', value as never),
        () => conversation.addNonChatParticipant('+1', '+9', value as never),
        () => alice.updateAttributes(value as never),
        () => user.updateAttributes(value as never),
      ]
      for (const call of calls) expect(await refused(call)).toMatchObject({ code })
    }
  })

  it('are refused by join() before somebody joins', async () => {
    await conversation.leave()
    events.length = 0
    for (const [value, code] of values) {
      expect(await refused(() => conversation.join(value as never))).toMatchObject({ code })
      expect(conversation.status).toBe('notParticipating')
    }
  })

  it('are taken as JSON takes them where it does', async () => {
    const odd = {
      n: Number.NaN,
      i: -Infinity,
      z: -0,
      u: undefined,
      d: new Date(0),
      f: () => 1,
      s: Symbol('x'),
    }
    await alice.updateAttributes(odd as never)
    expect(alice.attributes).toEqual({ n: null, i: null, z: 0, d: '1970-01-01T00:00:00.000Z' })
    const names = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":1,"":{"":[]},"toString":null}',
    )
    await alice.updateAttributes(names)
    expect(JSON.stringify(alice.attributes)).toBe(JSON.stringify(sorted(names)))
    expect(({} as Record<string, unknown>).polluted).toBe(undefined)
    await conversation.advanceLastReadMessageIndex(-0)
    expect(conversation.lastReadMessageIndex).toBe(5)
  })
})

describe('texts', () => {
  it('beyond the limit, or without a form in UTF-8, are refused', async () => {
    for (const [text, code] of [
      ['x'.repeat(257), 'too-large'],
      [huge, 'too-large'],
      ['\ud800', 'invalid-argument'],
    ] as const) {
      const calls = [
        () => client.openConversation(text),
        () => client.getUser(text),
        () => conversation.add(text),
        () => conversation.addNonChatParticipant(text, '+1'),
        () => conversation.addNonChatParticipant('+1', text),
        () => conversation.updateFriendlyName(text),
        () => conversation.updateUniqueName(text),
        () => alice.updateRole(text),
        () => user.updateFriendlyName(text),
      ]
      for (const call of calls) expect(await refused(call)).toMatchObject({ code })
    }
  })

  it('may name anything else', async () => {
    for (const name of [
      '__proto__',
      'constructor',
      '@',
      '@@',
      '@sms:+1',
      'a|b',
      '|',
      '"',
      '\0',
      '😀',
      ' ',
    ]) {
      await conversation.add(name, { name })
      const participant = await conversation.getParticipantByIdentity(name)
      expect(participant).toMatchObject({ identity: name, type: 'chat', attributes: { name } })
      expect(await conversation.getParticipantBySid((participant as Participant).sid)).toBe(
        participant,
      )
      expect((await client.openConversation(name)).uniqueName).toBe(name)
      expect((await client.getUser(name)).identity).toBe(name)
    }
  })

  it('of any length may be looked for', async () => {
    for (const text of [huge, '\ud800']) {
      expect(await refused(() => conversation.getParticipantBySid(text))).toMatchObject({
        code: 'not-found',
      })
      expect(await refused(() => conversation.getParticipantByIdentity(text))).toMatchObject({
        code: 'not-found',
      })
      expect(await refused(() => conversation.removeParticipant(text))).toMatchObject({
        code: 'not-found',
      })
    }
  })
})

describe('participants that are not there', () => {
  it('are refused in the words of the SDK', async () => {
    const { message: bySid } = await refused(() => conversation.getParticipantBySid('MBnone'))
    expect(bySid).toBe('Participant with SID MBnone was not found')
    const { message: byIdentity } = await refused(() =>
      conversation.getParticipantByIdentity('nobody'),
    )
    expect(byIdentity).toBe('Participant with identity nobody was not found')
    const { message: userless } = await refused(() => sms.getUser())
    expect(userless).toBe('Getting User is not supported for this Participant type: sms')
  })

  it('because they left are refused', async () => {
    await conversation.add('bob')
    const bob = (await conversation.getParticipantByIdentity('bob')) as Participant
    await bob.remove()
    events.length = 0
    for (const call of [
      () => bob.remove(),
      () => bob.updateAttributes({}),
      () => bob.updateRole('x'),
      () => conversation.removeParticipant(bob),
      () => conversation.removeParticipant('bob'),
      () => conversation.removeParticipant(bob.sid),
    ]) {
      expect(await refused(call)).toMatchObject({ code: 'not-found' })
    }
  })

  it('here because they are in another conversation, or of another client, are refused', async () => {
    const other = await client.openConversation('other')
    await other.join()
    const [there] = await other.getParticipants()
    const second = new Device(device.network, { identity: 'bob' })
    const elsewhere = await second.open('elsewhere')
    await elsewhere.join()
    const [stranger] = await elsewhere.getParticipants()
    events.length = 0
    for (const foreign of [there, stranger] as Participant[]) {
      const error = await refused(() => conversation.removeParticipant(foreign))
      expect(error).toMatchObject({ code: 'not-found' })
    }
    await second.close()
  })
})

describe('who is not a participant', () => {
  it('has no horizon, and types to nobody', async () => {
    await conversation.leave()
    events.length = 0
    for (const call of [
      () => conversation.advanceLastReadMessageIndex(1),
      () => conversation.updateLastReadMessageIndex(1),
      () => conversation.updateLastReadMessageIndex(null),
      () => conversation.setAllMessagesRead(),
      () => conversation.setAllMessagesUnread(),
      () => conversation.typing(),
    ]) {
      expect(await refused(call)).toMatchObject({ code: 'not-a-participant' })
    }
  })
})

const writes: [string, () => unknown][] = [
  ['join', () => conversation.join()],
  ['join again', () => conversation.join({ b: 1 })],
  ['leave', () => conversation.leave()],
  ['add', () => conversation.add('bob')],
  ['add again', () => conversation.add('alice')],
  ['addNonChatParticipant', () => conversation.addNonChatParticipant('+1', '+3')],
  ['removeParticipant', () => conversation.removeParticipant('alice')],
  ['updateAttributes', () => conversation.updateAttributes({ x: 1 })],
  ['updateFriendlyName', () => conversation.updateFriendlyName('x')],
  ['updateUniqueName', () => conversation.updateUniqueName('x')],
  ['advanceLastReadMessageIndex', () => conversation.advanceLastReadMessageIndex(9)],
  ['updateLastReadMessageIndex forward', () => conversation.updateLastReadMessageIndex(9)],
  ['updateLastReadMessageIndex back', () => conversation.updateLastReadMessageIndex(1)],
  ['setAllMessagesUnread', () => conversation.setAllMessagesUnread()],
  ['participant.updateAttributes', () => alice.updateAttributes({ x: 1 })],
  ['participant.updateRole', () => alice.updateRole('x')],
  ['participant.remove', () => alice.remove()],
]

describe('after the end', () => {
  it('of the conversation every write is refused, and reading goes on', async () => {
    await conversation.close()
    for (const [name, call] of [
      ...writes,
      ['typing', () => conversation.typing()],
      ['setAllMessagesRead', () => conversation.setAllMessagesRead()],
    ] as typeof writes) {
      expect(await refused(call), name).toMatchObject({ code: 'closed' })
    }
    expect(await conversation.getParticipants()).toHaveLength(2)
    expect(alice.attributes).toEqual({ a: 1 })
    conversation.connect()
    conversation.disconnect()
    await conversation.close()
    expect(conversation.connectionStatus).toBe('disconnected')
    expect(device.clock.timerCount).toBe(0)
  })

  it('of the client nothing can be opened or written', async () => {
    await client.close()
    events.length = 0
    for (const call of [
      () => client.openConversation('room'),
      () => client.openConversation('other'),
      () => client.getUser('alice'),
      () => client.getUser('bob'),
      () => user.updateFriendlyName('x'),
      () => user.updateAttributes({}),
      () => conversation.updateAttributes({}),
      () => alice.getUser(),
    ]) {
      expect(await refused(call)).toMatchObject({ code: 'closed' })
    }
    expect(client.user).toBe(user)
    client.connect()
    client.disconnect()
    await client.close()
    expect(client.connectionStatus).toBe('disconnected')
  })

  it('of a client that never had a user there is none', async () => {
    const other = new Client({ identity: 'bob' })
    await other.close()
    expect(() => other.user).toThrow(ConversationsError)
  })

  it('opens the same name anew, once the end has come', async () => {
    const closing = conversation.close()
    const again = await client.openConversation('room')
    await closing
    expect(again).not.toBe(conversation)
    await again.updateAttributes({ x: 1 })
    expect(await again.getParticipants()).toHaveLength(2)
  })

  it('that comes while a conversation is being opened refuses it', async () => {
    const opening = client.openConversation('other')
    await client.close()
    await expect(opening).rejects.toMatchObject({ code: 'closed' })
  })

  it('that comes while it connects for the first time refuses it, and says nothing of this user', async () => {
    const awareness = new Awareness(new Y.Doc())
    awareness.setLocalState(null)
    const second = new Device(device.network, { identity: 'bob' })
    second.client.on('connectionStatusChanged', () => void second.client.close())
    await expect(second.client.openConversation('other', { awareness })).rejects.toMatchObject({
      code: 'closed',
    })
    expect(awareness.getLocalState()).toBe(null)
    awareness.destroy()
  })

  it('waits for what was begun before, however often it is asked for', async () => {
    const first = conversation.close()
    const second = conversation.close()
    const all = client.close()
    await Promise.all([first, second, all, client.close()])
    expect(client.connectionStatus).toBe('disconnected')
  })
})

describe('a document of a newer format', () => {
  it('is read and never written, and says so once', async () => {
    const errors: ConversationsError[] = []
    conversation.on('error', error => errors.push(error))
    const newer = new Y.Doc()
    newer.getMap(ROOTS.fields).set(`format|${FORMAT + 1}`, true)
    newer.getMap(ROOTS.fields).set('unheard-of', ['x', 1])
    Y.applyUpdate(device.doc(conversation.sid), Y.encodeStateAsUpdate(newer))
    expect(conversation.isReadOnly).toBe(true)
    expect(errors).toEqual([expect.objectContaining({ code: 'read-only' })])
    events.length = 0
    const harmless = ['join', 'join again', 'add again']
    for (const [name, call] of writes) {
      if (harmless.includes(name)) continue
      expect(await refused(call), name).toMatchObject({ code: 'read-only' })
    }
    expect(alice).toMatchObject({ attributes: { a: 1 }, lastReadMessageIndex: 5 })
    expect(device.errors.splice(0)).toEqual(errors)
    const fields = device.doc(conversation.sid).getMap(ROOTS.fields)
    expect(fields.get('unheard-of')).toEqual(['x', 1])
  })
})

describe('a client', () => {
  it('is refused with wrong options', () => {
    const wrong: unknown[] = [
      undefined,
      null,
      5,
      {},
      { identity: '' },
      { identity: 5 },
      { identity: huge },
      { identity: '\ud800' },
      { identity: 'a', typingTimeoutMs: -1 },
      { identity: 'a', typingWindowMs: Number.NaN },
      { identity: 'a', presenceGraceMs: '5' },
      { identity: 'a', horizonIntervalMs: Symbol('x') },
      { identity: 'a', horizonIntervalMs: null },
      { identity: 'a', horizonIntervalMs: Infinity },
      { identity: 'a', limits: { attributesBytes: Number.NaN } },
      { identity: 'a', limits: { textLength: 'x' } },
      { identity: 'a', limits: { textLength: -1 } },
    ]
    for (const options of wrong) {
      expect(() => new Client(options as never), String(JSON.stringify(options))).toThrow(
        ConversationsError,
      )
      expect(() => createClient(options as never)).toThrow(ConversationsError)
    }
  })

  it('is refused with timings by which others would see typing flicker', async () => {
    for (const timings of [
      { typingWindowMs: 6000 },
      { typingTimeoutMs: 5000 },
      { typingWindowMs: 300, typingTimeoutMs: 200 },
    ]) {
      expect(() => createClient({ identity: 'a', ...timings })).toThrow(
        expect.objectContaining({
          code: 'invalid-argument',
          message: 'typingWindowMs must be less than typingTimeoutMs',
        }),
      )
    }
    await createClient({ identity: 'a', typingWindowMs: 0, typingTimeoutMs: 1 }).close()
  })

  it('keeps its limits where an app gives undefined for one', async () => {
    const lax = new Client({ identity: 'a', limits: { attributesBytes: undefined as never } })
    await expect(lax.user.updateAttributes(huge)).rejects.toMatchObject({ code: 'too-large' })
    await lax.close()
  })

  it('takes anything for the options of a disconnect', () => {
    for (const options of [null, 5, 'x', {}]) client.disconnect(options as never)
    client.connect()
  })
})

describe('a schema for attributes', () => {
  const standard = (validate: (value: unknown) => unknown) => ({
    '~standard': { version: 1 as const, vendor: 'test', validate: validate as never },
  })

  it('that throws, is asynchronous or no schema at all is an error of the argument', async () => {
    const schemas: unknown[] = [
      standard(() => {
        throw new Error('mine')
      }),
      standard(async () => ({ value: 1 })),
      standard(() => Promise.reject(new Error('mine'))),
      standard(() => undefined),
      {},
      5,
    ]
    for (const [i, schema] of schemas.entries()) {
      const name = `with schema ${i}`
      const room = await client.openConversation(name, { participantAttributes: schema as never })
      for (const call of [
        () => room.join({ a: 1 }),
        () => room.add('bob', { a: 1 }),
        () => room.join(),
      ]) {
        expect(
          await refused(() => {
            events.length = 0
            return call()
          }),
          name,
        ).toMatchObject({ code: 'invalid-argument' })
      }
      expect(await room.getParticipantsCount()).toBe(0)
    }
  })

  it('that finds fault says where', async () => {
    const schema = standard(() => ({
      issues: [{ message: 'too short', path: ['name', { key: 0 }] }, { message: 'odd' }],
    }))
    const room = await client.openConversation('fault', { participantAttributes: schema })
    const { message } = await refused(() => room.join({}))
    expect(message).toBe('The attributes do not fit their schema: name.0: too short; odd')
  })

  it('may change what is written', async () => {
    const schema = standard(value => ({ value: { ...(value as object), checked: true } }))
    const room = await client.openConversation('change', { participantAttributes: schema })
    await room.join({ a: 1 })
    expect((await room.getParticipants())[0]?.attributes).toEqual({ a: 1, checked: true })
  })
})

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
