export { type PostgresLogOptions, postgresLog } from './log/postgres-log.ts'
