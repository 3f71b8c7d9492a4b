import type { BrowserContext, Page } from 'playwright-core'

type Kit = typeof import('./indexeddb-page.ts')

declare global {
  /** In a page opened by `openPage`. */
  var kit: Kit
}

export async function openPage(context: BrowserContext, serverUrl: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${serverUrl}/test/browser/blank.html`)
  await loadKit(page)
  return page
}

export async function loadKit(page: Pick<Page, 'evaluate'>): Promise<void> {
  await page.evaluate(async () => {
    const path = '/test/browser/indexeddb-page.ts'
    globalThis.kit = await import(path)
  })
}
