import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, FrameLocator, Locator, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { launchBrowser } from '../support/browser.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The command of the demo, in a process of its own. */
export interface DemoServer {
  readonly url: string
  /** The directory it keeps documents in. */
  readonly storage: string
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts another one on the same port and storage. */
  restart(): Promise<void>
}

export async function startDemoServer(): Promise<DemoServer> {
  const storage = await createStorage()
  let running = await runDemo({ PORT: '0', STORAGE: storage })
  const { url } = running
  const kill = async () => {
    running.process.kill('SIGKILL')
    await running.hasEnded
  }
  onTestFinished(kill)
  return {
    url,
    storage,
    kill,
    restart: async () => {
      running = await runDemo({ PORT: new URL(url).port, STORAGE: storage })
    },
  }
}

/** An empty directory for one test. */
export async function createStorage(): Promise<string> {
  const storage = await mkdtemp(join(tmpdir(), 'y-conversations-demo-'))
  onTestFinished(() => rm(storage, { recursive: true, force: true, maxRetries: 5 }))
  return storage
}

/** Rejects with what the command wrote to stderr if it ends before it serves. */
export async function runDemo(
  env: Record<string, string>,
): Promise<{ url: string; process: ChildProcess; hasEnded: Promise<unknown> }> {
  const child = spawn(
    process.execPath,
    ['--import', './scripts/typescript.mjs', 'demo/server.ts'],
    { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const hasEnded = once(child, 'close')
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  for await (const line of createInterface(child.stdout)) {
    const url = /http:\S+/.exec(line)?.[0]
    if (url) return { url, process: child, hasEnded }
  }
  await hasEnded
  throw new Error(errors)
}

export interface DemoBrowser {
  readonly context: BrowserContext
  /** Errors on the consoles of all pages, and exceptions nobody caught. */
  readonly complaints: string[]
  /** The page with both people, when both are there. */
  openBoth(): Promise<{ page: Page; verdict: Locator; alice: Person; bob: Person }>
  /** A tab of one person. */
  openPerson(identity: string): Promise<Person & { page: Page }>
}

export async function openBrowser(url: string): Promise<DemoBrowser> {
  const context = await launchBrowser()
  onTestFinished(() => context.close())
  const complaints: string[] = []
  context.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  context.on('weberror', error => complaints.push(String(error.error())))
  return {
    context,
    complaints,
    openBoth: async () => {
      const page = await context.newPage()
      await page.goto(url)
      const verdict = page.locator('.verdict')
      const [alice, bob] = ['Alice', 'Bob'].map(name =>
        person(page.frameLocator(`iframe[title="${name}'s device"]`)),
      ) as [Person, Person]
      await alice.row('bob').waitFor()
      await bob.row('alice').waitFor()
      return { page, verdict, alice, bob }
    },
    openPerson: async identity => {
      const page = await context.newPage()
      await page.goto(`${url}/?user=${identity}`)
      const opened = person(page)
      await opened.row(identity).waitFor()
      return { ...opened, page }
    },
  }
}

/** The page of one person, by what its user sees and presses. */
export type Person = ReturnType<typeof person>

function person(page: Page | FrameLocator) {
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const rows = page.locator('.message')
  const row = (text: string) => rows.filter({ hasText: text })
  const act = async (text: string, action: string) => {
    await row(text).locator('.opener').click()
    await row(text).getByRole('button', { name: action, exact: true }).click()
  }
  return {
    chip: page.locator('.chip'),
    network: page.getByRole('switch', { name: 'Network' }),
    topic: page.getByLabel('Topic'),
    name: page.getByLabel('Name'),
    status: page.getByLabel('Status'),
    typing: page.locator('.typing'),
    /** Where messages are written. */
    burst: page.getByRole('button', { name: 'Send 1,000' }),
    field: page.getByLabel('Message', { exact: true }),
    file: page.getByLabel('File', { exact: true }),
    /** In the order in which they are shown. */
    rows,
    bodies: page.locator('.message .body'),
    /** Final indices; empty for what is pending. */
    indices: page.locator('.message .index'),
    /** Whether what this person wrote is sent. */
    marks: page.locator('.message .mark'),
    /** The message of a text. */
    message: row,
    /** What follows the divider. */
    firstNew: page.locator('.message:has(.divider:not([hidden])) .body'),
    scroller: page.getByRole('log', { name: 'Messages' }),
    /** Of unread messages. */
    badge: page.locator('.chat-bar .badge'),
    title: page.locator('h1'),
    /** Looks at this pane. */
    look: () => page.getByRole('heading', { name: 'Messages' }).click(),
    send: async (text: string) => {
      await page.getByLabel('Message', { exact: true }).fill(text)
      await press('Send')
    },
    edit: async (text: string, next: string) => {
      await act(text, 'Edit')
      await page.getByLabel('New text').fill(next)
      await press('Save')
    },
    react: (text: string, reaction: string) => act(text, `React with ${reaction}`),
    remove: (text: string) => act(text, 'Remove'),
    markUnread: (text: string) => act(text, 'Mark unread'),
    notices: page.getByRole('alert'),
    items: page.locator('.items li > span'),
    /** How far somebody has read. */
    horizon: (identity: string) => page.locator(`[data-identity=${identity}] .horizon`),
    /** Of the event log. */
    entries: (event: string) => page.locator(`[data-event=${event}]`),
    row: (identity: string) => page.locator(`[data-identity=${identity}]`),
    press,
    add: async (item: string) => {
      await page.getByLabel('Something to add').fill(item)
      await press('Add')
    },
    choose: (colour: string) => page.getByRole('radio', { name: colour, exact: true }).check(),
    /** Everything that both sides must show alike. */
    read: async () => ({
      topic: await page.getByLabel('Topic').inputValue(),
      items: await page.locator('.items li > span').allTextContents(),
      reading: await page.locator('.horizon').allTextContents(),
      messages: await rows.evaluateAll(all =>
        all.map(one =>
          ['.index', '.body', '.edited:not([hidden])', '.reactions'].map(
            part => one.querySelector(part)?.textContent,
          ),
        ),
      ),
      people: await page
        .locator('.people .who')
        .evaluateAll(rows => rows.map(row => row.textContent?.replace(' (you)', ''))),
      colours: await page
        .locator('.people .avatar')
        .evaluateAll(avatars => avatars.map(avatar => avatar.getAttribute('data-colour'))),
    }),
  }
}
