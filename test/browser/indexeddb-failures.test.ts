import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { isWholeBrowser, launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import { loadKit, openPage } from './indexeddb-support.ts'

/*
 * What can go wrong with IndexedDB, in a real browser. Each is told once with its reason, `whenLoaded` settles, and the
 * document lives on: observers and other listeners hear of later changes, and they are stored when that works again.
 */

const alive = ['observer', 'update', 'observer', 'update']
const content = { key: 'value', 'remote key': 'value' }

let server: PageServer
let context: BrowserContext
let page: Page
beforeAll(async () => {
  server = await startPageServer()
  context = await launchBrowser()
})
beforeEach(async () => {
  page = await openPage(context, server.url)
  return () => page.close()
})
afterAll(async () => {
  await context.close()
  await server.close()
})

async function openOtherPage(): Promise<Page> {
  const other = await openPage(context, server.url)
  onTestFinished(() => other.close())
  return other
}

async function freshProfile(): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), 'y-conversations-test-'))
  onTestFinished(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }))
  return profile
}

async function launch(userDataDir: string): Promise<BrowserContext> {
  const browser = await launchBrowser({ userDataDir })
  onTestFinished(() => browser.close())
  return browser
}

/** Loads a document where it cannot be stored, and writes into it. */
const useMemory = (where: Pick<Page, 'evaluate'>) =>
  where.evaluate(async () => {
    const one = await kit.load('document')
    const heard = kit.write(one, 'key', 'value')
    await one.handle.flush()
    return { heard, errors: one.errors }
  })

const isWhole = await isWholeBrowser()

test.skipIf(!isWhole)('1. a database that cannot be opened is stored to when it can', async () => {
  const profile = await freshProfile()
  const first = await launchBrowser({ userDataDir: profile })
  await (await openPage(first, server.url)).evaluate(() => kit.load('other'))
  await first.close()
  // A file where a folder should be.
  const folder = await databaseFolder(profile)
  await rename(folder, `${folder}.moved`)
  await writeFile(folder, '')

  const broken = await openPage(await launch(profile), server.url)
  expect(await useMemory(broken)).toEqual({ heard: alive, errors: ['storage: open-failed'] })
  await rm(folder)
  expect(await broken.evaluate(() => kit.untilStored('document'))).toEqual(content)
  expect(await broken.evaluate(() => kit.of('document').errors)).toHaveLength(1)
})

async function databaseFolder(profile: string): Promise<string> {
  const parent = join(profile, 'Default', 'IndexedDB')
  const name = (await readdir(parent)).find(entry => entry.endsWith('.leveldb'))
  if (!name) throw new Error(`No database in ${parent}`)
  return join(parent, name)
}

test.skipIf(!isWhole)('2. site data that the user blocks are unavailable', async () => {
  const profile = await freshProfile()
  await mkdir(join(profile, 'Default'))
  await writeFile(
    join(profile, 'Default', 'Preferences'),
    JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }),
  )
  const blocked = await openPage(await launch(profile), server.url)
  expect(await useMemory(blocked)).toEqual({ heard: alive, errors: ['storage: unavailable'] })
})

test('3. an opaque origin is unavailable', async () => {
  // It may load nothing from an origin that does not allow it.
  await page.route(`${server.url}/**`, async route => {
    const response = await route.fetch()
    const headers = { ...response.headers(), 'access-control-allow-origin': '*' }
    await route.fulfill({ response, headers })
  })
  await page.setContent(
    `<iframe sandbox="allow-scripts" src="${server.url}/test/browser/blank.html"></iframe>`,
    { waitUntil: 'load' },
  )
  const frame = page.frames()[1]
  if (!frame) throw new Error('There is no frame')
  await frame.waitForLoadState()
  expect(await frame.evaluate(() => self.origin)).toBe('null')
  await loadKit(frame)
  expect(await useMemory(frame)).toEqual({ heard: alive, errors: ['storage: unavailable'] })
})

test('4. without IndexedDB it is unavailable', async () => {
  await page.evaluate(() => {
    Object.defineProperty(globalThis, 'indexedDB', { value: undefined })
  })
  expect(await useMemory(page)).toEqual({ heard: alive, errors: ['storage: unavailable'] })
})

