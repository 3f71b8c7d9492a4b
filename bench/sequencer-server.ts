import { EventEmitter } from 'node:events'
import * as encoding from 'lib0/encoding'
import { systemClock } from '../src/base/clock.ts'
import { type DocumentLog, memoryLog } from '../src/server/index.ts'
import { ServerMetrics } from '../src/server/metrics/server-metrics.ts'
import { StorageHealth } from '../src/server/metrics/storage-health.ts'
import { defaultLimits, defaultTimings } from '../src/server/options.ts'
import { Rooms } from '../src/server/rooms.ts'
import type { ServerSocket } from '../src/server/visitor.ts'

/** After so many turns of the event loop without a write, nothing is under way. */
const QUIET_TURNS = 6

/** The rooms of a server over a storage in memory, with everything between a client's message and what is sent. */
export class BenchServer {
  readonly storage: DocumentLog
  readonly #rooms: Rooms
  #appends = 0

  constructor(storage = memoryLog()) {
    this.storage = {
      append: (name, updates) => {
        this.#appends += 1
        return storage.append(name, updates)
      },
      read: name => storage.read(name),
      snapshot: (name, state, upTo) => storage.snapshot(name, state, upTo),
      claim: (name, key, owner) => storage.claim(name, key, owner),
      erase: name => storage.erase(name),
      names: prefix => storage.names(prefix),
      close: () => storage.close(),
    }
    this.#rooms = new Rooms({
      storage: this.storage,
      log: { info() {}, warn() {}, error: console.error },
      limits: defaultLimits,
      timings: defaultTimings,
      clock: systemClock,
      metrics: new ServerMetrics(),
      health: new StorageHealth(),
    })
  }

  connect(room: string): BenchClient {
    const client = new BenchClient()
    const visitor = { identity: undefined, address: '127.0.0.1', speaksExtension: false }
    this.#rooms.accept(client.socket as unknown as ServerSocket, `/${room}`, visitor)
    return client
  }

  /** Resolves when everything that was sent is done. */
  async settle(): Promise<void> {
    let appends = -1
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      if (appends !== this.#appends) quiet = 0
      appends = this.#appends
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  async close(): Promise<void> {
    await this.#rooms.drain()
  }
}

/** The server's end of a connection without a network. */
class BenchClient {
  readonly socket = new BenchSocket()

  send(update: Uint8Array): void {
    const frame = encoding.encode(encoder => {
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarUint(encoder, 2)
      encoding.writeVarUint8Array(encoder, update)
    })
    this.socket.emit('message', frame, true)
  }
}

class BenchSocket extends EventEmitter {
  readonly bufferedAmount = 0

  send(): void {}
  ping(): void {}
  pause(): void {}
  resume(): void {}
  terminate(): void {}
  close(): void {}
}
