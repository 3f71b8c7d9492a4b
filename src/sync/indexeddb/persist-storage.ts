let answer: Promise<boolean> | undefined

/**
 * Asks the browser, once per page, not to evict this origin's data when disk space runs low. Resolves to its
 * answer, `false` where it cannot be asked. Firefox shows the user a question.
 */
export function persistStorage(): Promise<boolean> {
  answer ??= (async () => (await globalThis.navigator?.storage?.persist?.()) ?? false)().catch(
    () => false,
  )
  return answer
}

export function asksTheUser(): boolean {
  return globalThis.navigator?.userAgent?.includes('Firefox/') ?? false
}
