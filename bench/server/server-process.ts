import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contenders, type ServerName } from './contenders.ts'
import type { Usage, UsageRequest } from './serving.ts'

/** One of the servers, in a process of its own with a directory of its own. */
export class ServerProcess {
  readonly name: ServerName
  readonly url: string
  readonly #child: ChildProcess
  readonly #directory: string

  static async start(name: ServerName): Promise<ServerProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'y-conversations-bench-'))
    const script = fileURLToPath(new URL(contenders[name].script, import.meta.url))
    const child = fork(script, [directory], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const { port } = await answerOf<{ port: number }>(child)
    return new ServerProcess(name, `ws://127.0.0.1:${port}`, child, directory)
  }

  private constructor(name: ServerName, url: string, child: ChildProcess, directory: string) {
    this.name = name
    this.url = url
    this.#child = child
    this.#directory = directory
  }

  async usage(request: UsageRequest = { collect: false }): Promise<Usage> {
    this.#child.send(request)
    return answerOf<Usage>(this.#child)
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.disconnect()
    await exited
    await rm(this.#directory, { recursive: true })
  }
}

/** One at a time. */
function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('the server has ended'))
    child.once('exit', onExit)
    child.once('message', answer => {
      child.off('exit', onExit)
      resolve(answer as Answer)
    })
  })
}