test('5. a database of another program is told and left alone', async () => {
  await page.evaluate(async () => {
    const request = indexedDB.open('document')
    request.onupgradeneeded = () => request.result.createObjectStore('theirs')
    ;(await kit.resultOf(request)).close()
  })
  expect(await useMemory(page)).toEqual({ heard: alive, errors: ['storage: foreign-database'] })
  await page.evaluate(() => kit.resultOf(indexedDB.deleteDatabase('document')))
  expect(await page.evaluate(() => kit.untilStored('document'))).toEqual(content)
})

test('6. a row that is cut off is set aside, and the rest loads', async () => {
  const result = await page.evaluate(async () => {
    const first = await kit.load('cut')
    for (const key of ['a', 'b', 'c']) {
      first.map.set(key, key)
      await first.handle.flush()
    }
    await first.handle.destroy()
    const db = await kit.openRaw('cut')
    const store = db.transaction('updates', 'readwrite').objectStore('updates')
    const rows = await kit.resultOf(store.getAll())
    await kit.resultOf(store.put(rows[2].slice(0, -4), 3))
    db.close()
    const one = await kit.load('cut')
    const heard = kit.write(one, 'key', 'value')
    const keys = [...one.map.keys()].sort()
    await one.handle.destroy()
    const other = await kit.load('cut')
    return {
      heard,
      keys,
      errors: one.errors,
      later: other.errors,
      raw: await kit.storedForRaw('cut'),
    }
  })
  expect(result.keys).toEqual(['a', 'b', 'key', 'remote key'])
  expect(result.raw).toEqual({ a: 'a', b: 'b', ...content })
  expect(result.heard).toEqual(alive)
  expect(result.errors).toEqual(['storage: corrupt-row'])
  expect(result.later).toEqual([])
})

test('7. a database that waits for another tab to let it be deleted is told as blocked, and stored to later', async () => {
  const owner = await openOtherPage()
  await owner.evaluate(async () => {
    Object.assign(globalThis, { kept: await kit.openRaw('document') })
  })
  await (await openOtherPage()).evaluate(() => void indexedDB.deleteDatabase('document'))
  const result = await page.evaluate(async () => {
    const one = kit.open('document', { loadTimeoutMs: 300 })
    await one.handle.whenLoaded
    const heard = kit.write(one, 'key', 'value')
    await one.handle.flush()
    return { heard, errors: one.errors }
  })
  expect(result).toEqual({ heard: alive, errors: ['storage: blocked'] })
  await owner.close()
  expect(await page.evaluate(() => kit.untilStored('document'))).toEqual(content)
})

test('8. destroyed before the database is open, it has stored what was written', async () => {
  const result = await page.evaluate(async () => {
    const one = kit.open('short')
    const heard = kit.write(one, 'key', 'value')
    one.doc.destroy()
    await one.handle.destroy()
    await one.handle.whenLoaded
    return { heard, errors: one.errors, stored: await kit.stored('short') }
  })
  expect(result).toEqual({ heard: alive, errors: [], stored: content })
})

test('9. a quota that is used up is told once, and everything is stored when there is room', async () => {
  const small = await launchBrowser()
  onTestFinished(() => small.close())
  const page = await small.newPage()
  const session = await small.newCDPSession(page)
  const setQuota = (quotaSize: number | undefined) =>
    session.send('Storage.overrideQuotaForOrigin', {
      origin: server.url,
      ...(quotaSize !== undefined && { quotaSize }),
    })
  await page.goto(`${server.url}/test/browser/blank.html`)
  // Before the first use; later it has no effect.
  await setQuota(400_000)
  await loadKit(page)
  const result = await page.evaluate(async () => {
    const one = await kit.load('full')
    const random = () =>
      Array.from({ length: 15_000 }, () => Math.random().toString(36)[3]).join('')
    for (let index = 0; index < 60; index++) {
      one.map.set(`big ${index}`, random())
      await one.handle.flush()
    }
    for (let index = 0; index < 20; index++) one.map.set(`small ${index}`, index)
    const heard = kit.write(one, 'key', 'value')
    await one.handle.flush()
    const readable = await kit.stored('full')
    return { heard, errors: one.errors, readable: Object.keys(readable).length }
  })
  expect(result.errors).toEqual(['storage: quota'])
  expect(result.heard).toEqual(alive)
  expect(result.readable).toBeGreaterThan(3)
  expect(result.readable).toBeLessThan(60)
  await setQuota(undefined)
  const stored = await page.evaluate(() => kit.untilStored('full'))
  expect(Object.keys(stored)).toHaveLength(82)
})

