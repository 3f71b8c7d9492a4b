import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { httpMedia } from '../../../../src/sync/media/http-media.ts'
import { freshContent } from '../../../support/media.ts'

/** A server that answers as the test says; its address, and the requests it got. */
async function startAnswering(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    request.resume()
    answer(request, response)
  })
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

const answering = (status: number, text = '') =>
  startAnswering((_, response) => response.writeHead(status).end(text))

test.each([
  '',
  'example.org',
  'ftp://example.org',
  'http://example.org?a',
  'https://example.org#a',
  undefined,
  {},
])('%j is no url', url => {
  expect(() => httpMedia({ url: url as string })).toThrow(
    expect.objectContaining({ code: 'invalid-argument' }),
  )
})

test.each([
  ['http', ''],
  ['ws', ''],
  ['ws', '/yjs'],
  ['ws', '/yjs/'],
])('media are below %s://host%s', async (protocol, path) => {
  const { host, requests } = await answering(404)
  const { hash } = freshContent()
  await httpMedia({ url: `${protocol}://${host}${path}` }).get(hash)
  expect(requests[0]?.url).toBe(`${path.replace(/\/$/, '')}/media/${hash}`)
})

test('the token is asked for every request', async () => {
  const { host, requests } = await answering(404)
  let count = 0
  const store = httpMedia({ url: `ws://${host}`, getToken: async () => `token-${++count}` })
  const { hash } = freshContent()
  await store.get(hash)
  await store.get(hash)
  const sent = requests.map(({ headers }) => headers.authorization)
  expect(sent).toEqual(['Bearer token-1', 'Bearer token-2'])
})

test('a token that cannot be had is a failed attempt', async () => {
  const store = httpMedia({
    url: 'http://127.0.0.1:9',
    getToken: () => Promise.reject(new Error('no token')),
  })
  const { hash, blob } = freshContent()
  const failure = { code: 'transport', cause: expect.objectContaining({ message: 'no token' }) }
  await expect(store.get(hash)).rejects.toMatchObject(failure)
  await expect(store.put(hash, blob)).rejects.toMatchObject(failure)
})

test.each([
  [400, 'invalid-argument'],
  [401, 'denied'],
  [403, 'denied'],
  [404, 'unsupported'],
  [405, 'unsupported'],
  [413, 'too-large'],
  [429, 'transport'],
  [500, 'transport'],
  [503, 'transport'],
  [507, 'transport'],
])('an upload that is answered %i has failed: %s', async (status, code) => {
  const { host } = await answering(status, 'because')
  const { hash, blob } = freshContent()
  await expect(httpMedia({ url: `http://${host}` }).put(hash, blob)).rejects.toMatchObject({
    name: 'ConversationsError',
    code,
    message: expect.stringContaining(String(status)),
  })
})

test('a server that says okay to everything, as that of y-websocket does, has kept nothing', async () => {
  const { host } = await answering(200, 'okay')
  const { hash, blob } = freshContent()
  await expect(httpMedia({ url: `http://${host}` }).put(hash, blob)).rejects.toMatchObject({
    code: 'unsupported',
  })
})

test('a server that is not there is trouble of the network', async () => {
  const { host, requests } = await startAnswering(request => request.socket.destroy())
  const { hash, blob } = freshContent()
  const store = httpMedia({ url: `http://${host}` })
  await expect(store.get(hash)).rejects.toMatchObject({ code: 'transport' })
  await expect(store.put(hash, blob)).rejects.toMatchObject({ code: 'transport' })
  expect(requests.length).toBeGreaterThan(0)
})

test('a download that breaks off half way is trouble of the network', async () => {
  const { host } = await startAnswering((request, response) => {
    response.writeHead(200, { 'content-length': 1_000 })
    response.write('half', () => request.socket.destroy())
  })
  const store = httpMedia({ url: `http://${host}` })
  await expect(store.get(freshContent().hash)).rejects.toMatchObject({ code: 'transport' })
})

test('a request ends when its signal does, or had', async () => {
  let onRequest = () => {}
  const requested = new Promise<void>(resolve => {
    onRequest = resolve
  })
  const { host } = await startAnswering(() => onRequest())
  const store = httpMedia({ url: `http://${host}` })
  const end = new AbortController()
  const { hash, blob } = freshContent()
  const failed = expect(store.put(hash, blob, end.signal)).rejects.toMatchObject({
    code: 'transport',
  })
  await requested
  end.abort()
  await failed
  await expect(store.get(hash, end.signal)).rejects.toMatchObject({ code: 'transport' })
})

test('a request that hangs is given up: after 30 s, and an upload later by its size', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let isAborted = false
  vi.stubGlobal('fetch', (_url: string, { signal }: { signal: AbortSignal }) => {
    isAborted = false
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        isAborted = true
        reject(signal.reason)
      })
    })
  })
  onTestFinished(() => void vi.unstubAllGlobals())
  const store = httpMedia({ url: 'http://example.org' })
  const { hash, blob } = freshContent(16_000)
  const failed = expect(store.put(hash, blob)).rejects.toMatchObject({ code: 'transport' })
  await vi.advanceTimersByTimeAsync(30_999)
  expect(isAborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(isAborted).toBe(true)
  await failed
  expect(vi.getTimerCount()).toBe(0)
})
