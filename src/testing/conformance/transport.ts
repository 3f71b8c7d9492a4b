import { awarenessChecks } from './awareness-checks.ts'
import { connectionChecks } from './connection-checks.ts'
import { documentChecks } from './document-checks.ts'
import { Room, type TransportSetup } from './room.ts'
import { describeChecks, type TestFramework } from './suite.ts'
import { cutChecks, echoChecks, garbageChecks } from './trouble-checks.ts'

/** Checks a transport against the contract of the `Transport` type, on one fresh network per test. */
export function describeTransport<Network>(
  name: string,
  setup: TransportSetup<Network>,
  framework?: TestFramework,
): void {
  const checks = {
    ...documentChecks,
    ...connectionChecks,
    ...awarenessChecks,
    ...(setup.cut && setup.mend && cutChecks),
    ...(setup.countMessages && echoChecks),
    ...(setup.sendGarbage && garbageChecks),
  }
  describeChecks(name, checks, async () => new Room(setup, await setup.createNetwork()), framework)
}
