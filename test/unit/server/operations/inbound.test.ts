import { describe, expect, it } from 'vitest'
import { outboxName } from '../../../../src/schema/messages/ids.ts'
import { writerClaim } from '../../../../src/server/authorization/claims.ts'
import type { ConversationsServer, ServerHooks } from '../../../../src/server/index.ts'
import { Organiser, recordingHooks } from '../hooks/support.ts'
import { Author, SID, storedLog } from '../support/chat.ts'
import { startServer, until, whenSynced } from '../support/clients.ts'
import { SharedEngine } from '../support/shared-log.ts'

const PHONE = '@sms:+1555'
const timings = { retryMs: 20, leaseMs: 300, heartbeatMs: 30, nodeLostMs: 150, sweepMs: 10 }

/** Two servers, and a conversation with Alice and a telephone. */
async function start(hooks?: ServerHooks) {
  const engine = new SharedEngine()
  const servers = await Promise.all(
    [0, 1].map(() => startServer({ storage: engine.open(), timings, ...(hooks && { hooks }) })),
  )
  const olga = new Organiser()
  const { destroy } = await olga.connect(servers[0]?.url as string)
  olga.create()
  olga.add('alice')
  olga.add(PHONE, {}, '+1555')
  await until(() => expect(engine.document(SID).rows.length).toBeGreaterThan(0))
  return { engine, servers: servers as [ConversationsServer, ConversationsServer], destroy }
}

describe('a message that came in over a bridge', () => {
  it('is one of its author, with an index, and comes to those who are there', async () => {
    const { servers, engine } = await start()
    const alice = new Author('alice')
    await whenSynced(alice.connect(servers[0].url))
    alice.send('hello')
    await until(() => expect(alice.outbox.state.count).toBe(1))
    const message = { author: PHONE, body: 'hi', subject: 'S', attributes: { a: [1] } }
    expect(await servers[0].addMessage(SID, message)).toBe(1)
    await until(() => expect(alice.outbox.state.count).toBe(2))
    expect((await storedLog(engine.open()))[1]).toMatchObject({
      author: PHONE,
      content: { body: 'hi', subject: 'S', attributes: '{"a":[1]}' },
    })
  })

  it('gets its index also where nobody is there, by any server, many at a time', async () => {
    const { servers, engine, destroy } = await start()
    destroy()
    const numbers = Array.from({ length: 40 }, (_, n) => n)
    const indices = await Promise.all(
      numbers.map(n => servers[n % 2]?.addMessage(SID, { author: PHONE, body: String(n) })),
    )
    expect(indices.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers)
    const log = await storedLog(engine.open())
    expect(log.map(({ content }) => content?.body)).toEqual(
      numbers.map(index => String(indices.indexOf(index))),
    )
    // One writer for each server, and nobody else may be that.
    const writers = new Set(log.map(({ writer }) => writer))
    expect(writers.size).toBe(2)
    const { claims } = await engine.open().read(outboxName(SID))
    expect([...claims.keys()].sort()).toEqual([...writers].map(writerClaim).sort())
    await until(() => expect(servers.map(server => server.health().rooms)).toEqual([0, 0]))
  })

  it('is told of as any other, but not to its author', async () => {
    const { hooks, calls } = recordingHooks(['onMessage'])
    const { servers } = await start(hooks)
    await servers[1].addMessage(SID, { author: PHONE, body: 'hi' })
    await until(() => expect(calls).toHaveLength(1))
    expect(calls[0]?.slice(1)).toEqual([
      expect.objectContaining({ author: '+1555', body: 'hi' }),
      expect.objectContaining({ recipients: [expect.objectContaining({ identity: 'alice' })] }),
    ])
  })

  it.each<[string, string, string, object]>([
    ['of somebody on chat', 'invalid-argument', SID, { author: 'alice' }],
    ['of nobody', 'invalid-argument', SID, { author: undefined }],
    ['of somebody who is not there', 'not-found', SID, { author: '@sms:+1999' }],
    ['to no conversation', 'invalid-argument', 'team', { author: PHONE }],
    ['with a body that is no text', 'invalid-argument', SID, { author: PHONE, body: 1 }],
    [
      'with attributes that are no JSON',
      'invalid-argument',
      SID,
      { author: PHONE, attributes: () => {} },
    ],
  ])('%s is refused', async (_, code, sid, message) => {
    const { servers, engine } = await start()
    await expect(servers[0].addMessage(sid, message as never)).rejects.toMatchObject({ code })
    expect(await storedLog(engine.open())).toEqual([])
  })
})
