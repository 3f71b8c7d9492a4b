import { describe, it } from 'vitest'
import {
  createMemoryNetwork,
  describePersistence,
  describeTransport,
  type MemoryNetworkOptions,
  memoryPersistence,
} from '../../src/testing/index.ts'

describePersistence(
  'memoryPersistence',
  {
    createStorage: () => ({ store: new Map<string, Uint8Array[]>(), isBroken: false }),
    persistence: disk => memoryPersistence(disk.store, { failWrites: () => disk.isBroken }),
    countRows: ({ store }, name) => store.get(name)?.length ?? 0,
    hasWriters: true,
    failWrites(disk) {
      disk.isBroken = true
    },
    mendWrites(disk) {
      disk.isBroken = false
    },
  },
  { describe, it },
)

function describeNetwork(name: string, options?: MemoryNetworkOptions): void {
  describeTransport(
    name,
    {
      createNetwork: () => ({ network: createMemoryNetwork(options), peers: [] as string[] }),
      transport({ network, peers }) {
        const peer = `peer ${peers.length}`
        peers.push(peer)
        return network.transport(peer)
      },
      cut: ({ network, peers }) => network.partition(peers.map(peer => [peer])),
      mend: ({ network }) => network.heal(),
      countMessages: ({ network }) => network.stats.messages,
    },
    { describe, it },
  )
}

describeNetwork('createMemoryNetwork')
describeNetwork('createMemoryNetwork with a seed', { seed: 1, duplicate: 0.5 })
