import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import { bundleServer, startChild } from '../unit/server/support/child-server.ts'
import type { ChatPage } from './messages-page.ts'
import { temporaryDirectory } from './participant-support.ts'

declare global {
  /** In a page that has opened a conversation. */
  var chat: ChatPage
  /** Ends this task, and this browser. */
  var hang: () => void
}

let pages: PageServer
let program: string
beforeAll(async () => {
  pages = await startPageServer()
  program = await bundleServer()
})
afterAll(() => pages.close())

async function open(browser: BrowserContext, identity: string, url?: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`${pages.url}/test/browser/blank.html`)
  const room = `room of ${expect.getState().currentTestName}`
  await page.evaluate(
    async ({ identity, room, url }) => {
      const path = '/test/browser/messages-page.ts'
      globalThis.chat = await (await import(path)).openChat(identity, room, url)
    },
    { identity, room, url },
  )
  return page
}

async function openBrowser(): Promise<BrowserContext> {
  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  return browser
}

async function openKillable(profile: string, url: string) {
  const { context, kill } = await launchKillableBrowser(profile)
  onTestFinished(kill)
  return { context, page: await open(context, 'alice', url), kill }
}

const whenSent = (page: Page, count: number) => page.evaluate(n => chat.whenSent(n), count)

/**
 * Kills the browser in the very task in which the page calls `hang`, when it has started: a request that is synchronous and never
 * answered keeps the task from ending.
 */
async function dieWith(page: Page, kill: () => Promise<void>, start: () => void): Promise<void> {
  const killer = createServer(() => setTimeout(() => void kill(), 100))
  await new Promise<void>(resolve => killer.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void killer.close())
  const killerUrl = `http://127.0.0.1:${(killer.address() as AddressInfo).port}`
  await page.evaluate(killerUrl => {
    globalThis.hang = () => {
      const request = new XMLHttpRequest()
      request.open('GET', killerUrl, false)
      request.send()
    }
  }, killerUrl)
  const isGone = new Promise<void>(resolve => page.once('close', () => resolve()))
  void page.evaluate(start).catch(() => {})
  await isGone
  await kill()
}

const sent = (index: number, body: string) => ({ index, body, deliveryState: 'sent' })

test('a message that is sent offline in the task in which the browser is killed is there, pending, and is sent once', async () => {
  const directory = await temporaryDirectory()
  const server = await startChild(program, directory)
  const port = Number(new URL(server.url).port)
  const profile = await temporaryDirectory()
  const { context, page, kill } = await openKillable(profile, server.url)
  const bob = await open(await openBrowser(), 'bob', server.url)
  for (const one of [page, bob]) await one.evaluate(() => chat.conversation.join())
  await page.evaluate(() => chat.conversation.sendMessage('hello'))
  await whenSent(bob, 1)
  await bob.evaluate(() => chat.conversation.sendMessage('hi'))
  expect(await whenSent(page, 2)).toEqual([sent(0, 'hello'), sent(1, 'hi')])

  await server.kill()
  // What came from others is stored a moment later, or when a page goes away.
  await page.close()
  const offline = await open(context, 'alice', server.url)
  await dieWith(offline, kill, () => {
    void chat.conversation.sendMessage('last words')
    hang()
  })

  const { page: again } = await openKillable(profile, server.url)
  expect(await again.evaluate(() => chat.list())).toEqual([
    sent(0, 'hello'),
    sent(1, 'hi'),
    { index: 2, body: 'last words', deliveryState: 'pending' },
  ])
  expect(await again.evaluate(() => chat.conversation.unreadCount)).toBe(1)
  expect(await again.evaluate(() => chat.added)).toEqual([])

  await startChild(program, directory, port)
  for (const one of [again, bob]) {
    await one.evaluate(() => window.dispatchEvent(new Event('online')))
  }
  const all = [sent(0, 'hello'), sent(1, 'hi'), sent(2, 'last words')]
  for (const one of [again, bob]) expect(await whenSent(one, 3)).toEqual(all)
  expect(await bob.evaluate(() => chat.added)).toEqual(['hello', 'hi', 'last words'])
  expect(await bob.evaluate(() => chat.conversation.unreadCount)).toBe(2)
  // Its id is not used again.
  expect(await again.evaluate(() => chat.conversation.sendMessage('first words'))).toBe(3)
  expect(await whenSent(bob, 4)).toEqual([...all, sent(3, 'first words')])
  expect(await again.evaluate(() => chat.errors)).toEqual([])
})