test('10. a full disk is told, and everything is stored when there is room', async context => {
  const profile = await freshProfile()
  const run = promisify(execFile)
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', profile]).catch(() =>
    context.skip('only root can make a small disk'),
  )
  onTestFinished(async () => {
    await run('umount', ['--lazy', profile])
  })
  const page = await openPage(await launch(profile), server.url)
  await page.evaluate(() => kit.load('document'))
  const filler = join(profile, 'filler')
  await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']).catch(() => {})
  const result = await page.evaluate(async () => {
    const one = kit.of('document')
    for (let index = 0; index < 40; index++) {
      one.map.set(`big ${index}`, 'x'.repeat(100_000))
      await one.handle.flush()
    }
    return { heard: kit.write(one, 'key', 'value'), errors: one.errors }
  })
  expect(result.heard).toEqual(alive)
  expect(result.errors.length).toBeGreaterThanOrEqual(1)
  expect(result.errors.length).toBeLessThanOrEqual(3)
  await rm(filler)
  const stored = await page.evaluate(() => kit.untilStored('document'))
  expect(Object.keys(stored)).toHaveLength(42)
})

test('11. a database deleted by another tab is told, and the next change stores the document again', async () => {
  await page.evaluate(async () => {
    const { map, handle } = await kit.load('deleted')
    map.set('before', true)
    await handle.flush()
  })
  const other = await openOtherPage()
  await other.evaluate(() => kit.resultOf(indexedDB.deleteDatabase('deleted')))
  const result = await page.evaluate(async () => {
    const one = kit.of('deleted')
    const errors = [...one.errors]
    const databases = await indexedDB.databases()
    return {
      errors,
      isBack: databases.some(({ name }) => name === 'deleted'),
      heard: kit.write(one, 'key', 'value'),
    }
  })
  expect(result).toEqual({ errors: ['storage: closed'], isBack: false, heard: alive })
  const expected = { before: true, ...content }
  expect(await page.evaluate(() => kit.untilStored('deleted'))).toEqual(expected)
  expect(await page.evaluate(() => kit.of('deleted').errors)).toHaveLength(1)
})

test('12. site data that are cleared are told, and the next change stores the document again', async () => {
  await page.evaluate(async () => {
    const { map, handle } = await kit.load('cleared')
    map.set('before', true)
    await handle.flush()
  })
  const session = await context.newCDPSession(page)
  await session.send('Storage.clearDataForOrigin', {
    origin: server.url,
    storageTypes: 'indexeddb',
  })
  const errors = () => page.evaluate(() => kit.of('cleared').errors)
  await expect.poll(errors).toEqual(['storage: closed'])
  const heard = await page.evaluate(() => kit.write(kit.of('cleared'), 'key', 'value'))
  expect(heard).toEqual(alive)
  const expected = { before: true, ...content }
  expect(await page.evaluate(() => kit.untilStored('cleared'))).toEqual(expected)
})

test('13. clearing a database that another connection keeps rejects, and does it later', async () => {
  const result = await page.evaluate(async () => {
    const db = await kit.openRaw('kept')
    const reason = await kit
      .clearIndexeddb('kept', { loadTimeoutMs: 200 })
      .catch(({ reason }) => reason)
    db.close()
    await kit.clearIndexeddb('kept')
    const databases = await indexedDB.databases()
    return { reason, isGone: databases.every(({ name }) => name !== 'kept') }
  })
  expect(result).toEqual({ reason: 'blocked', isGone: true })
})

test('in a private window it works, until that is closed', async () => {
  const browser = await launchKillableBrowser(await freshProfile())
  onTestFinished(() => browser.kill())
  const incognito = await browser.context.browser()?.newContext()
  if (!incognito) throw new Error('There is no private window')
  await incognito.addInitScript('globalThis.__vite_ssr_dynamic_import__ = path => import(path)')
  const page = await openPage(incognito, server.url)
  expect(await useMemory(page)).toEqual({ heard: alive, errors: [] })
  await page.reload()
  await loadKit(page)
  expect(await page.evaluate(() => kit.stored('document'))).toEqual(content)
})
