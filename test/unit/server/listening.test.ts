import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createServer, levelLog } from '../../../src/server/index.ts'
import { rawClient, silent, startServer, syncedClient } from './support/clients.ts'
import { temporaryDirectory } from './support/storage.ts'

describe('where it listens', () => {
  it.each([
    '0.0.0.0',
    '::',
    '192.168.1.2',
    'example.com',
    '',
    '127.0.0.1.example.com',
    '1270.0.0.1',
  ])('refuses %j, which is not this machine alone', async host => {
    const directory = await temporaryDirectory()
    const refused = createServer({ host, port: 0, storage: directory, log: silent })
    await expect(refused).rejects.toMatchObject({
      name: 'ConversationsError',
      code: 'unsupported',
      message: expect.stringContaining('no authentication'),
    })
    // Nothing was opened on the way.
    await (await levelLog(directory)).close()
  })

  it.each(['127.0.0.1', '::1', 'localhost'])('takes %s', async host => {
    const { url, port } = await startServer({ host })
    expect(url).toBe(host === '::1' ? `ws://[::1]:${port}` : `ws://${host}:${port}`)
    await syncedClient(url, 'room')
  })

  it('says in the log that it has no authentication', async () => {
    const lines: string[] = []
    await startServer({ log: { ...silent, info: line => lines.push(line) } })
    expect(lines.join()).toContain('no authentication')
  })

  it('turns away pages that were not served from this machine', async () => {
    const { url } = await startServer()
    for (const origin of ['https://example.com', 'null', 'http://127.0.0.1.example.com']) {
      await expect(rawClient(url, 'room', { origin }), origin).rejects.toThrow('403')
    }
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:80']) {
      await rawClient(url, 'room', { origin })
    }
  })

  it('rejects when the port is taken, and leaves the storage free', async () => {
    const { port } = await startServer()
    const directory = await temporaryDirectory()
    await expect(createServer({ port, storage: directory, log: silent })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
    await (await levelLog(directory)).close()
  })

  it('rejects when another server has the directory', async () => {
    const directory = await temporaryDirectory()
    await startServer({ storage: directory })
    await expect(createServer({ port: 0, storage: directory, log: silent })).rejects.toMatchObject({
      code: 'storage',
      reason: 'blocked',
    })
  })
})

describe('plain HTTP', () => {
  it('has /health, and nothing else by itself', async () => {
    const { url, port } = await startServer()
    await syncedClient(url, 'room')
    const health = await fetch(`http://127.0.0.1:${port}/health?verbose`)
    expect(health.status).toBe(200)
    expect(await health.json()).toEqual({ status: 'ok', storage: 'ok', rooms: 1, connections: 1 })
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404)
  })

  it('is given to `serve`, which cannot break the server', async () => {
    const { url, port } = await startServer({
      async serve(request, response) {
        if (request.url === '/broken') throw new Error('broken')
        response.end(`page ${request.url}`)
      },
    })
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
    expect(await (await get('/a')).text()).toBe('page /a')
    expect((await get('/broken')).status).toBe(500)
    expect((await get('/health')).status).toBe(200)
    await syncedClient(url, 'room')
  })

  it('is left to a server that was passed in, which stays open afterwards', async () => {
    const http = createHttpServer((_, response) => response.end('theirs'))
    onTestFinished(() => void http.close())
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    const server = await createServer({ server: http, log: silent })
    expect(server.port).toBe(port)
    await syncedClient(server.url, 'room')
    const get = async () => (await fetch(`http://127.0.0.1:${port}/health`)).text()
    expect(await get()).toBe('theirs')
    await server.close()
    expect(await get()).toBe('theirs')
    expect(http.listenerCount('upgrade')).toBe(0)
  })

  it('of a server that listens elsewhere too is refused', async () => {
    const http = createHttpServer()
    onTestFinished(() => void http.close())
    await new Promise<void>(resolve => http.listen(0, '0.0.0.0', resolve))
    await expect(createServer({ server: http, log: silent })).rejects.toMatchObject({
      code: 'unsupported',
    })
  })
})
