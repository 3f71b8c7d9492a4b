import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { websocket } from '../../src/sync/websocket/index.ts'
import { isWholeBrowser, launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import { type Relay, type RelayOptions, startRelay } from '../support/relay.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { openContext, whenAwareness, whenDoc } from '../support/transport-context.ts'
import type { PageOptions, PageRoom } from './network-page.ts'

declare const room: PageRoom

let server: PageServer
beforeAll(async () => {
  server = await startPageServer()
})
afterAll(() => server.close())

async function browser(): Promise<BrowserContext> {
  const context = await launchBrowser()
  onTestFinished(() => context.close())
  return context
}

async function relay(options?: RelayOptions): Promise<Relay> {
  const started = await startRelay(options)
  onTestFinished(() => started.close())
  return started
}

/** A page whose global `room` is connected as `options` say. */
async function openPage(context: BrowserContext, options: PageOptions): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${server.url}/test/browser/blank.html`)
  await page.evaluate(async options => {
    const path = '/test/browser/network-page.ts'
    const { openRoom } = await import(path)
    Object.assign(globalThis, { room: openRoom(options) })
    await room.whenSynced
  }, options)
  return page
}

/** Somebody else, on another machine. */
function openPeer(url: string) {
  const context = openContext()
  const handle = websocket({ url, WebSocket })(context)
  handle.connect()
  onTestFinished(() => {
    void handle.destroy()
    context.destroy()
  })
  return context
}

test('after "online" a write that was made offline reaches the peer within half a second', async () => {
  const { url } = await relay()
  const context = await browser()
  const page = await openPage(context, { url })
  const peer = openPeer(url)
  await peer.whenSynced()
  await context.setOffline(true)
  await page.evaluate(async () => {
    room.root.set('key', 'value')
    // Several attempts have failed, and the next one is far.
    while (room.statuses.filter(({ status }) => status === 'connecting').length < 5) {
      await room.whenStatus('connecting')
      await room.whenStatus('disconnected')
    }
  })
  const hasArrived = whenDoc(peer.doc, () => peer.doc.getMap('root').get('key') === 'value')
  const startedAtMs = performance.now()
  await context.setOffline(false)
  await hasArrived
  expect(performance.now() - startedAtMs).toBeLessThan(500)
})

test('being offline is shown within a tenth of a second', async () => {
  const { url } = await relay()
  const context = await browser()
  const page = await openPage(context, { url })
  await page.evaluate(() => {
    addEventListener(
      'offline',
      () => Object.assign(globalThis, { offlineAtMs: performance.now() }),
      {
        capture: true,
      },
    )
  })
  await context.setOffline(true)
  const delayMs = await page.evaluate(async () => {
    await room.whenStatus('disconnected')
    const shown = room.statuses.find(({ status }) => status === 'disconnected')
    return Math.abs(
      (shown?.atMs ?? 0) - (globalThis as unknown as { offlineAtMs: number }).offlineAtMs,
    )
  })
  expect(delayMs).toBeLessThan(100)
})

test('a link that dies silently is noticed within ten seconds, and another one is made', async () => {
  const { url, port } = await relay()
  const proxy = await startTcpProxy(port)
  onTestFinished(() => proxy.close())
  const page = await openPage(await browser(), { url: `ws://127.0.0.1:${proxy.port}` })
  proxy.freeze()
  const startedAtMs = performance.now()
  await page.evaluate(() => room.whenStatus('disconnected'))
  expect(performance.now() - startedAtMs).toBeLessThan(10_000)
  await page.evaluate(() => room.root.set('key', 'value'))
  proxy.thaw()
  const peer = openPeer(url)
  await whenDoc(peer.doc, () => peer.doc.getMap('root').get('key') === 'value')
})

test('a tab that is closed while the server is down is gone in the other tab at once', async () => {
  const started = await startRelay()
  const context = await browser()
  const options = { url: started.url, withTabs: true }
  const first = await openPage(context, options)
  const second = await openPage(context, options)
  await first.evaluate(() => room.whenPresent(2))
  await started.close()
  for (const page of [first, second]) await page.evaluate(() => room.whenStatus('disconnected'))
  await first.evaluate(() => room.whenPresent(2))
  const isGone = first.evaluate(() => room.whenPresent(1))
  const startedAtMs = performance.now()
  await second.close()
  await isGone
  expect(performance.now() - startedAtMs).toBeLessThan(500)
})

