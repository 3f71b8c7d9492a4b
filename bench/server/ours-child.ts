import { createServer as createHttpServer } from 'node:http'
import { createServer } from '../../src/server/index.ts'
import { defaultLimits } from '../../src/server/options.ts'
import { NOBODY } from './nobody.ts'
import { serve } from './serving.ts'

const [directory = ''] = process.argv.slice(2)
const http = createHttpServer()
const options = {
  port: 0,
  server: http,
  storage: directory,
  authenticate(token: string | undefined) {
    if (token === undefined || token === NOBODY) throw new Error('no such identity')
    return { identity: token }
  },
  log: { info() {}, warn() {}, error: console.error },
  // All clients are at one address here.
  limits: { ...defaultLimits, connectionsPerSecond: 1e6, maxConnectionsPerAddress: 1e6 },
}
const server = await createServer(options)
serve(http, () => server.health().rooms)
