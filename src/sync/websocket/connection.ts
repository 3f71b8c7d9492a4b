import { ConversationsError } from '../../base/errors.ts'
import { AwarenessExchange } from '../awareness-exchange.ts'
import type { TransportContext, TransportHandle, TransportStatus } from '../provider.ts'
import { encodeAwarenessQuery, encodeSyncStep1, type Receiver, receive } from '../wire.ts'
import { backoffMs } from './backoff.ts'
import { listenToBrowser } from './browser-events.ts'
import { Link } from './link.ts'
import { Liveness } from './liveness.ts'
import { findWebSocket, type WebsocketOptions } from './options.ts'
import { Refusals } from './refusals.ts'

/** From the beginning of an attempt to its first sync; doubled after each that took longer, for slow networks. */
const firstSyncTimeoutMs = 30_000
const maxFirstSyncTimeoutMs = 16 * firstSyncTimeoutMs

/** Decides when there is a connection; one at a time. */
export class Connection implements TransportHandle {
  readonly #options: WebsocketOptions
  readonly #context: TransportContext
  readonly #link: Link
  readonly #awareness: AwarenessExchange
  readonly #receiver: Receiver
  readonly #liveness: Liveness
  readonly #refusals = new Refusals()
  #status: TransportStatus = 'disconnected'
  #isSynced = false
  #isWanted = false
  #isDestroyed = false
  /** Counts changes of state, so that what was begun before one can tell. */
  #turn = 0
  #failures = 0
  #syncTimeoutMs = firstSyncTimeoutMs
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopListening: (() => void) | undefined

  constructor(options: WebsocketOptions, context: TransportContext) {
    const { doc, awareness, name } = context
    this.#options = options
    this.#context = context
    // For usual names this is what y-websocket does; without it "a?b" would be the room "a".
    const room = encodeURI(name).replace(/[?#]/g, encodeURIComponent)
    const link = new Link(options.url, room, doc, findWebSocket(options.WebSocket), {
      onOpen: () => this.#awareness.announce(),
      onMessage: message => this.#receive(message),
      onClosed: (code, reason) => this.#onClosed(code, reason),
    })
    this.#link = link
    const send = (message: Uint8Array) => link.send(message)
    this.#awareness = new AwarenessExchange(awareness, link, send)
    this.#receiver = {
      doc,
      origin: link,
      awareness: this.#awareness,
      send,
      onSyncStep2: () => this.#onSynced(),
      onPermissionDenied: reason => this.#deny(reason),
    }
    this.#liveness = new Liveness({
      intervalMs: options.probeIntervalMs ?? 5_000,
      timeoutMs: options.probeTimeoutMs ?? 4_000,
      // One byte, which servers may ignore; then what every server answers, at the price of its whole delete set.
      ask: isAgain => link.send(isAgain ? encodeSyncStep1(doc) : encodeAwarenessQuery()),
      bufferedBytes: () => link.bufferedBytes,
      onDead: () => this.#retry(),
    })
  }

  connect(): void {
    if (this.#isWanted || this.#isDestroyed) return
    this.#isWanted = true
    this.#stopListening = listenToBrowser({
      onOnline: () => this.#startAfresh(),
      onOffline: () => this.#retry(),
      onVisible: () => {
        if (this.#isSynced) this.#liveness.probe()
        else if (this.#status === 'disconnected') this.#attempt()
      },
    })
    this.#startAfresh()
  }

  disconnect(): void {
    this.#stop('disconnected')
  }

  destroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.disconnect()
    this.#awareness.destroy()
    this.#link.destroy()
  }

  #startAfresh(): void {
    this.#failures = 0
    this.#syncTimeoutMs = firstSyncTimeoutMs
    this.#refusals.forget()
    this.#attempt()
  }

  #attempt(): void {
    const turn = this.#enter('connecting', () => this.#onSyncTimeout(), this.#syncTimeoutMs)
    if (turn !== this.#turn) return
    const { getToken, params } = this.#options
    if (!getToken) {
      this.#dial({ ...params })
      return
    }
    new Promise<string>(resolve => resolve(getToken())).then(
      token => {
        if (turn !== this.#turn) return
        this.#refusals.token = token
        if (typeof token === 'string') this.#dial({ ...params, token })
        else this.#fail('getToken gave no string', token)
      },
      cause => {
        if (turn === this.#turn) this.#fail('getToken failed', cause)
      },
    )
  }

  #dial(params: Record<string, string>): void {
    this.#link.params = params
    try {
      this.#link.connect()
    } catch (cause) {
      this.#fail('The WebSocket could not be created', cause)
    }
  }

  #receive(message: Uint8Array): void {
    const turn = this.#turn
    if (this.#isSynced) this.#liveness.heard()
    // An open socket proves little: a proxy may have opened it, or the server may be about to refuse.
    this.#setStatus('connected')
    if (turn !== this.#turn) return
    try {
      receive(message, this.#receiver)
    } catch (cause) {
      this.#fail('A message of the server is malformed', cause)
    }
  }

  #onSynced(): void {
    this.#failures = 0
    this.#syncTimeoutMs = firstSyncTimeoutMs
    this.#refusals.forget()
    clearTimeout(this.#timer)
    if (!this.#isSynced) this.#liveness.heard()
    this.#setSynced(true)
  }

  #onClosed(code: number, reason: string): void {
    const isFinal =
      code === 4401 && this.#options.getToken
        ? this.#refusals.isFinal()
        : code >= 4400 && code <= 4499
    if (isFinal) this.#deny(`${code}${reason && ` ${reason}`}`)
    else this.#retry()
  }

  #onSyncTimeout(): void {
    this.#syncTimeoutMs = Math.min(2 * this.#syncTimeoutMs, maxFirstSyncTimeoutMs)
    this.#retry()
  }

  #deny(reason: string): void {
    this.#stop('denied')
    const message = `The server denies access to "${this.#context.name}": ${reason}`
    this.#context.onError(new ConversationsError('denied', message))
  }

  #fail(message: string, cause: unknown): void {
    const error = new ConversationsError('transport', `${message}; trying again`, { cause })
    this.#retry()
    this.#context.onError(error)
  }

  #retry(): void {
    const { maxBackoffMs = 30_000 } = this.#options
    const delayMs = backoffMs(this.#failures++, maxBackoffMs)
    this.#enter('disconnected', () => this.#attempt(), delayMs)
  }

  #stop(status: TransportStatus): void {
    this.#isWanted = false
    this.#stopListening?.()
    this.#enter(status)
  }

  /** Ends what was, then tells; the listeners may do anything, so what comes next is arranged before. */
  #enter(status: TransportStatus, next?: () => void, delayMs?: number): number {
    const turn = ++this.#turn
    const wasConnected = this.#status === 'connected'
    clearTimeout(this.#timer)
    this.#liveness.stop()
    this.#link.disconnect()
    if (next) this.#timer = setTimeout(next, delayMs)
    this.#setStatus(status)
    this.#setSynced(false)
    this.#awareness.forget()
    // The server will tell our other tabs that this client is gone; a newer clock outruns that.
    if (wasConnected) this.#awareness.announce()
    return turn
  }

  #setStatus(status: TransportStatus): void {
    if (status === this.#status) return
    this.#status = status
    this.#context.onStatus(status)
  }

  #setSynced(isSynced: boolean): void {
    if (isSynced === this.#isSynced) return
    this.#isSynced = isSynced
    this.#context.onSynced(isSynced)
  }
}
