import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'

/** Where `install-chromium.ts` puts the browser of an npm package. */
export const packagedChromium = fileURLToPath(
  new URL('../../node_modules/.cache/chromium/chromium', import.meta.url),
)

const names = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  'microsoft-edge',
  'microsoft-edge-stable',
]

let found: Promise<string> | undefined

/**
 * Path of a browser that starts: `CHROME_PATH`, an installed Chrome, Chromium or Edge, the one Playwright
 * downloaded, or the one `installChromium` unpacked. Rejects when there is none.
 */
export function findChromium(): Promise<string> {
  found ??= search()
  found.catch(() => {
    found = undefined
  })
  return found
}

async function search(): Promise<string> {
  const { CHROME_PATH } = process.env
  if (CHROME_PATH) {
    if (existsSync(CHROME_PATH)) return CHROME_PATH
    throw new Error(`CHROME_PATH names no file: ${CHROME_PATH}`)
  }
  for (const path of new Set(candidates())) {
    if (existsSync(path) && (await starts(path))) return path
  }
  throw new Error(
    'No Chrome or Chromium found. Set CHROME_PATH to the executable of one, or install it.',
  )
}

function candidates(): string[] {
  return [...installedPaths(), chromium.executablePath(), packagedChromium]
}

function installedPaths(): string[] {
  const { PATH = '', PROGRAMFILES, LOCALAPPDATA, HOME = '' } = process.env
  if (process.platform === 'win32') {
    const folders = [PROGRAMFILES, process.env['PROGRAMFILES(X86)'], LOCALAPPDATA]
    return folders.flatMap(folder =>
      folder
        ? [
            join(folder, 'Google/Chrome/Application/chrome.exe'),
            join(folder, 'Chromium/Application/chrome.exe'),
            join(folder, 'Microsoft/Edge/Application/msedge.exe'),
          ]
        : [],
    )
  }
  const onPath = PATH.split(delimiter).flatMap(folder => names.map(name => join(folder, name)))
  if (process.platform !== 'darwin') return onPath
  const apps = ['Google Chrome', 'Chromium', 'Microsoft Edge']
  return [
    ...['/Applications', join(HOME, 'Applications')].flatMap(folder =>
      apps.map(app => join(folder, `${app}.app/Contents/MacOS/${app}`)),
    ),
    ...onPath,
  ]
}

/** A downloaded browser may lack libraries of the system, and a distribution's command may be a stub that says so. */
async function starts(path: string): Promise<boolean> {
  // On Windows this would open a window.
  if (process.platform === 'win32') return true
  return promisify(execFile)(path, ['--version'], { timeout: 20_000 }).then(
    ({ stdout }) => /chrom|edge/i.test(stdout),
    () => false,
  )
}
