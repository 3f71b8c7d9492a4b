import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type KillableBrowser, launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import { startRelay } from '../support/relay.ts'
import { loadKit, openPage } from './indexeddb-support.ts'

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

async function openPages(count: number): Promise<Page[]> {
  const pages: Page[] = []
  for (let index = 0; index < count; index++) pages.push(await openPage(context, server.url))
  onTestFinished(async () => {
    for (const page of pages) await page.close()
  })
  return pages
}

async function openOnePage(): Promise<Page> {
  const [page] = await openPages(1)
  return page as Page
}

const rowCount = (page: Page, name: string) =>
  page.evaluate(async name => (await kit.rows(name)).length, name)

/**
 * An address that kills the browser of whoever asks for it and does not answer. It waits a moment, in which a page that
 * asks synchronously does not get on, and in which the browser's processes can do what they were told before.
 */
async function startKiller(victim: () => KillableBrowser): Promise<string> {
  const killer = createServer(() => setTimeout(() => void victim().kill(), 100))
  await new Promise<void>(resolve => killer.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void killer.close())
  return `http://127.0.0.1:${(killer.address() as AddressInfo).port}`
}

test('a change is there after a kill -9 in the very task that made it, ten times of ten', {
  timeout: 180_000,
}, async () => {
  const userDataDir = await mkdtemp(join(tmpdir(), 'y-conversations-test-'))
  onTestFinished(() => rm(userDataDir, { recursive: true, force: true, maxRetries: 5 }))
  let browser: KillableBrowser | undefined
  const killerUrl = await startKiller(() => browser as KillableBrowser)
  onTestFinished(() => browser?.kill())
  const written: string[] = []
  for (let round = 0; round <= 10; round++) {
    browser = await launchKillableBrowser(userDataDir)
    const page = await openPage(browser.context, server.url)
    const found = await page.evaluate(async () => {
      const { map, errors } = await kit.load('killed')
      return { keys: [...map.keys()], errors }
    })
    expect(found.errors).toEqual([])
    expect(found.keys.sort()).toEqual(written.toSorted())
    const key = `round ${round}`
    written.push(key)
    const isClosed = new Promise<void>(resolve => page.once('close', () => resolve()))
    await page
      .evaluate(
        ({ key, killerUrl }) => {
          kit.of('killed').map.set(key, true)
          const request = new XMLHttpRequest()
          request.open('POST', killerUrl, false)
          request.send()
        },
        { key, killerUrl },
      )
      .catch(() => {})
    await isClosed
    await browser.kill()
  }
})

test.each(['a BroadcastChannel', 'a server', 'both'])(
  'with five tabs joined by %s, 100 changes leave about 100 rows',
  async way => {
    const name = `tabs joined by ${way}`
    const relay = await startRelay()
    onTestFinished(() => relay.close())
    const pages = await openPages(5)
    for (const page of pages) {
      await page.evaluate(
        async ({ name, way, url }) => {
          const one = await kit.load(name)
          if (way !== 'a server') kit.joinTabs(one, name)
          if (way !== 'a BroadcastChannel') await kit.joinServer(one, 'room', url)
        },
        { name, way, url: relay.url },
      )
    }
    for (let index = 0; index < 100; index++) {
      await pages[index % 5]?.evaluate(
        ({ name, index }) => void kit.of(name).map.set(`key ${index % 30}`, index),
        { name, index },
      )
      if (index % 20 < 19) continue
      // Now and then all tabs store whatever they think is not stored.
      for (const page of pages) {
        const read = (key: string) =>
          page.evaluate(({ name, key }) => kit.of(name).map.get(key), { name, key })
        await expect.poll(() => read(`key ${index % 30}`)).toBe(index)
      }
      for (const page of pages) await page.evaluate(name => kit.of(name).handle.flush(), name)
    }
    const [page] = pages as [Page]
    const expected = await page.evaluate(name => kit.sorted(kit.of(name).map.toJSON()), name)
    expect(await page.evaluate(async name => kit.sorted(await kit.stored(name)), name)).toEqual(
      expected,
    )
    const count = await rowCount(page, name)
    expect(count).toBeGreaterThanOrEqual(100)
    expect(count).toBeLessThanOrEqual(105)
    for (const page of pages) {
      expect(await page.evaluate(name => kit.of(name).errors, name)).toEqual([])
    }
  },
)

