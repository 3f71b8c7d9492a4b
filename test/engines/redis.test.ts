import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { redisLog } from '../../src/server/redis.ts'
import { type Engine, findRedis } from '../support/engines.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import {
  bytes,
  describeCluster,
  describeDocumentLog,
  opened,
} from '../unit/server/log/conformance.ts'
import { contents } from '../unit/server/log/model.ts'
import { until } from '../unit/server/support/clients.ts'
import { describeSurvival } from './survival.ts'

const start = await findRedis()

describe.skipIf(!start)('Redis', () => {
  let engine: Engine
  beforeAll(async () => {
    if (start) engine = await start()
  })
  afterAll(() => engine?.stop())

  let places = 0
  const place = async () => {
    const prefix = `place${places++}`
    return () => redisLog({ url: engine.url, prefix, onWarning: unexpected })
  }
  describeDocumentLog('the Redis log', place)
  describeCluster('the Redis log', place)
  describeSurvival(
    'Redis',
    () => engine,
    (prefix, port) =>
      redisLog({
        url: `redis://127.0.0.1:${port}`,
        prefix,
        timeoutMs: 1000,
        onWarning: unexpected,
      }),
  )

  it('takes a client, and leaves it open', async () => {
    const client = new Redis(engine.url)
    onTestFinished(() => client.disconnect())
    const open = () => redisLog({ client, prefix: 'client' })
    const log = await open()
    const other = await opened(open)
    await log.append('room', [bytes(1)])
    await log.close()
    expect(await client.ping()).toBe('PONG')
    expect(await contents(other, 'room')).toEqual({ updates: [[1]], upTo: 1 })
  })

  it('rejects in bounded time also with a client that would wait for ever', async () => {
    const proxy = await startTcpProxy(engine.port)
    onTestFinished(() => proxy.close())
    const client = new Redis(proxy.port, '127.0.0.1')
    onTestFinished(() => client.disconnect())
    const log = await opened(() => redisLog({ client, prefix: 'patient', timeoutMs: 500 }))
    await log.append('room', [bytes(1)])
    proxy.freeze()
    await expect(log.append('room', [bytes(2)])).rejects.toMatchObject({ code: 'storage' })
  })

  it('keeps prefixes apart', async () => {
    const a = await opened(() => redisLog({ url: engine.url, prefix: 'a' }))
    const b = await opened(() => redisLog({ url: engine.url, prefix: 'ab' }))
    await a.append('room', [bytes(1)])
    await b.append('room', [bytes(2)])
    expect(await contents(a, 'room')).toEqual({ updates: [[1]], upTo: 1 })
    for await (const name of a.names('')) expect(name).toBe('room')
  })

  it('lays everything of one conversation into one slot of a cluster', async () => {
    const node = await start?.(true)
    onTestFinished(() => node?.stop())
    const client = new Redis(node?.url ?? '')
    onTestFinished(() => client.disconnect())
    await client.cluster('ADDSLOTSRANGE', 0, 16383)
    await until(async () => expect(await client.cluster('INFO')).toContain('cluster_state:ok'))

    // It refuses whatever needs two slots.
    const log = await opened(() => redisLog({ client, prefix: 'slots', onWarning: unexpected }))
    const lease = await log.cluster?.lease('CHa}b', 60_000)
    for (const name of ['CHa}b', 'CHa}b/o', 'CHa}b/m/0']) {
      await log.append(name, [bytes(1)], lease)
      await log.claim(name, 'key', 'alice')
      await log.snapshot(name, bytes(2), 1)
      expect(await contents(log, name)).toEqual({ updates: [[2]], upTo: 1 })
    }
    expect(await lease?.renew(60_000)).toBe(true)
    await log.erase('CHa}b/o')
    await expect(log.append('other', [bytes(1)], lease)).rejects.toThrow('slot')
  })

  it.each([
    ['appendonly', 'no', 'appendonly yes'],
    ['appendfsync', 'no', 'appendfsync always'],
    ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
  ])('warns of %s %s', async (setting, value, advice) => {
    const client = new Redis(engine.url)
    onTestFinished(() => client.disconnect())
    const [, before] = (await client.config('GET', setting)) as [string, string]
    await client.config('SET', setting, value)
    const warnings: string[] = []
    try {
      await opened(() => redisLog({ url: engine.url, onWarning: text => warnings.push(text) }))
    } finally {
      await client.config('SET', setting, before)
    }
    expect(warnings).toEqual([expect.stringContaining(advice)])
  })

  it('refuses what it cannot work with', async () => {
    const refused = { name: 'ConversationsError', code: 'invalid-argument' }
    const client = new Redis({ lazyConnect: true, keyPrefix: 'mine:' })
    await expect(redisLog({})).rejects.toMatchObject(refused)
    await expect(redisLog({ url: engine.url, client })).rejects.toMatchObject(refused)
    await expect(redisLog({ client })).rejects.toMatchObject(refused)
    await expect(redisLog({ url: 'http://127.0.0.1' })).rejects.toMatchObject(refused)
    await expect(redisLog({ url: engine.url, prefix: 'a{b}' })).rejects.toMatchObject(refused)
  })
})

function unexpected(warning: string): void {
  throw new Error(warning)
}
