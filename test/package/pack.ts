import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

const run = promisify(execFile)

export const root = fileURLToPath(new URL('../..', import.meta.url))

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the packed package. */
    tarball: string
    /** A folder where the packed package is installed, with its dependencies and nothing else. */
    consumer: string
  }
}

/** Vitest calls this once before the package tests: they see what npm would publish, not the repository. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await checkBuild()
  const folder = await mkdtemp(join(tmpdir(), 'y-conversations-package-'))
  const consumer = join(folder, 'consumer')
  const tarball = await pack(folder)
  await install(tarball, consumer)
  project.provide('tarball', tarball)
  project.provide('consumer', consumer)
  return () => rm(folder, { recursive: true, force: true })
}

async function checkBuild(): Promise<void> {
  const built = join(root, 'dist/index.js')
  const builtMs = existsSync(built) ? statSync(built).mtimeMs : 0
  for (const entry of await readdir(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && statSync(path).mtimeMs > builtMs) {
      throw new Error(`${path} is newer than dist: run \`npm run build\` first`)
    }
  }
}

async function pack(folder: string): Promise<string> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const { stdout } = await run('npm', args, { cwd: root, shell: process.platform === 'win32' })
  const [packed] = JSON.parse(stdout) as [{ filename: string }]
  return join(folder, packed.filename)
}

async function install(tarball: string, consumer: string): Promise<void> {
  const target = join(consumer, 'node_modules/y-conversations')
  await mkdir(target, { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'])
  const { dependencies, peerDependencies } = JSON.parse(
    await readFile(join(target, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'peerDependencies', Record<string, string>>
  // An app on Node has its types, and one that uses pg those of pg.
  for (const name of [
    '@types/node',
    '@types/pg',
    ...Object.keys({ ...dependencies, ...peerDependencies }),
  ]) {
    const link = join(consumer, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link, 'junction')
  }
}
