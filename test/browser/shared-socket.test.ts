import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createServer } from '../../src/server/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import type { PageRooms } from './shared-socket-page.ts'

declare const rooms: PageRooms

let pages: PageServer
beforeAll(async () => {
  pages = await startPageServer()
})
afterAll(() => pages.close())

async function openPage(url: string, count: number) {
  const context = await launchBrowser()
  onTestFinished(() => context.close())
  const page: Page = await context.newPage()
  const sockets: string[] = []
  page.on('websocket', socket => sockets.push(new URL(socket.url()).pathname))
  await page.goto(`${pages.url}/test/browser/blank.html`)
  await page.evaluate(
    async ({ url, count }) => {
      const path = '/test/browser/shared-socket-page.ts'
      const { openRooms } = await import(path)
      Object.assign(globalThis, { rooms: openRooms(url, count) })
      await rooms.whenSynced
    },
    { url, count },
  )
  return { page, sockets }
}

// Four times as many as the sockets that a browser opens.
test('a page has a thousand rooms over one socket, and what one writes another page has', async () => {
  const log = { info() {}, warn() {}, error: console.error }
  const server = await createServer({ port: 0, log })
  onTestFinished(() => server.close())
  const alice = await openPage(server.url, 1_000)
  expect(server.health()).toMatchObject({ rooms: 1_000, connections: 1_000 })
  const bob = await openPage(server.url, 1_000)
  await alice.page.evaluate(() => {
    for (const map of rooms.maps.values()) map.set('from', 'alice')
  })
  await bob.page.evaluate(() => rooms.whenAll('from', 'alice'))
  for (const { page, sockets } of [alice, bob]) {
    expect(sockets).toEqual(['/mux'])
    expect(await page.evaluate(() => rooms.errors)).toEqual([])
  }
})
