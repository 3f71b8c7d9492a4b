import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { beforeAll, expect, inject, test } from 'vitest'
import { root } from './pack.ts'

interface Manifest {
  name: string
  exports: Record<string, string | Record<string, string>>
  bin?: Record<string, string>
}

const installed = join(inject('consumer'), 'node_modules/y-conversations')
let manifest: Manifest
let files: string[]

beforeAll(async () => {
  manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  const entries = await readdir(installed, { recursive: true, withFileTypes: true })
  files = entries
    .filter(entry => entry.isFile())
    .map(entry =>
      join(entry.parentPath, entry.name)
        .slice(installed.length + 1)
        .replaceAll('\\', '/'),
    )
})

test('every file that package.json promises is in the tarball', () => {
  const targets = [
    ...Object.values(manifest.exports),
    ...Object.values(manifest.bin ?? {}),
  ].flatMap(target => (typeof target === 'string' ? [target] : Object.values(target)))
  expect(targets.length).toBeGreaterThan(5)
  expect(targets.filter(target => !existsSync(join(installed, target)))).toEqual([])
})

test('the tarball holds the library, its sources and its papers, and nothing else', () => {
  const kinds = new Set(
    files.map(file =>
      file.replace(/^(dist|src)\/.*?(\.d\.ts\.map|\.d\.ts|\.js\.map|\.js|\.ts)$/, '$1/*$2'),
    ),
  )
  expect([...kinds].sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist/*.d.ts',
    'dist/*.d.ts.map',
    'dist/*.js',
    'dist/*.js.map',
    'package.json',
    'src/*.ts',
  ])
})

test('every source map points to a source that is there', async () => {
  const maps = files.filter(file => file.endsWith('.map'))
  const missing: string[] = []
  for (const map of maps) {
    const { sources } = JSON.parse(await readFile(join(installed, map), 'utf8')) as {
      sources: string[]
    }
    for (const source of sources) {
      if (!existsSync(join(installed, map, '..', source))) missing.push(`${map}: ${source}`)
    }
  }
  expect(maps.length).toBeGreaterThan(10)
  expect(missing).toEqual([])
})

test('publint has nothing to say', async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true })
  expect(messages.map(message => formatMessage(message, pkg, { color: false }))).toEqual([])
})

test('its types resolve in every way an ES module is imported', async () => {
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js')
  const args = [attw, inject('tarball'), '--profile', 'esm-only', '--format', 'ascii', '--no-color']
  const problems = await new Promise<string>(resolve => {
    execFile(process.execPath, args, (error, stdout) => resolve(error ? stdout : ''))
  })
  expect(problems).toBe('')
})
