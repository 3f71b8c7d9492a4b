import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** A program that serves the directory and the port that it is given. */
export const serverProgram = (options = '') => `
  import { createServer } from './src/server/index.ts'
  const log = { info() {}, warn() {}, error: console.error }
  const { url } = await createServer({ port: Number(process.argv[3]), storage: process.argv[2], log, ${options} })
  process.send(url)
`

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

/** Serves the directory from a process of its own, which is killed with the test; at a free port if none is given. */
export async function startChild(program: string, directory: string, port = 0) {
  const { url, kill } = await startServerProcess(program, directory, port)
  onTestFinished(kill)
  return { url, kill }
}

/** The same, for who kills it; `ask` gets the answer of a program that answers messages. */
export async function startServerProcess(program: string, directory: string, port = 0) {
  const child: ChildProcess = spawn(process.execPath, [program, directory, String(port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const [url] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => Promise.reject(new Error(`The server exited with ${code}`))),
  ])) as [string]
  const ask = async () => {
    const answer = once(child, 'message')
    child.send('ask')
    return (await answer)[0] as number
  }
  return { url, kill, ask }
}
