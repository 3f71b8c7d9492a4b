import { describe, expect, it, vi } from 'vitest'
import { messageSid, participantSid } from '../../../../src/base/ids.ts'
import { messageKey } from '../../../../src/schema/messages/ids.ts'
import { untoldConversations } from '../../../../src/server/hooks/told-log.ts'
import {
  type MessageDelivery,
  type MessageInfo,
  memoryLog,
  type ServerHooks,
} from '../../../../src/server/index.ts'
import { Author, SID, whenSequenced } from '../support/chat.ts'
import { silent, startServer, until, whenSynced } from '../support/clients.ts'
import { SharedEngine } from '../support/shared-log.ts'
import { Organiser, recordingHooks } from './support.ts'

const timings = { retryMs: 20, leaseMs: 300, heartbeatMs: 30, nodeLostMs: 150, sweepMs: 10 }

async function connected(name: string, url: string) {
  const author = new Author(name)
  const client = author.connect(url)
  await whenSynced(client)
  return { author, client }
}

const bodiesOf = (calls: readonly unknown[][]) =>
  calls.map(([, message]) => (message as MessageInfo).body)

/** A storage that stays when its server is closed. */
const lasting = () => Object.assign(memoryLog(), { close: async () => {} })

describe('the hooks for messages', () => {
  it('tell what was said, and who is to hear of it', async () => {
    const { hooks, calls } = recordingHooks(['onMessage'])
    const { url } = await startServer({ hooks })
    const olga = new Organiser()
    await olga.connect(url)
    olga.create()
    olga.add('alice')
    olga.add('bob', { device: 1 })
    olga.add('@sms:+1555', {}, '+1555')
    const { author } = await connected('alice', url)
    const id = author.send('hello')
    await until(() => expect(calls).toHaveLength(1))

    const [, message, delivery] = calls[0] as [string, MessageInfo, MessageDelivery]
    expect(message).toEqual({
      sid: messageSid(SID, messageKey(id)),
      index: 0,
      author: 'alice',
      participantSid: participantSid(SID, 'alice'),
      body: 'hello',
      subject: null,
      attributes: {},
      media: [],
      dateCreated: new Date(1),
    })
    expect(delivery.conversation).toEqual({
      sid: SID,
      uniqueName: 'team',
      friendlyName: 'The team',
    })
    expect(delivery.recipients.map(({ identity, bindings }) => identity ?? bindings.sms)).toEqual([
      'bob',
      { address: '+1555', proxyAddress: '+4930' },
    ])
    expect(delivery.recipients[0]?.isOnline).toBeUndefined()
    expect([message, delivery, delivery.recipients].every(Object.isFrozen)).toBe(true)
  })

  it('tell each message once and in order, and what becomes of it', async () => {
    const { hooks, of } = recordingHooks()
    const { url } = await startServer({ hooks })
    const { author } = await connected('alice', url)
    author.burst(1_200)
    await until(() => expect(of('onMessage')).toHaveLength(1_200))
    expect(bodiesOf(of('onMessage'))).toEqual(author.sent.map(messageKey))
    const [first, second] = author.sent
    if (first) author.edit(first, 'edited', 0)
    if (second) author.remove(second, 1)
    await until(() => expect(of('onMessageRemoved')).toHaveLength(1))
    expect(of('onMessageUpdated').map(([, info]) => info)).toEqual([
      expect.objectContaining({ index: 0, body: 'edited' }),
    ])
    expect(of('onMessageRemoved')[0]?.[1]).toMatchObject({ index: 1, body: null })
    expect(of('onMessage')).toHaveLength(1_200)
  })

  it('are not called for messages from before there were any', async () => {
    const storage = lasting()
    const first = await startServer({ storage })
    const { author, client } = await connected('alice', first.url)
    author.send('old')
    await until(() => expect(author.outbox.state.count).toBe(1))
    client.destroy()
    await first.close()

    const { hooks, of } = recordingHooks()
    const { url } = await startServer({ storage, hooks })
    const bob = await connected('bob', url)
    bob.author.send('new')
    await until(() => expect(bodiesOf(of('onMessage'))).toEqual(['new']))
  })

  it('are called again by the next server for what a closed one could not finish', async () => {
    const storage = lasting()
    const told: (string | null)[] = []
    const stuck: ServerHooks = {
      onMessage(message) {
        told.push(message.body)
        return message.body === 'b' ? new Promise(() => {}) : undefined
      },
    }
    const first = await startServer({ storage, hooks: stuck, timings: { closeWithinMs: 20 } })
    const { author, client } = await connected('alice', first.url)
    for (const body of ['a', 'b', 'c']) author.send(body)
    await until(() => expect(told).toEqual(['a', 'b']))
    client.destroy()
    await first.close()

    // Without anybody who would open the conversation.
    const { hooks, calls } = recordingHooks(['onMessage'])
    const second = await startServer({ storage, hooks, timings })
    await until(() => expect(bodiesOf(calls)).toEqual(['b', 'c']))
    await until(() => expect(second.health().rooms).toBe(0))
    await second.close()
    for await (const sid of untoldConversations(storage)) expect(sid).toBe('told of')

    const third = recordingHooks(['onMessage'])
    const { url } = await startServer({ storage, hooks: third.hooks })
    const bob = await connected('bob', url)
    bob.author.send('d')
    await until(() => expect(bodiesOf(third.calls)).toEqual(['d']))
  })

  it('are called once when everybody has left and come back', async () => {
    const { hooks, calls } = recordingHooks(['onMessage'])
    const server = await startServer({ hooks, timings })
    for (const body of ['a', 'b', 'c']) {
      const { author, client } = await connected('alice', server.url)
      author.send(body)
      await until(() => expect(author.outbox.outboxes()).toEqual([]))
      client.destroy()
      await until(() => expect(server.health().rooms).toBe(0))
    }
    expect(bodiesOf(calls)).toEqual(['a', 'b', 'c'])
  })

  it('are called by one of the servers that share a storage', async () => {
    const engine = new SharedEngine()
    const recorders = [recordingHooks(['onMessage']), recordingHooks(['onMessage'])]
    const servers = await Promise.all(
      recorders.map(({ hooks }) => startServer({ hooks, timings, storage: engine.open() })),
    )
    const authors = await Promise.all(
      servers.map(({ url }, i) => connected(i === 0 ? 'alice' : 'bob', url)),
    )
    for (const { author } of authors) author.burst(50)
    await whenSequenced(servers[0]?.url as string, 100)
    const bodies = () => recorders.flatMap(({ calls }) => bodiesOf(calls))
    await until(() => expect(bodies().length).toBeGreaterThanOrEqual(100))
    expect(bodies().sort()).toEqual(
      authors.flatMap(({ author }) => author.sent.map(messageKey)).sort(),
    )
  })

  it('go on at another server when the one that gave indices is cut off', async () => {
    const engine = new SharedEngine()
    const logs = [engine.open(), engine.open()]
    const recorders = [recordingHooks(['onMessage']), recordingHooks(['onMessage'])]
    const servers = await Promise.all(
      recorders.map(({ hooks }, i) => startServer({ hooks, timings, storage: logs[i] as never })),
    )
    const alice = await connected('alice', servers[0]?.url as string)
    alice.author.send('a')
    await until(() => expect(bodiesOf(recorders[0]?.calls ?? [])).toEqual(['a']))
    const bob = await connected('bob', servers[1]?.url as string)
    logs[0]?.cut()
    bob.author.send('b')
    await until(() => expect(bodiesOf(recorders[1]?.calls ?? [])).toContain('b'))
    logs[0]?.heal()
    expect(bodiesOf(recorders[0]?.calls ?? [])).toEqual(['a'])
  })
})

