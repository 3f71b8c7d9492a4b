import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { isWholeBrowser, launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'

let server: PageServer
beforeAll(async () => {
  server = await startPageServer()
})
afterAll(() => server.close())

async function openPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${server.url}/test/browser/blank.html`)
  return page
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'y-conversations-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

test('a page loads sources and packages, with one copy of Yjs, without a word on the console', async () => {
  const context = await launchBrowser()
  onTestFinished(() => context.close())
  const page = await openPage(context)
  const messages: string[] = []
  page.on('console', message => messages.push(message.text()))
  page.on('pageerror', error => messages.push(error.message))
  page.on('framenavigated', frame => messages.push(`navigated to ${frame.url()}`))
  const isOneCopy = await page.evaluate(async () => {
    const modules = '/test/browser/modules.ts'
    const { Y, IndexeddbPersistence, WebsocketProvider, Awareness } = await import(modules)
    const errors = '/src/base/errors.ts'
    const { ConversationsError } = await import(errors)
    const doc = new Y.Doc()
    const persistence = new IndexeddbPersistence('one', doc)
    await persistence.whenSynced
    const transport = new WebsocketProvider('ws://127.0.0.1:1', 'one', doc, { connect: false })
    transport.destroy()
    return (
      new Awareness(doc).doc instanceof Y.Doc &&
      new ConversationsError('closed', '') instanceof Error
    )
  })
  expect(isOneCopy).toBe(true)
  expect(messages).toEqual([])
})

test('a headless shell is told from a whole browser', async () => {
  const context = await launchBrowser()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const hasOwnPages = await page.goto('chrome://version').then(
    () => true,
    () => false,
  )
  expect(await isWholeBrowser()).toBe(hasOwnPages)
})

test('a fresh profile is removed on close', async () => {
  const folder = await temporaryFolder()
  for (const name of ['TMPDIR', 'TEMP']) vi.stubEnv(name, folder)
  onTestFinished(() => void vi.unstubAllEnvs())
  const profiles = async () => (await readdir(folder)).filter(name => name.includes('profile'))

  const context = await launchBrowser()
  expect(await profiles()).toHaveLength(1)
  await context.close()
  expect(await profiles()).toHaveLength(0)
})

test('a given profile is kept for the next browser', async () => {
  const userDataDir = await temporaryFolder()
  const first = await launchBrowser({ userDataDir })
  await (await openPage(first)).evaluate(() => localStorage.setItem('key', 'value'))
  await first.close()
  const second = await launchBrowser({ userDataDir })
  onTestFinished(() => second.close())
  const page = await openPage(second)
  expect(await page.evaluate(() => localStorage.getItem('key'))).toBe('value')
})

test('the browser after a killed one reads what was durable, in the same profile', async () => {
  const userDataDir = await temporaryFolder()
  const first = await launchKillableBrowser(userDataDir)
  const page = await openPage(first.context)
  await page.evaluate(async () => {
    const modules = '/test/browser/modules.ts'
    const { Y, IndexeddbPersistence } = await import(modules)
    const doc = new Y.Doc()
    const persistence = new IndexeddbPersistence('durable', doc)
    await persistence.whenSynced
    const isDurable = new Promise(resolve => {
      doc.on('update', () => {
        const transaction = persistence.db.transaction('updates', 'readwrite')
        transaction.oncomplete = resolve
      })
    })
    doc.getMap('root').set('key', 'value')
    await isDurable
  })
  const isClosed = new Promise<void>(resolve => page.once('close', () => resolve()))
  await first.kill()
  await isClosed

  const second = await launchKillableBrowser(userDataDir)
  onTestFinished(() => second.kill())
  const value = await (await openPage(second.context)).evaluate(async () => {
    const modules = '/test/browser/modules.ts'
    const { Y, IndexeddbPersistence } = await import(modules)
    const doc = new Y.Doc()
    await new IndexeddbPersistence('durable', doc).whenSynced
    return doc.getMap('root').get('key')
  })
  expect(value).toBe('value')
})
