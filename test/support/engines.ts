import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'

/** A storage engine of our own: a real process, with its data in a temporary directory. */
export interface Engine {
  readonly url: string
  readonly port: number
  /** As a crash does it: nothing is finished, nothing is said. */
  kill(): Promise<void>
  /** Starts it again, where it was, with the data that it has. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** Undefined, and said loudly, where Redis is not installed. Starts it alone or as the one node of a cluster. */
export async function findRedis(): Promise<((isCluster?: true) => Promise<Engine>) | undefined> {
  const binary = await find('redis-server', [])
  if (binary === undefined) return missing('Redis', 'redis-server')
  return isCluster =>
    startEngine(
      redisUrl,
      (_, port) => isRedisReady(port),
      async (directory, port) => {
        const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '']
        args.push('--appendonly', 'yes', '--appendfsync', 'always')
        if (isCluster)
          args.push('--cluster-enabled', 'yes', '--cluster-port', `${await freePort()}`)
        return spawn(binary, args, { stdio: 'ignore' })
      },
    )
}

/** Undefined, and said loudly, where Postgres is not installed. */
export async function findPostgres(): Promise<(() => Promise<Engine>) | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  const directories = versions.map(version => `/usr/lib/postgresql/${version}/bin`)
  const binary = await find('postgres', directories)
  const initdb = await find('initdb', directories)
  if (binary === undefined || initdb === undefined) return missing('Postgres', 'postgresql')
  const user = unprivileged()
  return () =>
    startEngine(postgresUrl, isPostgresReady, async (directory, port) => {
      const data = join(directory, 'data')
      if (!existsSync(data)) {
        if (user) await chown(directory, user.uid, user.gid)
        const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']
        await promisify(execFile)(initdb, args, { ...user, cwd: directory })
      }
      const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=on']
      // What is answered before it is on the disk is lost for certain when it is killed.
      settings.push('wal_writer_delay=10s')
      const args = ['-D', data, '-p', `${port}`, ...settings.flatMap(setting => ['-c', setting])]
      return spawn(binary, args, { ...user, cwd: directory, stdio: 'ignore' })
    })
}

const redisUrl = (port: number) => `redis://127.0.0.1:${port}`
const postgresUrl = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

async function startEngine(
  urlAt: (port: number) => string,
  isReady: (url: string, port: number) => Promise<boolean>,
  launch: (directory: string, port: number) => Promise<ChildProcess>,
): Promise<Engine> {
  const directory = await mkdtemp(join(tmpdir(), 'y-conversations-engine-'))
  const port = await freePort()
  const url = urlAt(port)
  let child: ChildProcess | undefined

  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    // Postgres is many processes: those that live on would finish what they have begun.
    const children = childrenOf(child.pid)
    child.kill('SIGKILL')
    for (const pid of children) kill9(pid)
    await exited
    running.delete(child)
  }
  const restart = async () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      child = await launch(directory, port)
      running.add(child)
      if (await answers(child, () => isReady(url, port))) return
      running.delete(child)
      // What is left of the one that was killed may hold the data for a moment.
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    throw new Error(`${url} ends as soon as it is started`)
  }
  const stop = async () => {
    await kill()
    await rm(directory, { recursive: true, force: true })
  }
  await restart()
  return { url, port, kill, restart, stop }
}

/** Says whether it answers before it ends. */
async function answers(child: ChildProcess, isReady: () => Promise<boolean>): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    if (await isReady()) return true
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return false
}

async function isRedisReady(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.end('PING\r\n')
    const [answer] = await once(socket, 'data')
    return String(answer).startsWith('+PONG')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function isPostgresReady(url: string): Promise<boolean> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function find(binary: string, directories: string[]): Promise<string | undefined> {
  const path = (process.env.PATH ?? '').split(delimiter)
  return [...directories, ...path]
    .map(directory => join(directory, binary))
    .find(candidate => existsSync(candidate))
}

function missing(engine: string, debianPackage: string): undefined {
  console.warn(
    `\n!!! ${engine} IS NOT TESTED: its server is not installed here. On Debian: apt-get install ${debianPackage}\n`,
  )
}

/** Postgres refuses to run as root: another user to run it as. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find(line => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

function childrenOf(pid: number | undefined): number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

function kill9(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
