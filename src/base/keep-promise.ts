/** Hands out the promise of some work before it begins: what the work tells of may lead to somebody asking for it. */
export function keepPromise<T>(
  keep: (promise: Promise<T>) => void,
  work: () => Promise<T>,
): Promise<T> {
  let settle: (result: Promise<T>) => void = () => {}
  const promise = new Promise<T>(resolve => {
    settle = resolve
  })
  keep(promise)
  settle(work())
  return promise
}
