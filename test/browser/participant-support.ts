import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import type { PersonPage } from './participant-page.ts'

declare global {
  /** In a page that became a person. */
  var me: PersonPage
}

/** A page in which somebody has opened the conversation of the running test. */
export async function openPerson(
  browser: BrowserContext,
  pagesUrl: string,
  identity: string,
  serverUrl: string,
): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`${pagesUrl}/test/browser/blank.html`)
  await becomePerson(page, identity, serverUrl)
  return page
}

export async function becomePerson(page: Page, identity: string, serverUrl: string): Promise<void> {
  const room = `room of ${expect.getState().currentTestName}`
  await page.evaluate(
    async ({ identity, serverUrl, room }) => {
      const path = '/test/browser/participant-page.ts'
      const { openPerson } = await import(path)
      globalThis.me = await openPerson(identity, serverUrl, room)
    },
    { identity, serverUrl, room },
  )
}

/** Waits until the page has logged this, and takes it and what came before out of the log. */
export async function logged(page: Page, entry: string): Promise<void> {
  await page.waitForFunction(entry => me.log.includes(entry), entry)
  await page.evaluate(entry => me.log.splice(0, me.log.indexOf(entry) + 1), entry)
}

/** A directory that is gone after the test. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'y-conversations-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
  return directory
}
