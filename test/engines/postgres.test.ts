import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { postgresLog } from '../../src/server/postgres.ts'
import { type Engine, findPostgres } from '../support/engines.ts'
import {
  bytes,
  describeCluster,
  describeDocumentLog,
  opened,
} from '../unit/server/log/conformance.ts'
import { contents } from '../unit/server/log/model.ts'
import { until } from '../unit/server/support/clients.ts'
import { describeSurvival } from './survival.ts'

const start = await findPostgres()

describe.skipIf(!start)('Postgres', () => {
  let engine: Engine
  beforeAll(async () => {
    if (start) engine = await start()
  })
  afterAll(() => engine?.stop())

  let places = 0
  const place = async () => {
    // One that has to be quoted.
    const schema = `place "${places++}"`
    return () =>
      postgresLog({
        connectionString: engine.url,
        schema,
        timeoutMs: 20_000,
        onWarning: unexpected,
      })
  }
  describeDocumentLog('the Postgres log', place)
  describeCluster('the Postgres log', place)
  describeSurvival(
    'Postgres',
    () => engine,
    (schema, port) => {
      const connectionString = engine.url.replace(`:${engine.port}/`, `:${port}/`)
      return postgresLog({ connectionString, schema, timeoutMs: 1000, onWarning: unexpected })
    },
  )

  it('lets nobody take a lease over while something is written under it', async () => {
    const pool = new pg.Pool({ connectionString: engine.url })
    onTestFinished(() => pool.end())
    const log = await opened(() => postgresLog({ connectionString: engine.url, schema: 'fenced' }))
    const lease = await log.cluster?.lease('room', 60_000)
    await log.append('room', [bytes(1)])
    const blocker = new pg.Client(engine.url)
    await blocker.connect()
    onTestFinished(() => blocker.end())
    await blocker.query('BEGIN; SELECT FROM fenced.documents FOR UPDATE')
    const waiting = async () => {
      const { rowCount } = await pool.query(
        `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
      )
      return rowCount
    }

    const written = log.append('room', [bytes(2)], lease)
    await until(async () => expect(await waiting()).toBe(1))
    let isReleased = false
    const released = lease?.release().then(() => {
      isReleased = true
    })
    await until(async () => expect(isReleased || (await waiting()) === 2).toBe(true))
    expect(isReleased).toBe(false)
    await blocker.query('COMMIT')
    expect(await written).toBe(2)
    await released
  })

  it('takes a pool, and leaves it open', async () => {
    const pool = new pg.Pool({ connectionString: engine.url })
    onTestFinished(() => pool.end())
    const open = () => postgresLog({ pool, schema: 'pool' })
    const log = await open()
    const other = await opened(open)
    await log.append('room', [bytes(1)])
    await log.close()
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(await contents(other, 'room')).toEqual({ updates: [[1]], upTo: 1 })
  })

  it('commits durably where the pool does not', async () => {
    const pool = new pg.Pool({ connectionString: engine.url, options: '-c synchronous_commit=off' })
    onTestFinished(() => pool.end())
    const log = await opened(() => postgresLog({ pool, schema: 'relaxed' }))
    for (let i = 0; i < 20; i++) await log.append('room', [bytes(i)])
    await engine.kill()
    await engine.restart()
    const again = await opened(() =>
      postgresLog({ connectionString: engine.url, schema: 'relaxed' }),
    )
    expect((await again.read('room')).upTo).toBe(20)
  })

  it('needs no right to create where the tables are there', async () => {
    const admin = new pg.Client(engine.url)
    await admin.connect()
    onTestFinished(() => admin.end())
    await (await postgresLog({ connectionString: engine.url, schema: 'theirs' })).close()
    await admin.query(`
      CREATE ROLE writer LOGIN;
      GRANT USAGE ON SCHEMA theirs TO writer;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA theirs TO writer`)
    const connectionString = engine.url.replace('postgres@', 'writer@')
    const log = await opened(() => postgresLog({ connectionString, schema: 'theirs' }))
    expect(await log.append('room', [bytes(1)])).toBe(1)
    await expect(postgresLog({ connectionString, schema: 'mine' })).rejects.toMatchObject({
      code: 'storage',
      reason: 'open-failed',
      message: expect.stringContaining('permission denied'),
    })
  })

  it('refuses what it cannot work with', async () => {
    const refused = { name: 'ConversationsError', code: 'invalid-argument' }
    const connectionString = engine.url
    await expect(postgresLog({})).rejects.toMatchObject(refused)
    await expect(postgresLog({ connectionString: 'http://127.0.0.1' })).rejects.toMatchObject(
      refused,
    )
    const pool = new pg.Pool({ connectionString, max: 1 })
    await expect(postgresLog({ pool })).rejects.toMatchObject(refused)
    for (const schema of ['', 'a\0b', 'x'.repeat(64), '\ud800']) {
      await expect(postgresLog({ connectionString, schema })).rejects.toMatchObject(refused)
    }
  })
})

function unexpected(warning: string): void {
  throw new Error(warning)
}
