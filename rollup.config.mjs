import { readFileSync, rmSync } from 'node:fs'
import esbuild from 'rollup-plugin-esbuild'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))

/** One entry for each file in `dist` that package.json promises: to add one, write it there. */
const promised = [...Object.values(manifest.exports), ...Object.values(manifest.bin ?? {})]
  .map(target => target.default ?? target)
  .filter(path => path.startsWith('./dist/'))

export default {
  input: promised.map(path => path.replace('./dist/', './src/').replace(/\.js$/, '.ts')),
  // Everything that is not ours stays an import: a second copy of Yjs breaks it.
  external: id => !/^[./]/.test(id) && !/^[a-z]:\\/i.test(id),
  plugins: [
    { name: 'clean', buildStart: () => rmSync('dist', { recursive: true, force: true }) },
    esbuild({ target: 'es2022' }),
  ],
  output: {
    dir: 'dist',
    format: 'es',
    sourcemap: true,
    // File by file as in src: bundlers drop what an app does not use, and stack traces name our files.
    preserveModules: true,
    preserveModulesRoot: 'src',
  },
}