test('a tab that is closed takes leave of the server before its socket closes', async () => {
  const { url, messages } = await relay()
  const peer = openPeer(url)
  const page = await openPage(await browser(), { url })
  await whenAwareness(peer.awareness, () => peer.awareness.states.size === 2)
  await page.close()
  await whenAwareness(peer.awareness, () => peer.awareness.states.size === 1)
  const last = messages.filter(([type]) => type === 1).at(-1)
  expect(new TextDecoder().decode(last)).toMatch(/null$/)
})

test('two tabs with no server have the same document and see each other', async () => {
  const context = await browser()
  const first = await openPage(context, { withTabs: true })
  await first.evaluate(() => room.root.set('before', 1))
  const second = await openPage(context, { withTabs: true })
  await second.evaluate(async () => {
    await room.whenValue('before', 1)
    await room.whenPresent(2)
    room.root.set('after', 2)
  })
  await first.evaluate(async () => {
    await room.whenValue('after', 2)
    await room.whenPresent(2)
  })
  // As from another page of the origin, with anything in it.
  await first.evaluate(() => {
    const channel = new BroadcastChannel('y-conversations["","room"]')
    channel.postMessage({ from: 1, message: new Uint8Array([0, 1, 9]) })
    channel.postMessage('text')
    room.root.set('last', 3)
  })
  await second.evaluate(() => room.whenValue('last', 3))
  expect(await second.evaluate(() => room.errors)).toEqual(['transport'])
})

test('a token that is refused as expired is asked for again; a denial is final', async () => {
  const { url, paths } = await relay({
    refuse: path => {
      if (path.endsWith('token=expired')) return { code: 4401, reason: 'expired' }
      if (path.endsWith('token=stranger')) return { code: 4403, reason: 'not invited' }
      return undefined
    },
  })
  const context = await browser()
  const page = await openPage(context, { url, tokens: ['expired', 'fresh', 'stranger'] })
  expect(paths).toEqual(['/mux?extension=1&token=expired', '/room?extension=1&token=fresh'])
  await context.setOffline(true)
  await page.evaluate(() => room.whenStatus('disconnected'))
  await context.setOffline(false)
  await page.evaluate(() => room.whenStatus('denied'))
  const count = paths.length
  // Neither of these is a reason to ask again.
  await context.setOffline(true)
  await context.setOffline(false)
  await page.evaluate(() =>
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true })),
  )
  expect(paths).toHaveLength(count)
  expect(paths.at(-1)).toBe('/room?extension=1&token=stranger')
  expect(await page.evaluate(() => [room.errors, room.statuses.at(-1)?.status])).toEqual([
    ['denied'],
    'denied',
  ])
})

test.skipIf(!(await isWholeBrowser()))(
  'a page that returns from the back/forward cache has what was written meanwhile at once',
  async () => {
    const { url } = await relay()
    const userDataDir = await mkdtemp(join(tmpdir(), 'y-conversations-profile-'))
    // Playwright switches this cache off where it starts the browser itself.
    const { context, kill } = await launchKillableBrowser(userDataDir)
    onTestFinished(async () => {
      await kill()
      await rm(userDataDir, { recursive: true, force: true, maxRetries: 5 })
    })
    const page = await openPage(context, { url })
    const peer = openPeer(url)
    await peer.whenSynced()
    await page.goto(`${server.url}/test/browser/blank.html?other`)
    peer.doc.getMap('root').set('meanwhile', 1)
    // A page that returns from there does not load again.
    await page.goBack({ waitUntil: 'commit' })
    await page.evaluate(() => room.whenValue('meanwhile', 1))
    const statuses = await page.evaluate(() => room.statuses.map(({ status }) => status))
    // No attempt has failed, and none was waited for.
    expect(statuses.slice(0, 4)).toEqual(['connecting', 'connected', 'connecting', 'connected'])
  },
)
