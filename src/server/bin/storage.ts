import type { DocumentLog } from '../log/document-log.ts'
import type { Logger } from '../options.ts'
import { UsageError } from './usage-error.ts'

/** A directory as it is, or the engine that a URL stands for. @throws UsageError if its package is not installed */
export async function openStorage(place: string, log: Logger): Promise<string | DocumentLog> {
  const onWarning = (message: string) => log.warn(message)
  if (/^rediss?:/.test(place)) {
    const { redisLog } = await import('../redis.ts').catch(missing('ioredis'))
    return redisLog({ url: place, onWarning })
  }
  if (/^postgres(ql)?:/.test(place)) {
    const { postgresLog } = await import('../postgres.ts').catch(missing('pg'))
    return postgresLog({ connectionString: place, onWarning })
  }
  return place
}

function missing(name: string) {
  return (error: NodeJS.ErrnoException): never => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new UsageError(`This storage needs the package ${name}: npm install ${name}`)
  }
}
