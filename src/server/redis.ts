export { type RedisLogOptions, redisLog } from './log/redis-log.ts'