test('a message that the server has taken is still here when the browser is killed right after', async () => {
  const server = await startChild(program, await temporaryDirectory())
  const profile = await temporaryDirectory()
  const { page, kill } = await openKillable(profile, server.url)
  await page.evaluate(() => chat.conversation.join())
  await dieWith(page, kill, async () => {
    const { conversation } = chat
    await conversation.sendMessage('first')
    // So that word of its outbox being cleared is here, and nothing that came is stored by itself yet.
    await new Promise(resolve => setTimeout(resolve, 50))
    // What is written is stored at once, and all that came in this document with it.
    void conversation.sendMessage('second')
    hang()
  })
  await server.kill()
  const { page: again } = await openKillable(profile, server.url)
  const messages = await again.evaluate(() => chat.list())
  expect(messages.map(({ index, body }) => [index, body])).toEqual([
    [0, 'first'],
    [1, 'second'],
  ])
})

test('of two tabs without a server one gives the indices, and the other goes on when it is closed', async () => {
  const browser = await openBrowser()
  const one = await open(browser, 'alice')
  await one.evaluate(() => chat.conversation.join())
  await one.evaluate(() => chat.conversation.sendMessage('a'))
  await whenSent(one, 1)
  const two = await open(browser, 'alice')
  expect(await two.evaluate(() => chat.conversation.sendMessage('b'))).toBe(1)
  for (const tab of [one, two]) expect(await whenSent(tab, 2)).toEqual([sent(0, 'a'), sent(1, 'b')])
  const locks = await one.evaluate(async () => {
    const { held = [], pending = [] } = await navigator.locks.query()
    const ours = (list: LockInfo[]) => list.filter(({ name }) => name?.includes('sequencer')).length
    return [ours(held), ours(pending)]
  })
  expect(locks).toEqual([1, 1])

  await one.close()
  await two.evaluate(() => chat.conversation.sendMessage('c'))
  const all = [sent(0, 'a'), sent(1, 'b'), sent(2, 'c')]
  expect(await whenSent(two, 3)).toEqual(all)
  const three = await open(browser, 'alice')
  expect(await three.evaluate(() => chat.list())).toEqual(all)
  expect(await two.evaluate(() => chat.errors)).toEqual([])
})

test('a tab that is closed while it gives indices to many messages leaves none without, and none with two', async () => {
  const browser = await openBrowser()
  const one = await open(browser, 'alice')
  await one.evaluate(() => chat.conversation.join())
  await one.evaluate(() => chat.conversation.sendMessage('0'))
  await whenSent(one, 1)
  const two = await open(browser, 'alice')
  await whenSent(two, 1)
  await two.evaluate(async () => {
    // One by one, so that the other tab is in the middle of it at any time.
    for (let i = 1; i <= 300; i++) {
      void chat.conversation.sendMessage(`${i}`)
      if (i % 10 === 0) await new Promise(resolve => setTimeout(resolve))
    }
  })
  await one.close({ runBeforeUnload: false })
  const messages = await whenSent(two, 301)
  expect(messages).toEqual(Array.from({ length: 301 }, (_, i) => sent(i, `${i}`)))
  await two.close()
  const three = await open(browser, 'alice')
  expect(await whenSent(three, 301)).toEqual(messages)
})
