import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer, type Plugin } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface PageServer {
  /** Without a slash at the end. */
  readonly url: string
  close(): Promise<void>
}

/** Serves the repository to pages: TypeScript as modules, packages bundled beforehand. */
export async function startPageServer(): Promise<PageServer> {
  const server = await createServer({
    root,
    configFile: false,
    appType: 'mpa',
    logLevel: 'warn',
    clearScreen: false,
    plugins: [withoutReload],
    cacheDir: join(root, 'node_modules/.cache/page-server'),
    server: { host: '127.0.0.1', port: 0, hmr: false, ws: false, watch: null },
    // Everything is bundled before the first page asks: a package found later would reload the pages under a test.
    optimizeDeps: { noDiscovery: true, include: packagesOfPages() },
  })
  await server.listen()
  const address = server.httpServer?.address()
  if (!address || typeof address === 'string') throw new Error('The page server has no port')
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close() }
}

/** Vite's own client would open a socket, which tests that cut the network would see fail. */
const withoutReload: Plugin = {
  name: 'without-reload',
  transformIndexHtml: {
    order: 'post',
    handler: html => html.replace('<script type="module" src="/@vite/client"></script>', ''),
  },
}

/** One bundle with one copy of Yjs: what is left out of it would bring its own lib0 and Yjs. */
function packagesOfPages(): string[] {
  const lib0 = createRequire(import.meta.url)('lib0/package.json') as { exports: object }
  const modules = Object.keys(lib0.exports).filter(path => /^\.\/(?!dist\/)[a-z0-9/-]+$/.test(path))
  return [
    'yjs',
    'y-protocols/awareness',
    'y-protocols/auth',
    'y-protocols/sync',
    'y-indexeddb',
    'y-websocket',
    ...modules.map(path => `lib0/${path.slice(2)}`),
  ]
}
