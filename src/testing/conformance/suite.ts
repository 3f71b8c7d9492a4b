/** What a suite needs of a test runner: the exports of Vitest and `node:test`, the globals of Jest and Mocha fit. */
export interface TestFramework {
  describe(name: string, body: () => void): unknown
  it(title: string, body: () => Promise<void>): unknown
}

/** What one test stands on. */
export interface Fixture {
  /** Called after a test that went well: throws when something went wrong behind its back. */
  verify(): void
  close(): Promise<void>
}

/** Titles, as sentences, and what each of them checks. */
export type Checks<F> = Record<string, (fixture: F) => Promise<void>>

export function describeChecks<F extends Fixture>(
  name: string,
  checks: Checks<F>,
  createFixture: () => Promise<F>,
  framework: TestFramework | undefined,
): void {
  const { describe, it } = framework ?? globalFramework()
  describe(name, () => {
    for (const [title, check] of Object.entries(checks)) {
      it(title, async () => {
        const fixture = await createFixture()
        try {
          await check(fixture)
          fixture.verify()
        } finally {
          await fixture.close()
        }
      })
    }
  })
}

function globalFramework(): TestFramework {
  const { describe, it } = globalThis as Partial<TestFramework>
  if (describe && it) return { describe, it }
  throw new Error(
    'No global `describe` and `it`: pass those of your test runner as the last argument',
  )
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

export function assertEqual(actual: unknown, expected: unknown, message: string): void {
  const [a, b] = [actual, expected].map(value => JSON.stringify(value))
  assert(a === b, `${message}: expected ${b}, got ${a}`)
}
