import { ensureChromium } from './install-chromium.ts'

/** Vitest calls this once before the browser tests; the workers inherit the variable and need not search. */
export async function setup(): Promise<void> {
  process.env.CHROME_PATH = await ensureChromium()
}