test('tabs that are closed or crash while they write lose nothing that was written in them', async () => {
  const name = 'closing tabs'
  const pages = await openPages(5)
  for (const page of pages) {
    await page.evaluate(async name => kit.joinTabs(await kit.load(name), name), name)
  }
  const written: string[] = []
  const writers = pages.slice(0, 4)
  for (const [index, page] of writers.entries()) {
    for (let round = 0; round < 10; round++) {
      for (const [other, writer] of writers.entries()) {
        if (other < index) continue
        const key = `tab ${other}, phase ${index}, round ${round}`
        await writer.evaluate(
          ({ name, key }) => {
            const { map } = kit.of(name)
            map.set('last', key)
            map.set(key, true)
          },
          { name, key },
        )
        written.push(key)
      }
    }
    if (index % 2 === 0) await page.close()
    else await crash(page)
  }
  const [, , , , last] = pages
  const keys = await last?.evaluate(async name => Object.keys(await kit.stored(name)), name)
  expect(keys?.sort()).toEqual([...written, 'last'].sort())
})

test('what just came from the network is stored when the page goes away', async () => {
  const page = await openOnePage()
  await page.evaluate(async () => {
    kit.receive(await kit.load('left'), 'key', 'remote')
    location.href = '/test/browser/blank.html?next'
  })
  await page.waitForURL('**?next')
  await loadKit(page)
  expect(await page.evaluate(() => kit.stored('left'))).toEqual({ key: 'remote' })
})

async function crash(page: Page): Promise<void> {
  const hasCrashed = page.waitForEvent('crash')
  const session = await context.newCDPSession(page)
  session.send('Page.crash').catch(() => {})
  await hasCrashed
}

test('10,000 changes, one per task, leave no more than 1,000 rows at any time', async () => {
  const page = await openOnePage()
  const { most, left, content } = await page.evaluate(async () => {
    const { map, handle } = await kit.load('steady')
    let most = 0
    for (let index = 0; index < 10_000; index++) {
      map.set(`key ${index % 100}`, index)
      // The next task, without the pause of a timer.
      await new Promise(resolve => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = resolve
        port2.postMessage(0)
      })
      if (index % 97 === 0) most = Math.max(most, (await kit.rows('steady')).length)
    }
    await handle.flush()
    const left = (await kit.rows('steady')).length
    return { most, left, content: await kit.stored('steady') }
  })
  expect(most).toBeGreaterThan(300)
  expect(most).toBeLessThanOrEqual(1000)
  expect(left).toBeLessThanOrEqual(1000)
  expect(content['key 99']).toBe(9999)
})

test('1,000 changes in one task are two rows, and opening adds none', async () => {
  const page = await openOnePage()
  const counts = await page.evaluate(async () => {
    const { map, handle } = await kit.load('burst')
    for (let index = 0; index < 1000; index++) map.set(`key ${index}`, index)
    await handle.destroy()
    const counts = [(await kit.rows('burst')).length]
    for (let round = 0; round < 3; round++) {
      counts.push(Object.keys(await kit.stored('burst')).length)
      counts.push((await kit.rows('burst')).length)
    }
    return counts
  })
  expect(counts).toEqual([2, 1000, 2, 1000, 2, 1000, 2])
})

test('y-indexeddb reads what was written here, and the other way round', async () => {
  const page = await openOnePage()
  const result = await page.evaluate(async () => {
    const { map, handle } = await kit.load('shared')
    for (let index = 0; index < 5; index++) map.set(`key ${index}`, index)
    await handle.destroy()
    const raw = await kit.storedForRaw('shared')
    return { raw, ours: await kit.stored('shared') }
  })
  expect(Object.keys(result.raw)).toHaveLength(5)
  expect(result.ours).toEqual(result.raw)
})

test('the browser is asked once per page not to evict, and its answer can be had', async () => {
  const page = await openOnePage()
  const { calls, answer } = await page.evaluate(async () => {
    let calls = 0
    navigator.storage.persist = async () => {
      calls++
      return true
    }
    await kit.load('one', { askToPersist: true })
    await kit.load('two', { askToPersist: true })
    return { answer: await kit.persistStorage(), calls }
  })
  expect(answer).toBe(true)
  expect(calls).toBe(1)
})
