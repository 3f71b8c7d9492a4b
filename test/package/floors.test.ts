import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from './pack.ts'

const floors = ['base', 'schema', 'sync', 'model', 'client', 'server', 'testing']
const packages = [
  'lib0/encoding',
  'yjs',
  'y-protocols/awareness',
  'y-websocket',
  'y-indexeddb',
  'ws',
]
const yjs = ['lib0/encoding', 'yjs', 'y-protocols/awareness']

/** What each floor may import; everything else is forbidden. */
const allowed: Record<string, string[]> = {
  base: ['lib0/encoding'],
  schema: ['base', ...yjs],
  sync: ['base', ...yjs, 'y-websocket', 'y-indexeddb'],
  model: ['schema', 'sync', 'base'],
  client: ['model', 'schema', 'sync', 'base'],
  server: ['schema', 'base', ...packages, 'node:http'],
  testing: ['schema', 'sync', 'base', ...yjs],
}

interface Diagnostic {
  category: string
  severity: string
  message: string
  location: { path: string }
}

const files = new Map<string, string>()
for (const floor of floors) {
  for (const other of floors) {
    if (other === floor) continue
    files.set(fileOf(floor, other), importing(`../${other}/thing.ts`))
    files.set(fileOf(`${floor}/deep`, other), importing(`../../${other}/thing.ts`))
  }
  for (const name of [...packages, 'node:http']) {
    files.set(fileOf(floor, name), importing(name))
  }
  files.set(fileOf(floor, 'itself'), importing('./thing.ts'))
  files.set(fileOf(`${floor}/deep`, 'itself'), importing('../thing.ts'))
}
files.set('src/index.ts', importing('./client/thing.ts'))
files.set('src/public.ts', importing('./server/thing.ts'))
files.set('src/base/type-only.ts', "import type { thing } from 'yjs'\nexport type Thing = thing\n")
files.set('src/base/re-export.ts', "export { thing } from '../model/thing.ts'\n")
files.set('src/base/dynamic.ts', "export const load = () => import('../model/thing.ts')\n")
files.set('src/base/default.ts', 'export default 1\n')
files.set('src/base/cycle-a.ts', "import { b } from './cycle-b.ts'\n\nexport const a = () => b\n")
files.set('src/base/cycle-b.ts', "import { a } from './cycle-a.ts'\n\nexport const b = () => a\n")
files.set(
  'src/base/floating.ts',
  'async function write() {}\n\nexport function forget() {\n  write()\n}\n',
)

function fileOf(folder: string, name: string): string {
  return `src/${folder}/to-${name.replace(/\W/g, '-')}.ts`
}

function importing(specifier: string): string {
  return `import { thing } from '${specifier}'\n\nexport const mine = thing\n`
}

let folder: string
let diagnostics: Diagnostic[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'y-conversations-floors-'))
  await cp(join(root, 'biome.json'), join(folder, 'biome.json'))
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const args = [biome, 'lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none']
  const output = await new Promise<string>(resolve => {
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 24 }, (_error, stdout) =>
      resolve(stdout),
    )
  })
  diagnostics = (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The errors of one rule in one file. */
function errors(path: string, rule: string): string[] {
  return diagnostics
    .filter(({ location, category, severity }) => {
      return location.path === path && category === `lint/${rule}` && severity === 'error'
    })
    .map(({ message }) => message)
}

test.each(floors)(
  '%s imports what lies below it, the packages it needs, and nothing else',
  floor => {
    const others = floors.filter(other => other !== floor)
    const specifiers = [...others, ...packages, 'node:http']
    const shallow = specifiers.filter(name => {
      return errors(fileOf(floor, name), 'style/noRestrictedImports').length === 0
    })
    const deep = others.filter(name => {
      return errors(fileOf(`${floor}/deep`, name), 'style/noRestrictedImports').length === 0
    })
    const may = allowed[floor] ?? []
    expect(shallow.sort()).toEqual([...may].sort())
    expect(deep.sort()).toEqual(may.filter(name => floors.includes(name)).sort())
    expect(errors(fileOf(floor, 'itself'), 'style/noRestrictedImports')).toEqual([])
    expect(errors(fileOf(`${floor}/deep`, 'itself'), 'style/noRestrictedImports')).toEqual([])
  },
)

test('a forbidden import is answered with a sentence', () => {
  expect(errors(fileOf('base', 'yjs'), 'style/noRestrictedImports')).toEqual([
    'base stands on nothing but lib0: no other floor, no Yjs.',
  ])
})

test('the public entry imports the client and neither server nor testing', () => {
  expect(errors('src/index.ts', 'style/noRestrictedImports')).toEqual([])
  expect(errors('src/public.ts', 'style/noRestrictedImports')).toHaveLength(1)
})

test.each(['type-only', 're-export', 'dynamic'])('the floors hold for a %s import too', name => {
  expect(errors(`src/base/${name}.ts`, 'style/noRestrictedImports')).toHaveLength(1)
})

test('cycles, default exports and floating promises are errors', () => {
  expect(errors('src/base/cycle-a.ts', 'suspicious/noImportCycles')).toHaveLength(1)
  expect(errors('src/base/default.ts', 'style/noDefaultExport')).toHaveLength(1)
  expect(errors('src/base/floating.ts', 'nursery/noFloatingPromises')).toHaveLength(1)
})
