import { ConversationsError, type ErrorCode } from '../../base/errors.ts'
import type { MediaStore } from './media-store.ts'

export interface HttpMediaOptions {
  /** Of the server, `http://` or `https://`; its `ws://` or `wss://` address does as well. Media are below it, at `/media/<hash>`. */
  url: string
  /** Asked before every request; sent as `Authorization: Bearer <token>`. */
  getToken?: (() => string | Promise<string>) | undefined
}

/** So long may a request take, and longer by its size: no network is worth waiting for that is slower than this. */
const baseTimeoutMs = 30_000
const slowestBytesPerMs = 16

/** What a status says for good; anything else may be better the next time. */
const finalCodes: Record<number, ErrorCode> = {
  400: 'invalid-argument',
  401: 'denied',
  403: 'denied',
  404: 'unsupported',
  405: 'unsupported',
  413: 'too-large',
}

/**
 * Attachments on the server of this library, or another that answers as it does.
 *
 * @throws {ConversationsError} `invalid-argument` for a bad url
 */
export function httpMedia({ url, getToken }: HttpMediaOptions): MediaStore {
  if (typeof url !== 'string' || !/^(ws|http)s?:\/\/[^?#]+$/.test(url)) {
    throw new ConversationsError(
      'invalid-argument',
      `The url of httpMedia() must begin with http:// or https:// and have no query: ${url}`,
    )
  }
  const base = `${url.replace(/^ws/, 'http').replace(/\/$/, '')}/media/`

  /** Calls back with the answer; the time it may take covers what is done there. */
  async function request<T>(
    hash: string,
    init: RequestInit,
    bytes: number,
    signal: AbortSignal | undefined,
    onAnswer: (response: Response) => Promise<T>,
  ): Promise<T> {
    const end = new AbortController()
    const abort = () => end.abort()
    const timer = setTimeout(abort, baseTimeoutMs + bytes / slowestBytesPerMs)
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    try {
      const token = await getToken?.()
      const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return await onAnswer(
        await fetch(base + hash, { ...init, headers, signal: end.signal, cache: 'no-store' }),
      )
    } catch (cause) {
      if (cause instanceof ConversationsError) throw cause
      throw new ConversationsError('transport', 'The server of attachments cannot be reached', {
        cause,
      })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  return {
    get: (hash, signal) =>
      request(hash, {}, maxDownload, signal, async response => {
        if (response.ok) return response.blob()
        if (response.status === 404) return undefined
        throw await refusal(response)
      }),
    put: (hash, blob, signal) =>
      request(hash, { method: 'PUT', body: blob }, blob.size, signal, async response => {
        // A server that knows nothing of media may well answer 200 to everything.
        if (response.status !== 201 && response.status !== 204) throw await refusal(response)
      }),
  }
}

/** How large an attachment is that is asked for is not known before. */
const maxDownload = 16 * 2 ** 20

async function refusal(response: Response): Promise<ConversationsError> {
  const code = response.ok ? 'unsupported' : (finalCodes[response.status] ?? 'transport')
  const text = (await response.text()).slice(0, 200).trim()
  return new ConversationsError(
    code,
    code === 'unsupported'
      ? `The server keeps no attachments: it answered ${response.status}`
      : `The server refused an attachment with ${response.status}: ${text}`,
  )
}
