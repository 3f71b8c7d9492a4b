import { defineConfig } from 'vitest/config'

/** `--mode long`: properties are tried many more times. */
export default defineConfig(({ mode }) => ({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,property,conformance}/**/*.test.ts'],
          setupFiles: 'test/support/fast-check.ts',
          env: mode === 'long' ? { FC_RUNS: process.env.FC_RUNS ?? '5000' } : {},
          testTimeout: mode === 'long' ? 600_000 : 30_000,
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
          sequence: { groupOrder: 1 },
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
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
}))
