import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { describe, expect, inject, test } from 'vitest'
import { checkTypes } from './check-types.ts'
import { documents, type Fence, fencesOf } from './fences.ts'
import { root } from './pack.ts'

/*
 * Examples in the README and in docs: every `ts` fence must compile by itself; a `js` or `ts` fence with the word
 * `run` must run against the packed package, and print what the `text` fence right after it says, if there is one.
 */

const all = await documents()
const fences = (await Promise.all(all.map(fencesOf))).flat()
const isCode = ({ info }: Fence) => info[0] === 'ts' || info[0] === 'js'
const runnable = fences.filter(fence => isCode(fence) && fence.info.includes('run'))
const nameOf = ({ document, line }: Fence) => `${document.replace(/\W/g, '-')}-${line}`

test('the README runs an example within its first thirty lines, and says what it prints', () => {
  const first = runnable.find(({ document }) => document === 'README.md')
  expect(first?.line).toBeLessThan(30)
  expect(first && outputOf(first)).toMatch(/\S/)
})

test('every TypeScript example compiles', async () => {
  const folder = join(inject('consumer'), 'examples')
  await mkdir(folder, { recursive: true })
  for (const fence of fences.filter(({ info }) => info[0] === 'ts')) {
    await writeFile(join(folder, `${nameOf(fence)}.ts`), fence.text)
  }
  expect(await checkTypes(folder, { moduleResolution: 'nodenext', types: ['node'] })).toEqual([])
})

test.each(runnable)('$document:$line runs and prints what it says', async fence => {
  const script = join(inject('consumer'), `${nameOf(fence)}.mjs`)
  await writeFile(script, (await transform(fence.text, { loader: 'ts' })).code)
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 30_000 })
  const expected = outputOf(fence)
  if (expected !== undefined) expect(stdout).toBe(expected)
})

function outputOf(fence: Fence): string | undefined {
  const next = fences[fences.indexOf(fence) + 1]
  return next?.document === fence.document && next.info[0] === 'text' ? next.text : undefined
}

describe.each(all)('%s', document => {
  test('names only scripts and files that exist', async () => {
    const text = await readFile(join(root, document), 'utf8')
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const commands = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name)
    expect(commands.filter(name => !(name in scripts))).toEqual([])
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target.replace(/#.*$/, ''))
      .filter(target => target && !/^[a-z]+:/.test(target))
    const folder = dirname(join(root, document))
    expect(links.filter(target => !existsSync(join(folder, target)))).toEqual([])
  })
})
