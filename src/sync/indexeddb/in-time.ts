import type { Clock } from '../../base/clock.ts'

/** Resolves with `work`, which never rejects, or after `timeoutMs`, when it calls `onLate`. */
export async function inTime(
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
  work: Promise<void> | undefined,
  onLate?: () => void,
): Promise<void> {
  let cancel = () => {}
  const late = new Promise<void>(resolve => {
    cancel = clock.setTimeout(resolve, timeoutMs)
  })
  await Promise.race([work, late.then(onLate)])
  cancel()
}
