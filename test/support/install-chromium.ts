import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { findChromium, packagedChromium } from './find-chromium.ts'

const decompress = promisify(brotliDecompress)
const run = promisify(execFile)

/** An exact version, because the files inside are read by name. */
const chromiumPackage = '@sparticuz/chromium@147.0.0'

/*
 * Playwright's first: a whole browser that changes nothing outside the user's cache. It needs libraries that a bare
 * machine has not; Debian's brings them, but changes the system. The npm package is a headless shell that brings
 * its few libraries: it serves where there is nothing but an npm registry, for all tests but those that need a whole
 * browser.
 */
const sources = [
  { name: "Playwright's Chromium", isPossible: () => true, install: installFromPlaywright },
  {
    name: "Debian's Chromium with apt-get",
    isPossible: isRootOnDebian,
    install: installFromDebian,
  },
  { name: `${chromiumPackage} from npm`, isPossible: isLinuxX64, install: installFromNpm },
]

/** Path of a browser that starts; installs one if there is none, and says so on stderr. */
export async function ensureChromium(): Promise<string> {
  const found = await findChromium().catch((error: Error) => error)
  if (typeof found === 'string') return found
  if (process.env.CHROME_PATH) throw found
  for (const { name, isPossible, install } of sources) {
    if (!(await isPossible())) continue
    say(`No Chrome or Chromium here: installing ${name} …`)
    try {
      await install()
      const path = await findChromium()
      say(`Installed ${path}`)
      return path
    } catch (error) {
      say(`That failed: ${error instanceof Error ? error.message : error}`)
    }
  }
  throw new Error(
    'No Chrome or Chromium, and none could be installed. Install one, or set CHROME_PATH to the executable of one.',
  )
}

async function installFromNpm(): Promise<void> {
  const folder = dirname(packagedChromium)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const flags = [
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--no-package-lock',
    '--fetch-retries=1',
  ]
  await command('npm', ['install', ...flags, '--prefix', folder, chromiumPackage], 120_000)
  const files = join(folder, 'node_modules/@sparticuz/chromium/bin')
  const unpack = async (name: string) => decompress(await readFile(join(files, name)))
  await writeFile(join(folder, 'chrome'), await unpack('chromium.br'), { mode: 0o755 })
  for (const name of ['al2023.tar.br', 'swiftshader.tar.br', 'fonts.tar.br']) {
    const archive = join(folder, 'archive.tar')
    await writeFile(archive, await unpack(name))
    await run('tar', ['-xf', archive, '-C', folder])
    await rm(archive)
  }
  await writeFile(
    join(folder, 'fonts.conf'),
    `<?xml version="1.0"?><fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/fonts-cache</cachedir></fontconfig>`,
  )
  // Last, because this is the file `findChromium` looks for.
  await writeFile(packagedChromium, launcher(folder), { mode: 0o755 })
  await rm(join(folder, 'node_modules'), { recursive: true })
}

/** Brings the few libraries that a server has not (NSS, NSPR, expat), and a font where there is none. */
function launcher(folder: string): string {
  return [
    '#!/bin/sh',
    `export LD_LIBRARY_PATH="${folder}/lib"`,
    `[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="${folder}/fonts.conf"`,
    `exec "${folder}/chrome" "$@"`,
    '',
  ].join('\n')
}

function installFromPlaywright(): Promise<void> {
  const cli = fileURLToPath(new URL('../../node_modules/playwright-core/cli.js', import.meta.url))
  return command(process.execPath, [cli, 'install', 'chromium', '--no-shell'], 90_000)
}

async function installFromDebian(): Promise<void> {
  const flags = ['-qq', '-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=15']
  await command('apt-get', ['update', ...flags], 90_000)
  await command(
    'apt-get',
    ['install', ...flags, '-y', '--no-install-recommends', 'chromium'],
    300_000,
  )
}

function isLinuxX64(): boolean {
  return process.platform === 'linux' && process.arch === 'x64'
}

/** Ubuntu's package of that name is a stub for another installer. */
async function isRootOnDebian(): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^ID=debian$/m.test(release)
}

/** Runs a command whose output goes to stderr; kills it, children included, when it takes too long. */
function command(file: string, args: string[], timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const isGroup = process.platform !== 'win32'
    const child = spawn(file, args, {
      stdio: ['ignore', process.stderr, process.stderr],
      detached: isGroup,
      env: {
        ...process.env,
        DEBIAN_FRONTEND: 'noninteractive',
        PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '10000',
      },
    })
    const timer = setTimeout(() => {
      say(`${file} takes longer than ${timeoutMs / 1000} s: stopping it`)
      if (isGroup && child.pid) process.kill(-child.pid, 'SIGKILL')
      else child.kill('SIGKILL')
    }, timeoutMs)
    child.once('error', reject)
    child.once('exit', code => {
      clearTimeout(timer)
      if (code === 0) resolve()
      else reject(new Error(`${file} ${args.join(' ')} ended with ${code ?? 'a signal'}`))
    })
  })
}

function say(message: string): void {
  process.stderr.write(`${message}\n`)
}