describe('a hook that fails', () => {
  it('is logged, and stops nobody', async () => {
    const error = vi.fn()
    const told: number[] = []
    const hooks: ServerHooks = {
      onMessage({ index }) {
        told.push(index)
        if (index === 0) throw new Error('thrown')
        return index === 1 ? Promise.reject(new Error('rejected')) : undefined
      },
    }
    const { url } = await startServer({ hooks, log: { ...silent, error } })
    const { author } = await connected('alice', url)
    author.burst(3)
    await until(() => expect(told).toEqual([0, 1, 2]))
    await until(() => expect(author.outbox.state.count).toBe(3))
    const logged = error.mock.calls.map(([text, { message }]) => [text, message])
    expect(logged).toEqual([
      [`${SID}: a hook failed`, 'thrown'],
      [`${SID}: a hook failed`, 'rejected'],
    ])
  })

  it('does not hold up messages, nor other conversations, if it never ends', async () => {
    const told: string[] = []
    const hooks: ServerHooks = {
      onMessage(_, { conversation }) {
        told.push(conversation.sid)
        return new Promise(() => {})
      },
    }
    const { url } = await startServer({ hooks, timings: { closeWithinMs: 20 } })
    const other = `CH${'9'.repeat(32)}`
    const { author } = await connected('alice', url)
    author.burst(20)
    await until(() => expect(author.outbox.state.count).toBe(20))
    const bob = new Author('bob')
    await whenSynced(bob.connect(url, other))
    bob.send()
    await until(() => expect(told).toEqual([SID, other]))
  })
})
