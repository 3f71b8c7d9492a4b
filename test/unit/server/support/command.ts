import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** Runs `y-conversations-server` in a process of its own, which is killed with the test. */
export function command(args: string[], environment: Record<string, string> = {}) {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', './scripts/typescript.mjs', 'src/server/bin.ts', ...args],
    {
      cwd: root,
      env: { PATH: process.env.PATH, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', chunk => {
    stdout += chunk
  })
  child.stderr?.on('data', chunk => {
    stderr += chunk
  })
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return {
    exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    output: () => stdout + stderr,
    /** Where it listens, as soon as it says so. */
    url: async () => {
      const found = () => /ws:\/\/127\.0\.0\.1:\d+/.exec(stdout)?.[0]
      const ended = exited.then(({ stderr }) => Promise.reject(new Error(`It ended: ${stderr}`)))
      ended.catch(() => {})
      while (!found()) await Promise.race([once(child.stdout as never, 'data'), ended])
      return found() as string
    },
  }
}
