import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createServer, type ServerOptions } from '../../../src/server/index.ts'
import { contentOf, freshContent, hashOf } from '../../support/media.ts'
import { silent, startServer, syncedClient, until } from './support/clients.ts'
import { temporaryDirectory } from './support/storage.ts'

async function startMedia(options: ServerOptions = {}) {
  const server = await startServer(options)
  const base = `http://127.0.0.1:${server.port}`
  return {
    ...server,
    base,
    urlOf: (hash: string) => `${base}/media/${hash}`,
    put: (hash: string, body: Blob, headers = {}) =>
      fetch(`${base}/media/${hash}`, { method: 'PUT', body, headers }),
    get: (hash: string, headers = {}) => fetch(`${base}/media/${hash}`, { headers }),
  }
}

/** A request as `fetch` would not send it. */
async function send(port: number, method: string, path: string, headers = {}, body?: Uint8Array) {
  const request = httpRequest({ host: '127.0.0.1', port, method, path, headers })
  request.end(body)
  const [response] = await once(request, 'response')
  response.resume()
  await once(response, 'end')
  return response.statusCode as number
}

const filesIn = async (directory: string) =>
  (await readdir(directory, { recursive: true })).filter(name => name !== 'incoming').sort()

describe('attachments', () => {
  it('are kept as bytes that no browser runs as a page', async () => {
    const { put, get } = await startMedia()
    const { hash, blob } = contentOf('<script>alert(1)</script>')
    const typed = new Blob([blob], { type: 'text/html' })
    expect((await put(hash, typed)).status).toBe(201)
    const response = await get(hash)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(blob.size),
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
      'cache-control': expect.stringContaining('immutable'),
    })
    expect(await hashOf(await response.blob())).toBe(hash)
  })

  it('can be asked after without being sent', async () => {
    const { put, urlOf } = await startMedia()
    const { hash, blob } = freshContent(1_000)
    expect((await fetch(urlOf(hash), { method: 'HEAD' })).status).toBe(404)
    await put(hash, blob)
    const response = await fetch(urlOf(hash), { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('1000')
    expect((await response.blob()).size).toBe(0)
  })

  it('are there after a restart, in a directory beside the documents', async () => {
    const storage = await temporaryDirectory()
    const { hash, blob } = freshContent(200_000)
    const first = await startMedia({ storage })
    const { map } = await syncedClient(first.url, 'room')
    map.set('key', 'value')
    await syncedClient(first.url, 'room')
    await first.put(hash, blob)
    await first.close()
    expect(await filesIn(join(storage, 'media'))).toEqual([hash])
    const second = await startMedia({ storage })
    expect(await hashOf(await (await second.get(hash)).blob())).toBe(hash)
    expect((await syncedClient(second.url, 'room')).map.toJSON()).toEqual({ key: 'value' })
  })

  it('may have a directory or a storage of their own', async () => {
    const media = await temporaryDirectory()
    const { hash, blob } = freshContent()
    await (await startMedia({ media })).put(hash, blob)
    expect(await filesIn(media)).toEqual([hash])
    const written: string[] = []
    const own = await startMedia({
      media: {
        size: async () => undefined,
        async *read() {},
        async write(name, chunks) {
          for await (const _ of chunks);
          written.push(name)
        },
      },
    })
    expect((await own.put(hash, blob)).status).toBe(201)
    expect(written).toEqual([hash])
  })

  it('that are there already are not received again', async () => {
    const { put, get } = await startMedia({ storage: await temporaryDirectory() })
    const { hash, blob } = freshContent(500_000)
    expect((await put(hash, blob)).status).toBe(201)
    expect((await put(hash, blob)).status).toBe(204)
    expect(await hashOf(await (await get(hash)).blob())).toBe(hash)
  })

  it('have nothing to do with a room of the same name', async () => {
    const { url, put, get } = await startMedia({ storage: await temporaryDirectory() })
    const { hash, blob } = freshContent()
    const { map } = await syncedClient(url, `media/${hash}`)
    map.set('key', 'value')
    expect((await get(hash)).status).toBe(404)
    await put(hash, blob)
    expect((await syncedClient(url, `media/${hash}`)).map.toJSON()).toEqual({ key: 'value' })
    expect(await hashOf(await (await get(hash)).blob())).toBe(hash)
  })
})

