import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, launchKillableBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import { bundleServer, startChild } from '../unit/server/support/child-server.ts'
import { logged, openPerson, temporaryDirectory } from './participant-support.ts'

/* What is promised of crashes, seen through the client: nothing written is lost, and nothing sticks. */

let pages: PageServer
let program: string
beforeAll(async () => {
  pages = await startPageServer()
  program = await bundleServer()
})
afterAll(() => pages.close())

async function openBob(serverUrl: string) {
  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  return openPerson(browser, pages.url, 'bob', serverUrl)
}

async function openKillable(profile: string, serverUrl: string) {
  const { context, kill } = await launchKillableBrowser(profile)
  onTestFinished(kill)
  return { page: await openPerson(context, pages.url, 'alice', serverUrl), kill }
}

test('somebody who crashes while typing stops typing within the timeout, also when the server dies with them', async () => {
  const server = await startChild(program, await temporaryDirectory())
  const { page: alice, kill } = await openKillable(await temporaryDirectory(), server.url)
  const bob = await openBob(server.url)
  await alice.evaluate(() => me.conversation.join())
  await logged(bob, 'joined alice')
  await bob.evaluate(() => me.follow('alice'))
  await alice.evaluate(() => me.conversation.typing())
  await logged(bob, 'alice typingStarted')
  const startedMs = Date.now()
  await Promise.all([server.kill(), kill()])
  await bob.waitForFunction(() => me.conversation.connectionStatus !== 'connected')
  await logged(bob, 'alice typingEnded')
  // The timeout of 6 s, and a second for the test itself.
  expect(Date.now() - startedMs).toBeLessThan(7_000)
  expect(
    await bob.evaluate(
      async () => (await me.conversation.getParticipantByIdentity('alice'))?.isTyping,
    ),
  ).toBe(false)
})

test('what was written right before a kill -9 is there after a restart, and tells no events of loading', async () => {
  // Nobody listens there: this device is offline all the time.
  const serverUrl = 'ws://127.0.0.1:9'
  const profile = await temporaryDirectory()
  const { page, kill } = await openKillable(profile, serverUrl)
  const killer = createServer(() => setTimeout(() => void kill(), 100))
  await new Promise<void>(resolve => killer.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void killer.close())
  const killerUrl = `http://127.0.0.1:${(killer.address() as AddressInfo).port}`
  await page.evaluate(() => me.conversation.join({ nick: 'Al' }))
  // The request is synchronous and never answered: the page dies in the very task that wrote.
  void page
    .evaluate(async killerUrl => {
      const participant = await me.conversation.getParticipantByIdentity('alice')
      void participant?.updateAttributes({ nick: 'Al', last: 'words' })
      const request = new XMLHttpRequest()
      request.open('GET', killerUrl, false)
      request.send()
    }, killerUrl)
    .catch(() => {})
  await new Promise<void>(resolve => page.once('close', () => resolve()))
  await kill()

  const { page: again } = await openKillable(profile, serverUrl)
  expect(
    await again.evaluate(async () => {
      const { conversation, log } = me
      const participant = await conversation.getParticipantByIdentity('alice')
      return { attributes: participant?.attributes, log, status: conversation.status }
    }),
  ).toEqual({ attributes: { nick: 'Al', last: 'words' }, log: [], status: 'joined' })
})

test('when another tab deletes the database, writes do not throw and still reach others', async () => {
  const server = await startChild(program, await temporaryDirectory())
  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  const alice = await openPerson(browser, pages.url, 'alice', server.url)
  const bob = await openBob(server.url)
  await alice.evaluate(() => me.conversation.join())
  await logged(bob, 'joined alice')
  const other = await browser.newPage()
  await other.goto(`${pages.url}/test/browser/blank.html`)
  await other.evaluate(async () => {
    for (const { name } of await indexedDB.databases()) {
      await new Promise(resolve => {
        indexedDB.deleteDatabase(name as string).onsuccess = resolve
      })
    }
  })
  await alice.evaluate(async () => {
    const participant = await me.conversation.getParticipantByIdentity('alice')
    await participant?.updateAttributes({ still: 'here' })
  })
  await bob.waitForFunction(
    async () =>
      JSON.stringify((await me.conversation.getParticipantByIdentity('alice'))?.attributes) ===
      '{"still":"here"}',
  )
  expect(await alice.evaluate(() => me.log)).toContain('error storage')
  // It is stored again: with no server, a page that starts from this device has everything.
  await server.kill()
  await alice.close()
  const again = await openPerson(browser, pages.url, 'alice', server.url)
  expect(
    await again.evaluate(
      async () => (await me.conversation.getParticipantByIdentity('alice'))?.attributes,
    ),
  ).toEqual({ still: 'here' })
})
