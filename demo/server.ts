import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ConversationsError } from '../src/base/errors.ts'
import { createServer, type RolePermissions } from '../src/server/index.ts'
import { bundlePages } from './bundle.ts'
import { demoSignIn } from './sign-in.ts'

export interface DemoOptions {
  /** 0 takes a free one. */
  port: number
  /** A directory for the documents. */
  storage: string
}

export interface Demo {
  /** Of the page with both people, without a slash at the end. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/**
 * The server of the library with the pages of the demo on the same port.
 *
 * @throws ConversationsError `storage` if another process uses the directory
 * @throws Error of code `EADDRINUSE` if another process uses the port
 */
export async function startDemo({ port, storage }: DemoOptions): Promise<Demo> {
  const { serve, authenticate } = demoSignIn(await bundlePages())
  const log = { info: () => {}, warn: console.warn, error: console.error }
  const server = await createServer({ port, storage, serve, authenticate, permissions, log })
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    close: () => server.close(),
  }
}

/** Whoever has the page open may come in, and change the topic and the list. */
const permissions: RolePermissions = {
  guest: ['read', 'join'],
  member: ['read', 'sendMessage', 'editMessageAttributes', 'editConversation'],
}

/** A port that was asked for, or the first free one from 4000 on. */
async function startOnPort(asked: string | undefined, storage: string): Promise<Demo> {
  if (asked) return startDemo({ port: Number(asked), storage })
  for (let port = 4000; ; port++) {
    try {
      return await startDemo({ port, storage })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port === 4019) throw error
    }
  }
}

/** What went wrong in words for whoever has typed the command. */
function explain(error: unknown, asked: string | undefined): unknown {
  if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    return `Port ${asked ?? 'range 4000-4019'} is taken. Choose another: PORT=5000 npm run demo`
  }
  if (error instanceof ConversationsError && error.code === 'storage') {
    return `${error.message}: STORAGE=.data/second npm run demo`
  }
  return error
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { PORT, STORAGE = fileURLToPath(new URL('../.data/demo', import.meta.url)) } = process.env
  try {
    const demo = await startOnPort(PORT, STORAGE)
    console.log(`\n  The demo runs at ${demo.url}\n\n  Ctrl+C ends it.\n`)
    const stop = () => void demo.close().then(() => process.exit())
    process.once('SIGINT', stop).once('SIGTERM', stop)
  } catch (error) {
    console.error(explain(error, PORT))
    process.exitCode = 1
  }
}
