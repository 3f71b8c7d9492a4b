import type { Clock } from '../../../../src/base/clock.ts'

/** Time that stands still until it is moved. */
export function fakeClock() {
  let nowMs = 1_000_000
  const timers = new Set<{ atMs: number; callback: () => void }>()
  const clock: Clock = {
    now: () => nowMs,
    setTimeout(callback, delayMs) {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  }
  return {
    clock,
    get timerCount() {
      return timers.size
    },
    /** Runs what is due on the way, in order. */
    advance(byMs: number) {
      const endMs = nowMs + byMs
      for (;;) {
        const [next] = [...timers]
          .filter(({ atMs }) => atMs <= endMs)
          .sort((a, b) => a.atMs - b.atMs)
        if (!next) break
        timers.delete(next)
        nowMs = next.atMs
        next.callback()
      }
      nowMs = endMs
    },
  }
}
