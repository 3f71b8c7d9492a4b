import type { Clock } from './clock.ts'

/**
 * Resolves when something is so, or after `timeoutMs`; says whether it is.
 *
 * @param follow calls back whenever it may have become so; returns how to end that
 */
export function until(
  isSo: () => boolean,
  follow: (onNews: () => void) => () => void,
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise(resolve => {
    if (isSo()) {
      resolve(true)
      return
    }
    const end = () => {
      cancel()
      unfollow()
      resolve(isSo())
    }
    const cancel = clock.setTimeout(end, timeoutMs)
    const unfollow = follow(() => {
      if (isSo()) end()
    })
  })
}
