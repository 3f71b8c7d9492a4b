import { cp } from 'node:fs/promises'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import { startRelay } from '../support/relay.ts'
import { temporaryDirectory } from './participant-support.ts'
import type { SessionPage } from './writers-page.ts'

declare global {
  /** In a page that opened a session. */
  var tab: SessionPage
}

let server: PageServer
let context: BrowserContext
beforeAll(async () => {
  server = await startPageServer()
  context = await launchBrowser()
})
afterAll(async () => {
  await context.close()
  await server.close()
})

async function openPage(browser: BrowserContext, name: string, url?: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`${server.url}/test/browser/blank.html`)
  await openSession(page, name, url)
  return page
}

async function openSession(page: Page, name: string, url?: string): Promise<void> {
  await page.evaluate(
    async ({ name, url }) => {
      const path = '/test/browser/writers-page.ts'
      globalThis.tab = await (await import(path)).openSession(name, url)
    },
    { name, url },
  )
}

const write = (page: Page, key = 'key') => page.evaluate(key => tab.write(key), key)

async function killable(profile: string) {
  const browser = await launchKillableBrowser(profile)
  onTestFinished(browser.kill)
  return browser
}

test('reloads and closed tabs go on under one client id', async () => {
  const name = 'reloads'
  let page = await openPage(context, name)
  const writer = await write(page)
  for (let i = 0; i < 3; i++) {
    await page.evaluate(() => tab.hold('written when the page goes away'))
    await page.reload()
    await openSession(page, name)
    expect(await page.evaluate(() => [...tab.map.keys()])).toContain(
      'written when the page goes away',
    )
    expect(await write(page)).toBe(writer)
  }
  await page.close({ runBeforeUnload: true })
  page = await openPage(context, name)
  expect(await write(page)).toBe(writer)
  await page.goto('about:blank')
  await page.goto(`${server.url}/test/browser/blank.html`)
  await openSession(page, name)
  expect(await write(page)).toBe(writer)
  expect(await page.evaluate(() => tab.clientIds())).toEqual([writer])
  await page.close()
})

test('tabs never share a client id, and those that come later share theirs', async () => {
  const name = 'tabs'
  const pages = await Promise.all([1, 2, 3].map(() => openPage(context, name)))
  const writers: number[] = []
  for (const page of pages) writers.push(await write(page))
  expect(new Set(writers).size).toBe(3)
  for (const page of pages) await page.goto('about:blank')
  for (const page of pages) await page.goto(`${server.url}/test/browser/blank.html`)
  await Promise.all(pages.map(page => openSession(page, name)))
  const again: number[] = []
  for (const page of pages) again.push(await write(page))
  expect(again.toSorted()).toEqual(writers.toSorted())
  for (const page of pages) await page.close()
})

test('a database that was deleted takes its client ids with it', async () => {
  const name = 'deleted'
  const page = await openPage(context, name)
  const writer = await write(page)
  await page.reload()
  await page.evaluate(
    name =>
      new Promise(resolve => {
        indexedDB.deleteDatabase(name).onsuccess = resolve
      }),
    name,
  )
  await openSession(page, name)
  expect(await write(page)).not.toBe(writer)
  await page.close()
})

test('a client id of a browser that was killed is not used again, and nothing written is lost', {
  timeout: 120_000,
}, async () => {
  const [name, profile] = ['killed', await temporaryDirectory()]
  const used: number[] = []
  for (let round = 0; round < 3; round++) {
    const { context, kill } = await killable(profile)
    // The first tab ends well, so that the second one goes on under its client id.
    const first = await openPage(context, name)
    const found = await first.evaluate(() => ({ keys: [...tab.map.keys()], errors: tab.errors }))
    expect(found).toEqual({ keys: used.map((_, i) => `round ${i}`), errors: [] })
    const writer = await write(first, `round ${round}`)
    expect(used).not.toContain(writer)
    used.push(writer)
    await first.reload()
    await openSession(first, name)
    expect(await write(first, `round ${round}`)).toBe(writer)
    await kill()
  }
})

test('a cloned profile parts from its original when it hears of it, says so, and both are the same', async () => {
  const relay = await startRelay()
  onTestFinished(() => relay.close())
  const [name, profile, clone] = ['cloned', await temporaryDirectory(), await temporaryDirectory()]
  const before = await launchBrowser({ userDataDir: profile })
  const first = await openPage(before, name, relay.url)
  const writer = await write(first, 'before')
  await first.evaluate(() => tab.session.destroy())
  await before.close()
  await cp(profile, clone, { recursive: true })

  const original = await launchBrowser({ userDataDir: profile })
  onTestFinished(() => original.close())
  const one = await openPage(original, name, relay.url)
  await one.evaluate(() => tab.connect())
  expect(await write(one, 'original')).toBe(writer)

  const copy = await launchBrowser({ userDataDir: clone })
  onTestFinished(() => copy.close())
  const two = await openPage(copy, name, relay.url)
  expect(await two.evaluate(() => tab.doc.clientID)).toBe(writer)
  await two.evaluate(() => tab.connect())
  await two.waitForFunction(() => tab.map.has('original'))
  expect(await two.evaluate(() => tab.errors)).toEqual(['storage: copied'])
  expect(await write(two, 'copy')).not.toBe(writer)
  await one.waitForFunction(() => tab.map.has('copy'))
  expect(await one.evaluate(() => tab.errors)).toEqual([])
  const maps = [one, two].map(page => page.evaluate(() => JSON.stringify([...tab.map].sort())))
  expect(await maps[0]).toBe(await maps[1])
})
