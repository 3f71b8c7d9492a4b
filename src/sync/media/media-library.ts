import { type Clock, systemClock } from '../../base/clock.ts'
import { callSafely } from '../../base/emitter.ts'
import { ConversationsError, type ErrorCode } from '../../base/errors.ts'
import { backoffMs } from '../websocket/backoff.ts'
import { contentHash } from './content-hash.ts'
import type { LocalMediaStore, MediaStore } from './media-store.ts'

export interface MediaLibraryOptions {
  local: LocalMediaStore
  /** Where everybody gets them from. Without one they stay on this device. */
  remote?: MediaStore | undefined
  /** Trouble in the background; nothing is lost by it. */
  onError: (error: ConversationsError) => void
  /** The longest wait between two attempts to upload, in ms. Default 30,000. */
  maxBackoffMs?: number
  /** For tests. */
  clock?: Clock
  random?: () => number
}

/**
 * The attachments of one user on one device: they are kept here first, and uploaded when there is a network, if need be by
 * a later session. Nothing is up- or downloaded before `connect()`.
 */
export class MediaLibrary {
  readonly #local: LocalMediaStore
  readonly #remote: MediaStore | undefined
  readonly #options: MediaLibraryOptions
  /** What this device could not store; it is uploaded all the same. */
  readonly #unstored = new Map<string, Blob>()
  readonly #downloads = new Map<string, Promise<Blob>>()
  /** What the server does not take; a later session tries it again. */
  readonly #refused = new Set<string>()
  readonly #told = new Set<unknown>()
  #network: AbortController | undefined
  #uploading: Promise<void> | undefined
  #isUploadWanted = false
  #failures = 0
  #cancelRetry: (() => void) | undefined
  #isClosed = false

  constructor(options: MediaLibraryOptions) {
    this.#options = options
    this.#local = options.local
    this.#remote = options.remote
  }

  /** From now on there is a network. Call it again when a connection comes back: what waits is tried at once. */
  connect(): void {
    if (this.#isClosed) return
    this.#network ??= new AbortController()
    this.#failures = 0
    this.#upload()
  }

  /** Cuts the network; what is under way is broken off, and begun again after `connect()`. */
  disconnect(): void {
    this.#cancelRetry?.()
    this.#network?.abort()
    this.#network = undefined
  }

  /**
   * Keeps an attachment and resolves to its hash, when it is durable here (or cannot be: see `onError`). It is
   * uploaded in the background.
   *
   * @throws {ConversationsError} (rejects) `invalid-argument` if the blob cannot be read, `closed`
   */
  async put(blob: Blob): Promise<string> {
    this.#assertOpen()
    // Read once and for all: a file may be changed or gone when it is uploaded.
    const bytes = await blob.arrayBuffer().catch(cause => {
      throw new ConversationsError('invalid-argument', 'The attachment cannot be read', { cause })
    })
    const hash = await contentHash(bytes)
    this.#assertOpen()
    const content = new Blob([bytes])
    try {
      await this.#local.putOwn(hash, content)
      this.#told.clear()
    } catch (error) {
      this.#unstored.set(hash, content)
      this.#tell('storage', error)
    }
    this.#upload()
    return hash
  }

  /**
   * From this device, or else from the server.
   *
   * @throws {ConversationsError} (rejects) `not-found` if the server does not have it either, `transport` or `denied` if it
   *   cannot be asked, `closed`
   */
  async get(hash: string): Promise<Blob> {
    this.#assertOpen()
    const found = this.#downloads.get(hash) ?? this.#find(hash)
    this.#downloads.set(hash, found)
    try {
      return await found
    } finally {
      this.#downloads.delete(hash)
    }
  }

  /** Breaks off what is under way; what is not uploaded yet, is by the next session. */
  close(): void {
    this.#isClosed = true
    this.disconnect()
    this.#local.close?.()
  }

  async #find(hash: string): Promise<Blob> {
    const here = this.#unstored.get(hash) ?? (await this.#fromDevice(hash))
    if (here) return here
    if (!this.#remote) throw new ConversationsError('not-found', notHere('there is no server'))
    if (!this.#network) throw new ConversationsError('transport', notHere('there is no connection'))
    const blob = await this.#remote.get(hash, this.#network.signal).catch(error => {
      throw typed('transport', error)
    })
    if (!blob) {
      throw new ConversationsError('not-found', notHere('its sender has not uploaded it yet'))
    }
    if ((await contentHash(await blob.arrayBuffer())) !== hash) {
      throw new ConversationsError('transport', notHere('the server sent something else'))
    }
    this.#assertOpen()
    void this.#local.put(hash, blob).catch(error => this.#tell('storage', error))
    return blob
  }

