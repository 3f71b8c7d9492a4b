import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './pack.ts'

/** Compiles a folder as an app with strict settings would, libraries included; returns the errors. */
export async function checkTypes(
  folder: string,
  { moduleResolution, types }: { moduleResolution: 'nodenext' | 'bundler'; types: string[] },
): Promise<string[]> {
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        module: moduleResolution === 'nodenext' ? 'nodenext' : 'esnext',
        moduleResolution,
        moduleDetection: 'force',
        lib: ['es2023', 'dom', 'dom.iterable'],
        types,
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
      },
      include: ['*.ts', '*.js'],
    }),
  )
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  return new Promise(resolve => {
    execFile(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], (error, stdout) => {
      const lines = stdout.split('\n').filter(line => /error TS/.test(line))
      resolve(error && lines.length === 0 ? [error.message, stdout] : lines)
    })
  })
}
