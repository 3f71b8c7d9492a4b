import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './pack.ts'

interface Measurement {
  name: string
  size: number
  sizeLimit: number
}

/** size-limit ends with an error code when a limit is exceeded; its report is what we read. */
const measured = new Promise<Measurement[]>((resolve, reject) => {
  const sizeLimit = join(root, 'node_modules/size-limit/bin.js')
  execFile(process.execPath, [sizeLimit, '--json'], { cwd: root }, (error, stdout) => {
    try {
      resolve(JSON.parse(stdout) as Measurement[])
    } catch {
      reject(error ?? new Error(stdout))
    }
  })
})

test.each(['client without providers', 'createClient with both default providers'])(
  'the %s stays within its limit, minified and gzipped',
  async name => {
    const measurement = (await measured).find(one => one.name === name)
    expect(measurement?.size).toBeGreaterThan(0)
    expect(measurement?.size).toBeLessThanOrEqual(measurement?.sizeLimit ?? 0)
  },
)

test('a size that the README names is a limit that is measured', async () => {
  const limits = (await measured).map(({ sizeLimit }) => sizeLimit / 1000)
  const lines = (await readFile(join(root, 'README.md'), 'utf8')).split('\n')
  const named = lines
    .filter(line => /gzip/i.test(line))
    .flatMap(line => [...line.matchAll(/(\d+(?:\.\d+)?) kB/g)].map(match => Number(match[1])))
  expect(named.filter(size => !limits.includes(size))).toEqual([])
})