  async #fromDevice(hash: string): Promise<Blob | undefined> {
    try {
      return await this.#local.get(hash)
    } catch (error) {
      this.#tell('storage', error)
      return undefined
    }
  }

  #upload(): void {
    this.#cancelRetry?.()
    this.#isUploadWanted = true
    this.#uploading ??= this.#uploadWanted()
  }

  /** Never rejects. */
  async #uploadWanted(): Promise<void> {
    // What it does may lead to somebody asking for it again: they must find it under way.
    await undefined
    while (this.#isUploadWanted && this.#remote && this.#network) {
      this.#isUploadWanted = false
      await this.#uploadAll(this.#remote, this.#network.signal)
    }
    // At once, so that nobody can come to rely on a loop that has ended.
    this.#uploading = undefined
  }

  async #uploadAll(remote: MediaStore, signal: AbortSignal): Promise<void> {
    for (const hash of await this.#pending()) {
      if (signal.aborted) return
      if (this.#refused.has(hash)) continue
      try {
        const blob = this.#unstored.get(hash) ?? (await this.#local.get(hash))
        if (blob && !signal.aborted) await remote.put(hash, blob, signal)
        if (signal.aborted) return
        this.#failures = 0
        if (!this.#unstored.delete(hash)) await this.#local.uploaded(hash)
      } catch (error) {
        if (signal.aborted) return
        const { code } = typed('transport', error)
        const isPassing = code === 'transport' || code === 'storage'
        // Of an outage one is told once.
        if (!isPassing || this.#failures === 0) this.#tell('transport', error)
        if (isPassing) return this.#retryLater()
        // Another token may be had when the connection comes back.
        if (code === 'denied') return
        this.#refused.add(hash)
      }
    }
  }

  async #pending(): Promise<string[]> {
    const unstored = [...this.#unstored.keys()]
    try {
      return [...unstored, ...(await this.#local.pending())]
    } catch (error) {
      this.#tell('storage', error)
      this.#retryLater()
      return unstored
    }
  }

  #retryLater(): void {
    const { clock = systemClock, random, maxBackoffMs = 30_000 } = this.#options
    this.#cancelRetry?.()
    // `connect()` begins anew.
    if (!this.#network) return
    this.#cancelRetry = clock.setTimeout(
      () => this.#upload(),
      backoffMs(this.#failures++, maxBackoffMs, random),
    )
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ConversationsError('closed', 'The client is closed')
  }

  /** Of one kind of trouble with this device's storage one is told once, until it works again. */
  #tell(code: ErrorCode, cause: unknown): void {
    const error = typed(code, cause)
    if (this.#isClosed || this.#told.has(error.reason)) return
    if (error.reason) this.#told.add(error.reason)
    callSafely(() => this.#options.onError(error), [])
  }
}

/** An app's own store may throw anything. */
function typed(code: ErrorCode, cause: unknown): ConversationsError {
  return cause instanceof ConversationsError
    ? cause
    : new ConversationsError(code, `A store of attachments failed: ${String(cause)}`, { cause })
}

const notHere = (why: string) => `The attachment is not on this device, and ${why}`
