export type { PersistenceSetup } from './conformance/disk.ts'
export { describePersistence } from './conformance/persistence.ts'
export type { TransportSetup } from './conformance/room.ts'
export type { TestFramework } from './conformance/suite.ts'
export { describeTransport } from './conformance/transport.ts'
export {
  createMemoryNetwork,
  type MemoryNetwork,
  type MemoryNetworkOptions,
  type NetworkLogEntry,
  type NetworkStats,
} from './network.ts'
export {
  type MemoryPersistenceOptions,
  type MemoryStore,
  memoryPersistence,
} from './persistence.ts'
