const firstMs = 500

/**
 * How long to wait before the next attempt, in milliseconds: "full jitter", any time up to a limit that doubles
 * with each failure, so that the clients of a server that comes back do not all come at once.
 */
export function backoffMs(
  failures: number,
  maxMs: number,
  random: () => number = Math.random,
): number {
  return random() * Math.min(maxMs, firstMs * 2 ** failures)
}
