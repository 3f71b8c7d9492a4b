import { defineConfig } from 'vitest/config'

/** By mode: `long` tries properties very many more times, `lives` those of messages five thousand times, `forgeries`
 * that of forged updates a hundred thousand times. */
const FC_RUNS: Record<string, string> = { long: '5000', lives: '17', forgeries: '50' }

export default defineConfig(({ mode }) => {
  const runs = process.env.FC_RUNS ?? FC_RUNS[mode]
  return {
    test: {
      projects: [
        {
          test: {
            name: 'unit',
            include: ['test/{unit,property,conformance}/**/*.test.ts'],
            setupFiles: 'test/support/fast-check.ts',
            env: runs ? { FC_RUNS: runs } : {},
            testTimeout: runs ? 1_200_000 : 120_000,
            sequence: { groupOrder: 0 },
          },
        },
        {
          test: {
            // Against real servers of Redis and Postgres; skipped where they are not installed.
            name: 'engines',
            include: ['test/engines/**/*.test.ts'],
            setupFiles: 'test/support/fast-check.ts',
            env: runs ? { FC_RUNS: runs } : {},
            testTimeout: runs ? 1_200_000 : 60_000,
            hookTimeout: 60_000,
            // Beside the unit tests: most of the time they wait.
            sequence: { groupOrder: 0 },
          },
        },
        {
          test: {
            name: 'package',
            include: ['test/package/**/*.test.ts'],
            globalSetup: 'test/package/pack.ts',
            testTimeout: 120_000,
            hookTimeout: 120_000,
            sequence: { groupOrder: 2 },
          },
        },
        {
          test: {
            name: 'browser',
            include: ['test/browser/**/*.test.ts'],
            globalSetup: 'test/support/global-browser.ts',
            // One browser at a time, and nothing beside it: these tests look at real time.
            fileParallelism: false,
            testTimeout: 60_000,
            hookTimeout: 60_000,
            sequence: { groupOrder: 3 },
          },
        },
      ],
    },
  }
})
