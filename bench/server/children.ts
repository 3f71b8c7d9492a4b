import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const loader = new URL('../../scripts/typescript.mjs', import.meta.url).href
const execArgv = [
  '--enable-source-maps',
  '--import',
  loader,
  '--expose-gc',
  // Where somebody looks at what takes the time.
  ...process.execArgv.filter(word => word.startsWith('--cpu-prof')),
]

/** @param script beside this file; it ends with the channel to this process */
export function startChild(script: string, ...args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return fork(path, args, { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

/** What it says next. */
export function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error(`${child.spawnargs.at(-1)}: the process has ended`))
    child.once('exit', onExit)
    child.once('message', answer => {
      child.off('exit', onExit)
      resolve(answer as Answer)
    })
  })
}

export async function endChild(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.disconnect()
  await exited
}
