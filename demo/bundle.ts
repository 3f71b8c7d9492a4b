import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const folder = fileURLToPath(new URL('.', import.meta.url))

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  map: 'application/json',
}

/** Nothing is loaded from anywhere else, and no other site may show the pages in a frame. */
const POLICY =
  "default-src 'self'; img-src data: blob:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'self'"

/** Bundles the pages into memory; returns what serves them. */
export async function bundlePages(): Promise<
  (request: IncomingMessage, response: ServerResponse) => void
> {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: { main: 'main.ts', 'service-worker': 'service-worker.ts', style: 'style/all.css' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: 'linked',
    outdir: folder,
    write: false,
  })
  const files = new Map<string, Uint8Array>()
  for (const { path, contents } of outputFiles) files.set(`/${path.slice(folder.length)}`, contents)
  files.set('/', await readFile(new URL('index.html', import.meta.url)))

  return (request, response) => {
    const path = request.url?.replace(/\?.*$/s, '') ?? '/'
    const content = files.get(path)
    if (!content) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such page.\n')
      return
    }
    response.writeHead(200, {
      'content-type': TYPES[path.split('.').at(-1) ?? ''] ?? TYPES.html,
      'content-length': content.length,
      'content-security-policy': POLICY,
      'cache-control': 'no-cache',
    })
    response.end(request.method === 'HEAD' ? undefined : content)
  }
}
