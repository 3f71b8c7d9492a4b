import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type BrowserContext, chromium } from 'playwright-core'
import { findChromium, packagedChromium } from './find-chromium.ts'

const quietFlags = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-default-apps',
  '--disable-breakpad',
  '--disable-crash-reporter',
  '--no-first-run',
  '--no-default-browser-check',
]

/** Vitest compiles the `import()` of a function that goes to `page.evaluate` into this call. */
const dynamicImport = 'globalThis.__vite_ssr_dynamic_import__ = path => import(path)'

export interface LaunchOptions {
  /** Kept when the browser closes. Without it: a fresh profile, removed on close. */
  userDataDir?: string
  args?: string[]
}

export async function launchBrowser(options: LaunchOptions = {}): Promise<BrowserContext> {
  const executablePath = await findChromium()
  const profile = options.userDataDir ?? (await mkdtemp(join(tmpdir(), 'y-conversations-profile-')))
  const removeProfile = () => removeFolder(profile)
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: [...quietFlags, ...(options.args ?? [])],
    })
    await context.addInitScript(dynamicImport)
    if (options.userDataDir === undefined) removeWhenClosed(context, removeProfile)
    return context
  } catch (error) {
    if (options.userDataDir === undefined) await removeProfile()
    throw error
  }
}

/** Whether more than a headless shell is here: a back/forward cache, settings of the user, `chrome:` pages. */
export async function isWholeBrowser(): Promise<boolean> {
  const path = await findChromium()
  return path !== packagedChromium && !/headless[-_]shell/.test(path)
}

export interface KillableBrowser {
  readonly context: BrowserContext
  /** `kill -9` of the browser and all its processes, at once; resolves when they are gone. */
  kill(): Promise<void>
}

/** A browser that can die without warning. Its profile is the caller's, so that another one can start from it. */
export async function launchKillableBrowser(
  userDataDir: string,
  args: string[] = [],
): Promise<KillableBrowser> {
  const portFile = join(userDataDir, 'DevToolsActivePort')
  // A killed browser leaves the file behind; its port would be another browser's by now.
  await rm(portFile, { force: true })
  const browserProcess = spawn(
    await findChromium(),
    [
      ...quietFlags,
      ...args,
      '--headless',
      '--disable-gpu',
      '--remote-debugging-port=0',
      `--user-data-dir=${userDataDir}`,
      'about:blank',
    ],
    // A process group of its own; the pipe closes when the last process that inherited it has ended.
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  browserProcess.stderr.resume()
  const killOnExit = () => killGroup(browserProcess)
  process.once('exit', killOnExit)
  const hasEnded = new Promise<void>(resolve => browserProcess.once('close', () => resolve()))
  const kill = async () => {
    killGroup(browserProcess)
    await hasEnded
    process.off('exit', killOnExit)
  }
  try {
    const port = await readPort(portFile, browserProcess)
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`)
    const context = browser.contexts()[0]
    if (!context) throw new Error('The browser has no default context')
    await context.addInitScript(dynamicImport)
    return { context, kill }
  } catch (error) {
    await kill()
    throw error
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  if (process.platform === 'win32') {
    execFile('taskkill', ['/pid', String(pid), '/t', '/f'])
    return
  }
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

async function readPort(portFile: string, browserProcess: ChildProcess): Promise<string> {
  const startedAtMs = Date.now()
  while (Date.now() - startedAtMs < 30_000 && browserProcess.exitCode === null) {
    const content = await readFile(portFile, 'utf8').catch(() => '')
    const [port, path] = content.split('\n')
    if (port && path) return port
    await delay(20)
  }
  throw new Error('The browser did not open its debugging port')
}

/** `close()` resolves after the profile is gone, so that nothing is left behind when a test run ends. */
function removeWhenClosed(context: BrowserContext, removeProfile: () => Promise<void>): void {
  const close = context.close.bind(context)
  context.close = async options => {
    await close(options)
    await removeProfile()
  }
}

function removeFolder(path: string): Promise<void> {
  // Processes of the browser may still write while they end.
  return rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}