describe('an upload is refused, and leaves nothing, when it', () => {
  async function startOnDisk(options: ServerOptions = {}) {
    const storage = await temporaryDirectory()
    const server = await startMedia({ storage, ...options })
    const files = () => filesIn(join(storage, 'media'))
    const incoming = () => readdir(join(storage, 'media', 'incoming'))
    return { ...server, storage, files, incoming }
  }

  it('is not what its name says', async () => {
    const { put, get, files } = await startOnDisk()
    const { hash } = freshContent()
    const response = await put(hash, freshContent().blob)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('SHA-256')
    expect((await get(hash)).status).toBe(404)
    expect(await files()).toEqual([])
  })

  it('is too large, whether it says so or not', async () => {
    const limits = { maxMediaSize: 100_000 }
    const { put, port, files } = await startOnDisk({ limits })
    const [fits, large] = [freshContent(100_000), freshContent(100_001)]
    expect((await put(fits.hash, fits.blob)).status).toBe(201)
    const refused = await put(large.hash, large.blob)
    expect(refused.status).toBe(413)
    expect(await refused.text()).toContain('100000')
    const body = new Uint8Array(await large.blob.arrayBuffer())
    const chunked = { 'transfer-encoding': 'chunked' }
    expect(await send(port, 'PUT', `/media/${large.hash}`, chunked, body)).toBe(413)
    expect(await files()).toEqual([fits.hash])
  })

  it('has 16 MB at most if nothing else is said', async () => {
    const { port } = await startOnDisk()
    const { hash } = freshContent()
    const headers = { 'content-length': 16 * 2 ** 20 + 1, expect: '100-continue' }
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      method: 'PUT',
      path: `/media/${hash}`,
      headers,
    })
    onTestFinished(() => void request.destroy())
    request.flushHeaders()
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(413)
  })

  it('is broken off by its client', async () => {
    const { port, files, incoming, put } = await startOnDisk()
    const { hash, blob } = freshContent(1_000)
    const socket = connect(port, '127.0.0.1')
    socket.write(`PUT /media/${hash} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n`)
    socket.write(new Uint8Array(500))
    await until(async () => expect(await incoming()).toHaveLength(1))
    expect(await files()).toHaveLength(1)
    socket.destroy()
    await until(async () => expect(await incoming()).toEqual([]))
    // The name is not taken by it.
    expect((await put(hash, blob)).status).toBe(201)
  })

  it('is cut off by the end of the server', async () => {
    const { port, incoming, close } = await startOnDisk()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    const { hash } = freshContent()
    socket.write(`PUT /media/${hash} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n1`)
    await until(async () => expect(await incoming()).toHaveLength(1))
    await close()
    expect(await incoming()).toEqual([])
  })

  it('was cut off by the death of an earlier server', async () => {
    const storage = await temporaryDirectory()
    await mkdir(join(storage, 'media', 'incoming'), { recursive: true })
    await writeFile(join(storage, 'media', 'incoming', 'half'), 'half')
    await startMedia({ storage })
    expect(await readdir(join(storage, 'media', 'incoming'))).toEqual([])
  })

  it('cannot be stored, which is logged', async () => {
    const errors: unknown[] = []
    const media = {
      size: async () => undefined,
      async *read() {},
      write: () => Promise.reject(new Error('no space left on device')),
    }
    const log = { ...silent, error: (...line: unknown[]) => errors.push(line) }
    const { put, url } = await startMedia({ media, log })
    const { hash, blob } = freshContent()
    expect((await put(hash, blob)).status).toBe(500)
    expect(String(errors)).toContain('no space left on device')
    await syncedClient(url, 'room')
  })
})

