import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ConversationsError } from '../../base/errors.ts'
import { jwt } from '../authentication/jwt.ts'
import { jsonLogger, textLogger } from '../logging/json-logger.ts'
import type { Logger, ServerOptions } from '../options.ts'
import { type ConversationsServer, createServer } from '../server.ts'
import { DATA_COMMANDS, runDataCommand } from './data-commands.ts'
import { helpText } from './help.ts'
import { keysOf } from './keys.ts'
import { flagOf, resolveSettings, SETTINGS, type Settings } from './settings.ts'
import { openStorage } from './storage.ts'
import { createToken } from './token.ts'
import { UsageError } from './usage-error.ts'

const SHUTDOWN_WITHIN_MS = 10_000

/** Runs `y-conversations-server` with these arguments and ends the process when it is done. */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<void> {
  try {
    await dispatch(args, environment)
  } catch (error) {
    const isUsage = error instanceof UsageError
    const isExplained = isUsage || error instanceof ConversationsError || isSystemError(error)
    const what = isExplained ? (error as Error).message : ((error as Error)?.stack ?? error)
    process.stderr.write(`y-conversations-server: ${what}\n`)
    if (isUsage) process.stderr.write('See y-conversations-server --help\n')
    process.exitCode = isUsage ? 2 : 1
  }
}

async function dispatch(args: string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const [first = ''] = args
  const isToken = first === 'token'
  const isData = Object.hasOwn(DATA_COMMANDS, first)
  const { flags, words } = parse(isToken || isData ? args.slice(1) : args, isToken, isData)
  if (flags.help) process.stdout.write(helpText())
  else if (flags.version) process.stdout.write(`${version()}\n`)
  else {
    const settings = resolveSettings(flags, environment)
    if (isToken) {
      process.stdout.write(`${await createToken(settings, flags.identity, flags.expires)}\n`)
    } else if (isData) await runDataCommand(first, words, settings)
    else await serve(settings)
  }
}

function parse(
  args: string[],
  isToken: boolean,
  isData: boolean,
): { flags: Record<string, unknown>; words: string[] } {
  const type = 'string' as const
  const shown = SETTINGS.filter(({ isSecret }) => !isSecret)
  const options = {
    help: { type: 'boolean' as const, short: 'h' },
    version: { type: 'boolean' as const },
    config: { type },
    ...(isToken && { identity: { type }, expires: { type } }),
    ...Object.fromEntries(
      shown.map(({ name, value }) => [flagOf(name), { type: value ? type : ('boolean' as const) }]),
    ),
  }
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: isData })
    return { flags: values, words: positionals }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function serve(settings: Settings): Promise<void> {
  const log = settings.log === 'json' ? jsonLogger() : textLogger()
  const exitOnError = (error: unknown) => {
    log.error('uncaught error', error)
    process.exit(1)
  }
  process.on('uncaughtException', exitOnError).on('unhandledRejection', exitOnError)
  const keys = keysOf(settings)
  const { audience, issuer } = settings
  const authenticate =
    keys && jwt(keys, { ...(audience && { audience }), ...(issuer && { issuer }) })
  if (settings.storage === undefined) {
    log.warn('documents are in memory only, and gone when this ends: give --storage')
  }
  const server = await createServer({
    ...pick(settings),
    ...(settings.storage !== undefined && { storage: await openStorage(settings.storage, log) }),
    ...(authenticate && { authenticate }),
    log,
  })
  stopOnSignals(server, log, settings.shutdownWithinMs ?? SHUTDOWN_WITHIN_MS)
}

/** Those that the server takes as they are. */
function pick(settings: Settings): ServerOptions {
  const { storage, jwtSecret, jwtSecretFile, jwks, audience, issuer, ...rest } = settings
  const { log, shutdownWithinMs, ...options } = rest
  return options
}

function stopOnSignals(server: ConversationsServer, log: Logger, withinMs: number): void {
  let isStopping = false
  const stop = (signal: NodeJS.Signals, number: number) => {
    if (isStopping) process.exit(128 + number)
    isStopping = true
    log.info(`${signal}: shutting down`)
    setTimeout(() => {
      log.error(`not everything was done within ${withinMs} ms`)
      process.exit(1)
    }, withinMs).unref()
    server.close().then(
      () => process.exit(0),
      error => {
        log.error('cannot shut down', error)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}

function version(): string {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

/** Such as a port that is taken: its message says everything. */
const isSystemError = (error: unknown) =>
  typeof (error as NodeJS.ErrnoException)?.syscall === 'string'
