import { connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** Connections stay open and carry nothing any more, without a word to either side. New ones are not served. */
  freeze(): void
  /** New connections are served again; the frozen ones stay dead. */
  thaw(): void
  close(): Promise<void>
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  let isFrozen = false
  const sockets = new Set<Socket>()
  const server = createServer({ pauseOnConnect: true }, client => {
    sockets.add(client)
    client.on('error', () => {})
    if (isFrozen) return
    const target = connect(targetPort, '127.0.0.1')
    sockets.add(target)
    target.on('error', () => client.destroy())
    client.on('close', () => target.destroy())
    target.on('close', () => client.destroy())
    client.pipe(target)
    target.pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    port,
    freeze() {
      isFrozen = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    thaw() {
      isFrozen = false
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
