import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { isContentHash } from '../../base/ids.ts'
import type { Access } from '../access.ts'
import type { Authentication } from '../authentication/authentication.ts'
import { DENIED, Refusal as SocketRefusal, TRY_LATER, UNAUTHENTICATED } from '../close-codes.ts'
import type { ServerMetrics } from '../metrics/server-metrics.ts'
import type { MediaStorage } from './media-storage.ts'

const methods = 'GET, HEAD, PUT, OPTIONS'

/** What is said of a token here, by how a socket is closed for it. */
const statuses: Record<number, number> = { [UNAUTHENTICATED]: 401, [DENIED]: 403, [TRY_LATER]: 503 }

export interface MediaOptions {
  readonly access: Access
  /** Undefined = everybody may. */
  readonly authentication: Authentication | undefined
  readonly metrics: Pick<ServerMetrics, 'mediaBytes'>
  readonly maxBytes: number
}

/** What is wrong with a request. */
class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Takes and gives attachments over plain HTTP, below `/media/`. */
export class MediaEndpoint {
  readonly #storage: MediaStorage
  readonly #options: MediaOptions
  readonly #requests = new Set<Promise<void>>()

  constructor(storage: MediaStorage, options: MediaOptions) {
    this.#storage = storage
    this.#options = options
  }

  /** Whether it answers requests for this path. */
  owns(path: string): boolean {
    return path.startsWith('/media/')
  }

  /** Rejects with what is the server's fault. */
  async handle(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const work = this.#answer(request, response, path.slice('/media/'.length))
    this.#requests.add(work)
    try {
      await work
    } catch (error) {
      if (hasGone(request, error)) return
      if (!(error instanceof Refusal)) throw error
      respond(response, error.status, `${error.message}\n`)
    } finally {
      this.#requests.delete(work)
    }
  }

  /** Resolves when every request so far has ended and has left nothing behind. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#requests)
  }

  async #answer(request: IncomingMessage, response: ServerResponse, hash: string): Promise<void> {
    this.#checkSource(request)
    allowOrigin(request, response)
    if (request.method === 'OPTIONS') return respond(response, 204)
    await this.#authenticate(request, response)
    if (!isContentHash(hash)) {
      throw new Refusal(
        400,
        'An attachment is named by the 64 lower-case hex digits of its SHA-256',
      )
    }
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return this.#send(request, response, hash)
      case 'PUT':
        return this.#receive(request, response, hash)
      default:
        response.setHeader('allow', methods)
        throw new Refusal(405, `An attachment can be asked for and put, not: ${request.method}`)
    }
  }

  async #send(request: IncomingMessage, response: ServerResponse, hash: string): Promise<void> {
    const size = await this.#storage.size(hash)
    if (size === undefined) throw new Refusal(404, 'There is no such attachment')
    // Whatever was put here must never run as a page of this origin.
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': size,
      'content-disposition': 'attachment',
      'content-security-policy': 'sandbox',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, max-age=31536000, immutable',
    })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    await pipeline(this.#storage.read(hash), response)
    this.#options.metrics.mediaBytes.add(size, { direction: 'out' })
  }

  async #receive(request: IncomingMessage, response: ServerResponse, hash: string): Promise<void> {
    // What is not read is thrown away by Node when the answer is sent.
    if ((await this.#storage.size(hash)) !== undefined) return respond(response, 204)
    const { maxBytes, metrics } = this.#options
    if (Number(request.headers['content-length']) > maxBytes) throw tooLarge(maxBytes)
    const count = (bytes: number) => metrics.mediaBytes.add(bytes, { direction: 'in' })
    await this.#storage.write(hash, checked(request, hash, maxBytes, count))
    respond(response, 201)
  }

  /** Whoever may open a WebSocket; and no page of another name that is led to this address. */
  #checkSource(request: IncomingMessage): void {
    const { access } = this.#options
    if (access.allowsRequest(request)) return
    throw new Refusal(
      403,
      access.isLocalOnly
        ? 'This server serves its own machine only'
        : 'Pages of this origin may not use this server',
    )
  }

  async #authenticate(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#options.authentication?.check(request)
    } catch (error) {
      if (!(error instanceof SocketRefusal)) throw error
      const status = statuses[error.code] ?? 401
      if (status === 401) response.setHeader('www-authenticate', 'Bearer')
      throw new Refusal(status, error.message)
    }
  }
}

/** The body, which throws if it is too large or, at its end, not what the hash says. */
async function* checked(
  request: IncomingMessage,
  hash: string,
  maxBytes: number,
  onBytes: (bytes: number) => void,
) {
  const sha256 = createHash('sha256')
  let bytes = 0
  // The request stays, to be answered.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    onBytes(chunk.length)
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    sha256.update(chunk)
    yield chunk as Uint8Array
  }
  if (sha256.digest('hex') !== hash) throw new Refusal(400, 'The content has another SHA-256')
}

const tooLarge = (maxBytes: number) =>
  new Refusal(413, `An attachment may have ${maxBytes} bytes at most`)

/** Whether the client broke off its upload or download. */
function hasGone(request: IncomingMessage, error: unknown): boolean {
  const isClosed = (error as NodeJS.ErrnoException)?.code === 'ERR_STREAM_PREMATURE_CLOSE'
  return isClosed || request.errored !== null
}

function allowOrigin({ headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader('vary', 'origin')
  if (headers.origin === undefined) return
  response.setHeader('access-control-allow-origin', headers.origin)
  response.setHeader('access-control-allow-methods', methods)
  response.setHeader('access-control-allow-headers', 'authorization, content-type')
  response.setHeader('access-control-max-age', 86_400)
}

function respond(response: ServerResponse, status: number, text?: string): void {
  response.setHeader('cache-control', 'no-store')
  response.writeHead(status, text === undefined ? {} : { 'content-type': 'text/plain' }).end(text)
}
