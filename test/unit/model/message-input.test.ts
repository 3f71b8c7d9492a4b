import { beforeEach, describe, expect, it } from 'vitest'
import { ConversationsError } from '../../../src/base/errors.ts'
import type { Conversation } from '../../../src/model/conversation.ts'
import type { Message } from '../../../src/model/message.ts'
import type { Person } from '../../support/chat.ts'
import { bystander } from '../../support/refusal.ts'

type Call = (...args: unknown[]) => Promise<unknown>

let alice: Person
let conversation: Conversation
let message: Message

const prepared = bystander()
const { refused } = prepared
beforeEach(() => {
  ;({ alice, conversation, message } = prepared)
})

const own = <K extends keyof Conversation>(name: K) =>
  (conversation[name] as Call).bind(conversation)

describe('arguments are refused in the words of the SDK', () => {
  const sendable = 'of type string, null, an instance of FormData or media options;'
  it.each([
    ['sendMessage', [], `Argument 1 is expected to be ${sendable} but got undefined`],
    ['sendMessage', [5], `Argument 1 is expected to be ${sendable} but got 5`],
    ['sendMessage', [{}], `Argument 1 is expected to be ${sendable} but got object`],
    ['sendMessage', [['x']], `Argument 1 is expected to be ${sendable} but got instance of Array`],
    [
      'sendMessage',
      [new Date(0)],
      `Argument 1 is expected to be ${sendable} but got instance of Date`,
    ],
    [
      'sendMessage',
      ['x', () => {}],
      'Argument 2 is expected to be an optional JSON type, but got function',
    ],
    ['sendMessage', ['x', {}, 'y'], 'Argument 3 is expected to be an optional object, but got "y"'],
    ['sendMessage', ['x', {}, {}, 1], 'Expected at most 3 argument(s), but got 4'],
    ['getMessages', [0], 'Argument 1 is expected to be a positive integer, but got 0'],
    ['getMessages', [1.5], 'Argument 1 is expected to be a positive integer, but got 1.5'],
    ['getMessages', ['5'], 'Argument 1 is expected to be a positive integer, but got "5"'],
    ['getMessages', [null], 'Argument 1 is expected to be a positive integer, but got null'],
    [
      'getMessages',
      [1, -1],
      'Argument 2 is expected to be a non-negative integer or "end", but got -1',
    ],
    [
      'getMessages',
      [1, 'start'],
      'Argument 2 is expected to be a non-negative integer or "end", but got "start"',
    ],
    [
      'getMessages',
      [1, 'end', 'up'],
      'Argument 3 is expected to be "backwards" or "forward", but got "up"',
    ],
    ['getMessages', [1, 'end', 'forward', 1], 'Expected at most 3 argument(s), but got 4'],
    [
      'advanceLastReadMessageIndex',
      [],
      'Argument 1 is expected to be a non-negative integer, but got undefined',
    ],
    [
      'advanceLastReadMessageIndex',
      [null],
      'Argument 1 is expected to be a non-negative integer, but got null',
    ],
    [
      'advanceLastReadMessageIndex',
      [-1],
      'Argument 1 is expected to be a non-negative integer, but got -1',
    ],
    [
      'advanceLastReadMessageIndex',
      ['1'],
      'Argument 1 is expected to be a non-negative integer, but got "1"',
    ],
    [
      'advanceLastReadMessageIndex',
      [Number.NaN],
      'Argument 1 is expected to be a non-negative integer, but got NaN',
    ],
    [
      'updateLastReadMessageIndex',
      [1.5],
      'Argument 1 is expected to be null or a non-negative integer, but got 1.5',
    ],
    [
      'updateLastReadMessageIndex',
      [undefined],
      'Argument 1 is expected to be null or a non-negative integer, but got undefined',
    ],
  ] as const)('%s(%j)', async (name, args, text) => {
    const error = await refused(() => own(name)(...args))
    expect(error.code).toBe('invalid-argument')
    expect(error.message).toBe(text)
  })

  it.each([
    ['updateBody', [], 'Argument 1 is expected to be of type string or null, but got undefined'],
    ['updateBody', [5], 'Argument 1 is expected to be of type string or null, but got 5'],
    ['updateAttributes', [], 'Argument 1 is expected to be a JSON type, but got undefined'],
    ['updateAttributes', [() => {}], 'Argument 1 is expected to be a JSON type, but got function'],
  ] as const)('message.%s(%j)', async (name, args, text) => {
    const error = await refused(() => (message[name] as Call).call(message, ...args))
    expect(error.message).toBe(text)
  })

  it('by a builder synchronously', () => {
    const builder = conversation.prepareMessage() as unknown as Record<
      string,
      (x?: unknown) => void
    >
    for (const [name, value, text] of [
      ['setBody', 5, 'Argument 1 is expected to be of type string or null, but got 5'],
      [
        'setSubject',
        undefined,
        'Argument 1 is expected to be of type string or null, but got undefined',
      ],
      ['setAttributes', undefined, 'Argument 1 is expected to be a JSON type, but got undefined'],
      [
        'addMedia',
        'x',
        'Argument 1 is expected to be an instance of FormData or media options, but got "x"',
      ],
    ] as const) {
      expect(() => builder[name]?.(value)).toThrow(text)
      expect(() => builder[name]?.(value)).toThrow(ConversationsError)
    }
  })
})

describe('what is too much, or no text, is refused', () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  const large = { text: 'x'.repeat(65_536) }
  it.each([
    ['a body', () => conversation.sendMessage('x'.repeat(32_769)), 'too-large'],
    [
      'a subject',
      () => conversation.sendMessage('x', {}, { subject: 'x'.repeat(257) }),
      'too-large',
    ],
    [
      'a subject that is none',
      () => own('sendMessage')('x', {}, { subject: 5 }),
      'invalid-argument',
    ],
    ['attributes', () => conversation.sendMessage('x', large), 'too-large'],
    ['an edit', () => message.updateBody('x'.repeat(32_769)), 'too-large'],
    ['attributes of an edit', () => message.updateAttributes(large), 'too-large'],
    ['half a character', () => conversation.sendMessage('\ud83d'), 'invalid-argument'],
    [
      'half a character in a subject',
      () => conversation.sendMessage('x', {}, { subject: '\udc00' }),
      'invalid-argument',
    ],
    ['half a character of an edit', () => message.updateBody('\ud83d'), 'invalid-argument'],
    ['a cycle', () => own('sendMessage')('x', cycle), 'invalid-argument'],
    ['a cycle of an edit', () => message.updateAttributes(cycle as never), 'invalid-argument'],
    ['a bigint', () => own('sendMessage')('x', { n: 1n }), 'invalid-argument'],
    [
      'a throwing toJSON',
      () => own('sendMessage')('x', { toJSON: () => JSON.parse('{') }),
      'invalid-argument',
    ],
  ] as const)('%s', async (_, call, code) => {
    expect((await refused(call)).code).toBe(code)
  })

  it('but as much as there may be is fine', async () => {
    const body = '\ud83d\ude00'.repeat(16_384)
    await conversation.sendMessage(body, 'x'.repeat(65_534), { subject: 'x'.repeat(256) })
    expect((await alice.messages()).at(-1)).toMatchObject({ body })
  })
})
