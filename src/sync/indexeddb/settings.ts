import type { Clock } from '../../base/clock.ts'

export interface Settings {
  database: string
  /** For everything that somebody waits for. */
  timeoutMs: number
  trimRows: number
  clock: Clock
}

/** How long a change from elsewhere waits for another tab to store it: in the first tab, and in the others. */
export const firstTabDelayMs = 200
export const otherTabDelayMs = 5000
