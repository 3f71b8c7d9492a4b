import type { Logger } from '../options.ts'

type Level = keyof Logger

/**
 * Writes one JSON object a line: `time`, `level` and `message`; the properties of the objects among the details (`room`,
 * `identity`, …), an error as `error`, and everything else as `details`.
 */
export function jsonLogger(
  write: (line: string) => void = line => void process.stdout.write(line),
): Logger {
  const log = (level: Level, message: string, details: readonly unknown[]) =>
    write(
      `${stringify({ ...fieldsOf(details), time: new Date().toISOString(), level, message })}\n`,
    )
  return {
    info: (message, ...details) => log('info', message, details),
    warn: (message, ...details) => log('warn', message, details),
    error: (message, ...details) => log('error', message, details),
  }
}

/** Writes lines for people: problems to the standard error, the rest to the standard output. */
export function textLogger(): Logger {
  const log = (level: Level, stream: NodeJS.WriteStream, message: string, rest: unknown[]) => {
    const fields = Object.entries(fieldsOf(rest)).map(([key, value]) => `${key}=${show(value)}`)
    const line = [new Date().toISOString(), level.toUpperCase().padEnd(5), message, ...fields]
    stream.write(`${line.join(' ')}\n`)
  }
  return {
    info: (message, ...details) => log('info', process.stdout, message, details),
    warn: (message, ...details) => log('warn', process.stderr, message, details),
    error: (message, ...details) => log('error', process.stderr, message, details),
  }
}

function fieldsOf(details: readonly unknown[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  const others: unknown[] = []
  for (const detail of details) {
    if (detail instanceof Error) fields.error = describe(detail)
    else if (isPlain(detail)) Object.assign(fields, detail)
    else others.push(detail)
  }
  return others.length > 0 ? { ...fields, details: others } : fields
}

/** Not its other properties, which may hold anything, also secrets. */
function describe({ name, message, stack, cause }: Error): Record<string, unknown> {
  return {
    name,
    message,
    stack,
    ...(cause !== undefined && { cause: cause instanceof Error ? describe(cause) : cause }),
  }
}

function isPlain(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  )
}

/** Text stays on its line, and an error is its stack. */
function show(value: unknown): string {
  const { stack } = (value ?? {}) as { stack?: unknown }
  return typeof stack === 'string' ? stack : stringify(value)
}

/** Also of what JSON cannot say. */
function stringify(value: unknown): string {
  try {
    return (
      JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner)) ??
      'undefined'
    )
  } catch {
    return JSON.stringify(String(value))
  }
}
