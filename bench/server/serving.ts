import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { collectGarbage } from '../measure.ts'

/** What a server has used since it began. */
export interface Usage {
  /** CPU time in µs. */
  readonly cpu: number
  readonly rss: number
  /** Bytes of the heap, and outside it for what is in the heap. */
  readonly heap: number
  /** Bytes of all its TCP connections. */
  readonly received: number
  readonly sent: number
  /** In memory; where the server tells. */
  readonly rooms?: number | undefined
}

export interface UsageRequest {
  /** After collecting garbage. */
  readonly collect: boolean
}

/**
 * Serves the process that has started this one: tells the port, then the usage as often as it is asked. Ends with that process.
 *
 * @param http listens on 127.0.0.1
 */
export function serve(http: Server, roomsOf?: () => number): void {
  const sockets = new Set<Socket>()
  const closed = { received: 0, sent: 0 }
  http.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      closed.received += socket.bytesRead
      closed.sent += socket.bytesWritten
    })
  })
  let spent = 0
  process.on('message', async ({ collect }: UsageRequest) => {
    if (collect) spent += await collectAll()
    const { rss, heapUsed, external } = process.memoryUsage()
    let { received, sent } = closed
    for (const socket of sockets) {
      received += socket.bytesRead
      sent += socket.bytesWritten
    }
    const usage: Usage = {
      cpu: cpuSince() - spent,
      rss,
      heap: heapUsed + external,
      received,
      sent,
      rooms: roomsOf?.(),
    }
    process.send?.(usage)
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ port: (http.address() as AddressInfo).port })
}

/** Returns what it took, which is not the server's. */
async function collectAll(): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < 5; i++) {
    collectGarbage()
    // What is finalised is freed between tasks.
    await new Promise(resolve => setImmediate(resolve))
  }
  return cpuSince(before)
}

/** CPU time in µs. */
function cpuSince(before?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}
