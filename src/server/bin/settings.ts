import { readFileSync } from 'node:fs'
import type { RolePermissions } from '../../schema/permissions.ts'
import type { ServerLimits } from '../options.ts'
import {
  Expected,
  flag,
  limits,
  list,
  oneOf,
  origins,
  permissions,
  type Rule,
  storage,
  text,
  wholeNumber,
} from './rules.ts'
import { UsageError } from './usage-error.ts'

export interface Settings {
  port?: number
  host?: string
  storage?: string
  media?: string
  jwtSecret?: string
  jwtSecretFile?: string
  jwks?: string
  audience?: string[]
  issuer?: string[]
  insecure?: boolean
  origins?: string[]
  behindProxy?: boolean
  permissions?: RolePermissions
  limits?: Partial<ServerLimits>
  metricsToken?: string
  log?: 'text' | 'json'
  shutdownWithinMs?: number
}

export interface Setting {
  /** In the file; the flag is `--kebab-case`, the variable `Y_CONVERSATIONS_SNAKE_CASE`. */
  readonly name: keyof Settings
  readonly rule: Rule<unknown>
  /** What stands for the value in the help; none = true if given. */
  readonly value?: string
  readonly help: string
  /** No flag, which everybody on the machine could see, and never told in an error. */
  readonly isSecret?: true
  /** In text it is the path of a JSON file, which has the value. */
  readonly isFile?: true
}

export const SETTINGS: readonly Setting[] = [
  {
    name: 'port',
    rule: wholeNumber(0, 65_535),
    value: 'number',
    help: '1234 by default; 0 = a free one',
  },
  { name: 'host', rule: text, value: 'address', help: '127.0.0.1 by default' },
  {
    name: 'storage',
    rule: storage,
    value: 'place',
    help: 'a directory, redis://… or postgres://…; only memory by default',
  },
  {
    name: 'media',
    rule: text,
    value: 'directory',
    help: 'for attachments; beside the documents by default',
  },
  {
    name: 'jwtSecret',
    rule: text,
    value: 'secret',
    help: 'of tokens with HS256; 32 bytes or more',
    isSecret: true,
  },
  { name: 'jwtSecretFile', rule: text, value: 'path', help: 'a file with that secret' },
  { name: 'jwks', rule: text, value: 'url', help: 'the public keys of who signs the tokens' },
  { name: 'audience', rule: list, value: 'names', help: 'of which tokens must have one as aud' },
  { name: 'issuer', rule: list, value: 'names', help: 'of which tokens must have one as iss' },
  { name: 'insecure', rule: flag, help: 'serve other machines without authentication' },
  {
    name: 'origins',
    rule: origins,
    value: 'urls',
    help: 'whose pages may connect; all by default',
  },
  { name: 'behindProxy', rule: flag, help: 'take X-Forwarded-For for the address of clients' },
  {
    name: 'permissions',
    rule: permissions,
    value: 'file',
    help: 'a JSON file: what each role may do',
    isFile: true,
  },
  {
    name: 'limits',
    rule: limits,
    value: 'name=number,…',
    help: 'see ServerLimits in docs/server.md',
  },
  {
    name: 'metricsToken',
    rule: text,
    value: 'secret',
    help: 'for /metrics from other machines',
    isSecret: true,
  },
  {
    name: 'log',
    rule: oneOf('text', 'json'),
    value: 'format',
    help: 'text or json; text by default',
  },
  {
    name: 'shutdownWithinMs',
    rule: wholeNumber(1, 3_600_000),
    value: 'number',
    help: '10000 by default',
  },
]

export const flagOf = (name: string): string =>
  name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

export const variableOf = (name: string): string =>
  `Y_CONVERSATIONS_${flagOf(name).replaceAll('-', '_').toUpperCase()}`

/**
 * Puts together what the flags, the environment and the file say, each before the next.
 *
 * @throws UsageError which names the setting, where it was said, and the bad value
 */
export function resolveSettings(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  checkVariables(environment)
  const path = flags.config ?? environment[variableOf('config')]
  const file = typeof path === 'string' ? readObject(path) : {}
  checkKeys(file, String(path))
  const settings: Record<string, unknown> = {}
  for (const setting of SETTINGS) {
    const { name } = setting
    const sources: [string, unknown][] = [
      [`--${flagOf(name)}`, flags[flagOf(name)]],
      [variableOf(name), environment[variableOf(name)]],
      [`"${name}" in ${path}`, file[name]],
    ]
    const said = sources.find(([, value]) => value !== undefined)
    if (said) settings[name] = readValue(setting, ...said)
  }
  return settings
}

function readValue({ rule, isSecret, isFile }: Setting, source: string, value: unknown): unknown {
  try {
    return rule(isFile && typeof value === 'string' ? readObject(value) : value)
  } catch (error) {
    if (!(error instanceof Expected)) throw error
    const given = isSecret ? '' : `, not ${JSON.stringify(value)}`
    throw new UsageError(`${source} must be ${error.message}${given}`)
  }
}

function checkVariables(environment: Readonly<Record<string, string | undefined>>): void {
  const known = new Set(['config', ...SETTINGS.map(({ name }) => name)].map(variableOf))
  const isOurs = (name: string) => name.startsWith(variableOf(''))
  const unknown = Object.keys(environment).find(name => isOurs(name) && !known.has(name))
  if (unknown) throw new UsageError(`Unknown variable ${unknown} in the environment`)
}

function checkKeys(file: object, path: string): void {
  const unknown = Object.keys(file).find(key => !SETTINGS.some(({ name }) => name === key))
  if (unknown !== undefined) throw new UsageError(`Unknown setting "${unknown}" in ${path}`)
}

function readObject(path: string): Record<string, unknown> {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    // What JSON.parse says quotes the content, where secrets may be.
    const isRead = error instanceof SyntaxError
    throw new UsageError(
      `Cannot read ${path}: ${isRead ? 'it is no JSON' : (error as Error).message}`,
    )
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>
  }
  throw new UsageError(`${path} must have a JSON object`)
}