describe('a request is answered with what is wrong', () => {
  const { hash } = freshContent()
  it.each([
    ['an empty name', '/media/', 400],
    ['a short name', `/media/${hash.slice(1)}`, 400],
    ['a long name', `/media/${hash}0`, 400],
    ['upper case', `/media/${hash.replace(/[0-9]/g, 'A').toUpperCase()}`, 400],
    ['an encoded digit', `/media/%61${hash.slice(1)}`, 400],
    ['a path', '/media/../../../../etc/passwd', 400],
    ['an encoded path', '/media/..%2f..%2f..%2fetc%2fpasswd', 400],
    ['a folder', `/media/incoming/${hash}`, 400],
    ['a null byte', `/media/${hash.slice(3)}%00`, 400],
    ['what is not there', `/media/${hash}`, 404],
    ['a query', `/media/${hash}?token=1`, 404],
  ])('to %s', async (_what, path, status) => {
    const storage = await temporaryDirectory()
    const { port } = await startMedia({ storage })
    expect(await send(port, 'GET', path)).toBe(status)
    if (status === 400) expect(await send(port, 'PUT', path, {}, new Uint8Array(3))).toBe(400)
    expect(await filesIn(join(storage, 'media'))).toEqual([])
  })

  it('to other methods', async () => {
    const { urlOf } = await startMedia()
    for (const method of ['POST', 'DELETE', 'PATCH']) {
      const response = await fetch(urlOf(hash), { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toContain('PUT')
    }
  })

  it('unless it is not about media, which is left to `serve`', async () => {
    const { base, get } = await startMedia({
      serve: (request, response) => void response.end(`page ${request.url}`),
    })
    expect(await (await fetch(`${base}/media`)).text()).toBe('page /media')
    expect(await (await fetch(`${base}/mediathek`)).text()).toBe('page /mediathek')
    expect((await get(hash)).status).toBe(404)
  })
})

describe('pages', () => {
  const { hash, blob } = freshContent()

  it('of this machine may use it from another port', async () => {
    const { put, get, urlOf } = await startMedia()
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:80']) {
      const asked = await fetch(urlOf(hash), {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'PUT',
          'access-control-request-headers': 'authorization',
        },
      })
      expect(asked.status).toBe(204)
      expect(asked.headers.get('access-control-allow-methods')).toContain('PUT')
      expect(asked.headers.get('access-control-allow-headers')).toContain('authorization')
      for (const response of [
        asked,
        await put(hash, blob, { origin }),
        await get(hash, { origin }),
      ]) {
        expect(response.ok).toBe(true)
        expect(response.headers.get('access-control-allow-origin')).toBe(origin)
        expect(response.headers.get('vary')).toBe('origin')
      }
      // What went wrong can be read there as well.
      const missing = await get(freshContent().hash, { origin })
      expect(missing.headers.get('access-control-allow-origin')).toBe(origin)
    }
  })

  it('of the web may not, nor those whose name is made to lead here', async () => {
    const { put, port } = await startMedia()
    await put(hash, blob)
    for (const origin of ['https://example.com', 'null', 'http://127.0.0.1.example.com']) {
      for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS']) {
        expect(await send(port, method, `/media/${hash}`, { origin }), origin).toBe(403)
      }
    }
    expect(await send(port, 'GET', `/media/${hash}`, { host: 'example.com' })).toBe(403)
    expect(await send(port, 'GET', `/media/${hash}`, { host: `localhost:${port}` })).toBe(200)
  })
})

describe('trouble with the disk', () => {
  it('while an attachment is sent ends the connection, and is logged', async () => {
    const errors: unknown[] = []
    const { get } = await startMedia({
      log: { ...silent, error: (...line) => errors.push(line) },
      media: {
        size: async () => 1_000,
        async *read() {
          yield new Uint8Array(10)
          throw new Error('input/output error')
        },
        write: async () => {},
      },
    })
    await expect(get(freshContent().hash).then(response => response.blob())).rejects.toThrow()
    expect(String(errors)).toContain('input/output error')
  })

  it('that keeps the directory from being opened is told, and the documents are let go', async () => {
    const storage = await temporaryDirectory()
    await mkdir(storage, { recursive: true })
    await writeFile(join(storage, 'media'), 'a file')
    const refused = createServer({ port: 0, storage, log: silent })
    await expect(refused).rejects.toMatchObject({ code: 'storage', reason: 'open-failed' })
    await startServer({ storage, media: await temporaryDirectory() })
  })
})

it('a client that goes away while it is sent an attachment is no trouble', async () => {
  const errors: unknown[] = []
  let onClosed = () => {}
  const closed = new Promise<void>(resolve => {
    onClosed = resolve
  })
  const { port, close } = await startMedia({
    log: { ...silent, error: (...line) => errors.push(line) },
    media: {
      size: async () => 1e9,
      async *read() {
        try {
          for (;;) yield new Uint8Array(100_000)
        } finally {
          onClosed()
        }
      },
      write: async () => {},
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET /media/${freshContent().hash} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await once(socket, 'data')
  socket.destroy()
  await closed
  await close()
  expect(errors).toEqual([])
})

it('a server that was passed in keeps its plain HTTP', async () => {
  const http = createHttpServer((_, response) => response.end('theirs'))
  onTestFinished(() => void http.close())
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const server = await createServer({ server: http, log: silent })
  onTestFinished(() => server.close())
  const { port } = http.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/media/${freshContent().hash}`)
  expect(await response.text()).toBe('theirs')
})
