import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type ConversationsServer, createServer } from '../../src/server/index.ts'
import { launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import type { LibraryPage } from './media-page.ts'
import { temporaryDirectory } from './participant-support.ts'

declare global {
  /** In a page that opened its attachments. */
  var media: LibraryPage
}

const silent = { info() {}, warn() {}, error() {} }

let pages: PageServer
let server: ConversationsServer
let context: BrowserContext
beforeAll(async () => {
  pages = await startPageServer()
  server = await createServer({ port: 0, log: silent })
  context = await launchBrowser()
})
afterAll(async () => {
  await context.close()
  await server.close()
  await pages.close()
})

async function openPage(browser: BrowserContext, prefix: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`${pages.url}/test/browser/blank.html`)
  await openLibrary(page, prefix)
  return page
}

async function openLibrary(page: Page, prefix: string): Promise<void> {
  await page.evaluate(
    async ({ prefix, url }) => {
      const path = '/test/browser/media-page.ts'
      globalThis.media = (await import(path)).openLibrary(prefix, url)
    },
    { prefix, url: server.url },
  )
}

const statusOf = async (hash: string) =>
  (await fetch(`${server.url.replace('ws', 'http')}/media/${hash}`, { method: 'HEAD' })).status

test('what is put offline is there after a reload, and goes to the server and to others when there is a network', async () => {
  const page = await openPage(context, 'ann/')
  const hashes = await page.evaluate(async () => [
    await media.putRandom(3_000_000),
    await media.putText('text'),
    await media.putRandom(0),
  ])
  await page.reload()
  await openLibrary(page, 'ann/')
  const found = () =>
    page.evaluate(hashes => Promise.all(hashes.map(hash => media.find(hash))), hashes)
  expect(await found()).toEqual(hashes)
  expect(await page.evaluate(() => media.pending())).toEqual(hashes.toSorted())
  expect(await Promise.all(hashes.map(statusOf))).toEqual([404, 404, 404])

  const other = await openPage(context, 'bob/')
  const hash = hashes[0] as string
  expect(await other.evaluate(hash => media.find(hash), hash)).toBe('transport')
  await other.evaluate(() => media.library.connect())
  expect(await other.evaluate(hash => media.find(hash), hash)).toBe('not-found')

  await page.evaluate(() => media.library.connect())
  await expect.poll(() => page.evaluate(() => media.pending())).toEqual([])
  expect(await Promise.all(hashes.map(statusOf))).toEqual([200, 200, 200])
  expect(await found()).toEqual(hashes)
  expect(await other.evaluate(hash => media.find(hash), hash)).toBe(hash)
  // Kept from now on.
  await expect.poll(() => other.evaluate(hash => media.isHere(hash), hash)).toBe(true)
  await other.reload()
  await openLibrary(other, 'bob/')
  expect(await other.evaluate(hash => media.find(hash), hash)).toBe(hash)
  for (const one of [page, other]) {
    expect(await one.evaluate(() => media.errors)).toEqual([])
    await one.close()
  }
})

test('a browser that is killed right after a put has it when it starts again, and uploads it', {
  timeout: 120_000,
}, async () => {
  const profile = await temporaryDirectory()
  const hashes: string[] = []
  for (let round = 0; round < 3; round++) {
    const { context, kill } = await launchKillableBrowser(profile)
    onTestFinished(kill)
    const page = await openPage(context, 'killed/')
    hashes.push(await page.evaluate(() => media.putRandom(500_000)))
    await kill()
  }
  const { context, kill } = await launchKillableBrowser(profile)
  onTestFinished(kill)
  const page = await openPage(context, 'killed/')
  expect(await page.evaluate(() => media.pending())).toEqual(hashes.toSorted())
  await page.evaluate(() => media.library.connect())
  await expect.poll(() => page.evaluate(() => media.pending())).toEqual([])
  expect(await Promise.all(hashes.map(statusOf))).toEqual([200, 200, 200])
  expect(await page.evaluate(() => media.errors)).toEqual([])
})

test('with a quota that is used up attachments are told of, shown, and uploaded all the same', async () => {
  const small = await launchBrowser()
  onTestFinished(() => small.close())
  const page = await small.newPage()
  const session = await small.newCDPSession(page)
  await page.goto(`${pages.url}/test/browser/blank.html`)
  // Before the first use; later it has no effect.
  const quota = { origin: pages.url, quotaSize: 1_000_000 }
  await session.send('Storage.overrideQuotaForOrigin', quota)
  await openLibrary(page, 'full/')
  const hash = await page.evaluate(() => media.putRandom(3_000_000))
  expect(await page.evaluate(() => media.errors)).toEqual(['storage: quota'])
  expect(await page.evaluate(hash => media.find(hash), hash)).toBe(hash)
  const fits = await page.evaluate(() => media.putRandom(1_000))
  expect(await page.evaluate(() => media.pending())).toEqual([fits])
  await page.evaluate(() => media.library.connect())
  await expect.poll(() => statusOf(hash)).toBe(200)
  await expect.poll(() => statusOf(fits)).toBe(200)
})

test('two tabs have the same attachments', async () => {
  const [one, two] = [await openPage(context, 'tabs/'), await openPage(context, 'tabs/')]
  const hash = await one.evaluate(() => media.putText('of the first tab'))
  expect(await two.evaluate(hash => media.find(hash), hash)).toBe(hash)
  await one.close()
  await two.evaluate(() => media.library.connect())
  await expect.poll(() => statusOf(hash)).toBe(200)
  await two.close()
})

test('no attachment runs a script when its url is opened, whatever its sender calls it', async () => {
  const page = await openPage(context, 'script/')
  const script = '<script>globalThis.opener.hasRun = true</script>'
  const svg = `<svg xmlns="http://www.w3.org/2000/svg">${script}</svg>`
  const attempts = [
    'text/html',
    'image/svg+xml',
    'application/xhtml+xml',
    'text/xml',
    '',
    'text/plain',
    'image/png',
    'video/mp4',
  ]
  for (const contentType of attempts) {
    const opened = context.waitForEvent('page')
    await page.evaluate(
      async ({ svg, contentType }) => {
        const url = await media.urlOf(await media.putText(svg), contentType)
        globalThis.open(String(url))
      },
      { svg, contentType },
    )
    const tab = await opened
    await tab.waitForLoadState().catch(() => {})
    expect(await page.evaluate(() => 'hasRun' in globalThis), contentType).toBe(false)
    await tab.close().catch(() => {})
  }
  // The attack itself works: as a page of its own the same bytes run.
  const opened = context.waitForEvent('page')
  await page.evaluate(svg => {
    const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }))
    globalThis.open(url)
  }, svg)
  await opened
  await page.waitForFunction(() => 'hasRun' in globalThis)
  await page.close()
})
