import { Disk, type PersistenceSetup } from './disk.ts'
import { baseChecks, growthChecks, recoveryChecks, troubleChecks } from './storage-checks.ts'
import { describeChecks, type TestFramework } from './suite.ts'
import { writerChecks, writerTroubleChecks } from './writer-checks.ts'

/** Checks a persistence against the contract of the `Persistence` type, on one fresh storage per test. */
export function describePersistence<Storage>(
  name: string,
  setup: PersistenceSetup<Storage>,
  framework?: TestFramework,
): void {
  const checks = {
    ...baseChecks,
    ...(setup.countRows && growthChecks),
    ...(setup.hasWriters && writerChecks),
    ...(setup.failWrites && troubleChecks),
    ...(setup.hasWriters && setup.failWrites && writerTroubleChecks),
    ...(setup.failWrites && setup.mendWrites && recoveryChecks),
  }
  describeChecks(name, checks, async () => new Disk(setup, await setup.createStorage()), framework)
}
