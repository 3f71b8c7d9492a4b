import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DocumentLog, levelLog } from '../../../src/server/index.ts'
import { postgresLog } from '../../../src/server/postgres.ts'
import { redisLog } from '../../../src/server/redis.ts'
import { type Engine, findPostgres, findRedis } from '../../support/engines.ts'
import type { Place } from '../../unit/server/support/child-server.ts'

/** Somewhere to keep documents, for servers in processes of their own and for who looks at what they have left. */
export interface Storage {
  /** By way of another port of the engine, if one is given. */
  place(port?: number): Place
  open(): Promise<DocumentLog>
  /** Undefined for what is only files. */
  readonly engine?: Engine
  stop(): Promise<void>
}

export interface StorageKind {
  readonly title: string
  /** Undefined where the engine is not installed. */
  readonly start: (() => Promise<Storage>) | undefined
}

const startRedis = await findRedis()
const startPostgres = await findPostgres()

export const level: StorageKind = {
  title: 'LevelDB',
  start: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'y-conversations-'))
    return {
      place: () => ({ directory }),
      open: () => levelLog(directory),
      stop: () => rm(directory, { recursive: true, force: true }),
    }
  },
}

export const redis: StorageKind = {
  title: 'Redis',
  start:
    startRedis &&
    (async () => {
      const engine = await startRedis()
      return shared(engine, port => ({ url: `redis://127.0.0.1:${port}` }), {
        place: redis => ({ redis }),
        open: redisLog,
      })
    }),
}

export const postgres: StorageKind = {
  title: 'Postgres',
  start:
    startPostgres &&
    (async () => {
      const engine = await startPostgres()
      const at = (port: number) => ({
        connectionString: engine.url.replace(`:${engine.port}/`, `:${port}/`),
      })
      return shared(engine, at, { place: postgres => ({ postgres }), open: postgresLog })
    }),
}

/** How long a log waits for its engine. */
const timeoutMs = 2_000

function shared<Options>(
  engine: Engine,
  at: (port: number) => Options,
  kind: {
    place(options: Options & { timeoutMs: number }): Place
    open(options: Options & { timeoutMs: number }): Promise<DocumentLog>
  },
): Storage {
  const optionsAt = (port = engine.port) => ({ ...at(port), timeoutMs })
  return {
    engine,
    place: port => kind.place(optionsAt(port)),
    open: () => kind.open(optionsAt()),
    stop: () => engine.stop(),
  }
}
