import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { onTestFinished } from 'vitest'
import type { ServerOptions } from '../../../../src/server/index.ts'
import type { PostgresLogOptions } from '../../../../src/server/postgres.ts'
import type { RedisLogOptions } from '../../../../src/server/redis.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** A program that serves the directory and the port that it is given. */
export const serverProgram = (options = '') => `
  import { createServer } from './src/server/index.ts'
  import { redisLog } from './src/server/redis.ts'
  import { postgresLog } from './src/server/postgres.ts'
  const { place, ...settings } = JSON.parse(process.argv[2])
  const storage = place.redis ? await redisLog(place.redis)
    : place.postgres ? await postgresLog(place.postgres)
    : place.directory
  const log = { info() {}, warn() {}, error: place.directory ? console.error : () => {} }
  const server = await createServer({ log, ...settings, storage, ${options} })
  process.on('SIGTERM', async () => {
    await server.close()
    process.exit()
  })
  process.on('disconnect', () => process.exit())
  process.send(server.url)
`

/** Where the documents of a child are. */
export type Place =
  | { readonly directory: string }
  | { readonly redis: RedisLogOptions }
  | { readonly postgres: PostgresLogOptions }

let bundles = 0

/** Bundles a program that serves a directory, for a Node that does not run TypeScript; returns its path. */
export async function bundleServer(main = serverProgram()): Promise<string> {
  // Inside `node_modules`, so that it finds the packages.
  const directory = `${root}node_modules/.cache/y-conversations`
  await mkdir(directory, { recursive: true })
  const outfile = `${directory}/server-${process.pid}-${bundles++}.mjs`
  await build({
    stdin: { contents: main, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
  })
  return outfile
}

/** Serves a directory, or another place, from a process of its own, which is killed with the test; at a free port if none is given. */
export async function startChild(
  program: string,
  place: string | Place,
  port = 0,
  options: ServerOptions = {},
) {
  const server = await startServerProcess(program, place, port, options)
  onTestFinished(server.kill)
  return server
}

/** The same, for who kills it. */
export async function startServerProcess(
  program: string,
  place: string | Place,
  port = 0,
  options: ServerOptions = {},
) {
  const where = typeof place === 'string' ? { directory: place } : place
  const argument = JSON.stringify({ place: where, port, ...options })
  const child: ChildProcess = spawn(process.execPath, [program, argument], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await exited
  }
  const [url] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => Promise.reject(new Error(`The server exited with ${code}`))),
  ])) as [string]
  return {
    url,
    kill: () => end('SIGKILL'),
    /** Ends it as an operator does. */
    stop: () => end('SIGTERM'),
    pause: () => child.kill('SIGSTOP'),
    goOn: () => child.kill('SIGCONT'),
    /** The answer of a program that answers messages. */
    ask: async () => {
      const answer = once(child, 'message')
      child.send('ask')
      return (await answer)[0] as number
    },
  }
}

export type ChildServer = Awaited<ReturnType<typeof startChild>>
