import { beforeEach, expect } from 'vitest'
import * as Y from 'yjs'
import { ConversationsError } from '../../src/base/errors.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { Message } from '../../src/model/message.ts'
import { chat, heard, type Person } from './chat.ts'

/** Alice, and a message of hers, as each test finds them. */
export interface Bystander {
  alice: Person
  conversation: Conversation
  message: Message
  /** What is told. */
  log: string[]
  /** The call rejects, never throws, and nothing at all has changed. */
  refused(call: () => unknown): Promise<ConversationsError>
}

/** Prepares them before each test of a file. */
export function bystander(): Bystander {
  const prepared = {} as Bystander
  beforeEach(async () => {
    const { alice } = await chat({ alice: {} })
    const { conversation } = alice
    await conversation.sendMessage('there', { a: 1 })
    const message = await alice.find('there')
    const log = heard(alice)
    Object.assign(prepared, { alice, conversation, message, log })
  })

  const written = () =>
    [prepared.conversation.sid, `${prepared.conversation.sid}/o`].map(name => [
      ...Y.encodeStateAsUpdate(prepared.alice.device.doc(name)),
    ])

  prepared.refused = async call => {
    const before = written()
    let result: unknown
    expect(() => {
      result = call()
    }, 'a synchronous throw').not.toThrow()
    const error = await Promise.resolve(result).then(
      value => {
        throw new Error(`not refused, but ${String(value)}`)
      },
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ConversationsError)
    expect(written()).toEqual(before)
    expect(prepared.log).toEqual([])
    expect(await prepared.alice.bodies()).toEqual(['there'])
    return error as ConversationsError
  }
  return prepared
}
