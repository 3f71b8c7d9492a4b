import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answerOf, endChild, startChild } from './children.ts'
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
    const child = startChild(contenders[name].script, directory)
    const { port } = await answerOf<{ port: number }>(child)
    return new ServerProcess(name, `ws://127.0.0.1:${port}`, child, directory)
  }

  private constructor(name: ServerName, url: string, child: ChildProcess, directory: string) {
    this.name = name
    this.url = url
    this.#child = child
    this.#directory = directory
  }

  /** One at a time. */
  async usage(request: UsageRequest = { collect: false }): Promise<Usage> {
    this.#child.send(request)
    return answerOf<Usage>(this.#child)
  }

  async close(): Promise<void> {
    await endChild(this.#child)
    await rm(this.#directory, { recursive: true })
  }
}
