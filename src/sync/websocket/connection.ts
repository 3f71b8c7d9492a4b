import type { Decoder } from 'lib0/decoding'
import { ConversationsError } from '../../base/errors.ts'
import {
  EXTENSION_MESSAGE,
  EXTENSION_PARAMETER,
  EXTENSION_VERSION,
  type ExtensionMessage,
  encodeExtension,
  type Hello,
  type RefusedWrite,
  readExtension,
} from '../../base/wire/extension.ts'
import { AwarenessExchange } from '../awareness-exchange.ts'
import type { TransportContext, TransportHandle, TransportStatus } from '../provider.ts'
import {
  encodeAwarenessQuery,
  encodeSyncStep1,
  encodeUpdate,
  type Receiver,
  receive,
} from '../wire.ts'
import { backoffMs } from './backoff.ts'
import { ForeignWriters } from './foreign-writers.ts'
import { Link } from './link.ts'
import { Liveness } from './liveness.ts'
import type { MuxSocket } from './mux-socket.ts'
import type { WebSocketConstructor, WebsocketOptions } from './options.ts'
import { Refusals } from './refusals.ts'
import type { Route, RouteMember } from './route.ts'
import { Saved } from './saved.ts'
import { askToken } from './token.ts'

/** From the beginning of an attempt to its first sync; doubled after each that took longer, for slow networks. */
const firstSyncTimeoutMs = 30_000
const maxFirstSyncTimeoutMs = 16 * firstSyncTimeoutMs

/** Decides when there is a connection; one at a time. */
export class Connection implements TransportHandle, RouteMember {
  readonly #options: WebsocketOptions
  readonly #WebSocket: WebSocketConstructor
  readonly #route: Route
  readonly #context: TransportContext
  readonly #link: Link
  readonly #awareness: AwarenessExchange
  readonly #receiver: Receiver
  readonly #liveness: Liveness
  readonly #refusals = new Refusals()
  readonly #saved: Saved
  readonly #foreignWriters: ForeignWriters
  #status: TransportStatus = 'disconnected'
  /** Set while the socket is a channel of it. */
  #mux: MuxSocket | undefined
  /** Whether the server has said hello over this socket. */
  #isGreeted = false
  #isSynced = false
  #isWanted = false
  #isDestroyed = false
  /** Counts changes of state, so that what was begun before one can tell. */
  #turn = 0
  #failures = 0
  #syncTimeoutMs = firstSyncTimeoutMs
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    options: WebsocketOptions,
    WebSocket: WebSocketConstructor,
    route: Route,
    context: TransportContext,
  ) {
    const { doc, awareness, name } = context
    this.#options = options
    this.#WebSocket = WebSocket
    this.#route = route
    this.#context = context
    // For usual names this is what y-websocket does; without it "a?b" would be the room "a".
    const room = encodeURI(name).replace(/[?#]/g, encodeURIComponent)
    const link = new Link(options.url, room, doc, {
      onOpen: () => this.#onOpen(),
      onMessage: message => this.#receive(message),
      onUpdate: update => this.#onUpdate(update),
      onClosed: (code, reason) => this.#onClosed(code, reason),
    })
    this.#link = link
    const send = (message: Uint8Array) => link.send(message)
    this.#awareness = new AwarenessExchange(awareness, link, send)
    this.#saved = new Saved(isSaved => context.onSaved?.(isSaved))
    this.#foreignWriters = new ForeignWriters(doc)
    this.#receiver = {
      doc,
      origin: link,
      awareness: this.#awareness,
      send,
      select: update => this.#foreignWriters.leaveOut(update),
      onSyncStep1: () => this.#saved.sendState(),
      onSyncStep2: () => this.#onSynced(),
      onPermissionDenied: reason => this.#deny(reason),
      onExtension: decoder => this.#onExtension(decoder),
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
    this.#route.join(this)
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

  onOnline(): void {
    this.#startAfresh()
  }

  onOffline(): void {
    this.#retry()
  }

  onVisible(): void {
    if (!this.#isSynced) this.onUp()
    else if (!this.#mux) this.#liveness.probe()
  }

  onUp(): void {
    if (this.#isWanted && this.#status === 'disconnected') this.#attempt()
  }

  onDialFailed(code: number, reason: string): void {
    this.#refusals.token = this.#route.token
    this.#onClosed(code, reason)
  }

  onDialBroken(message: string, cause: unknown): void {
    this.#context.onError(new ConversationsError('transport', message, { cause }))
  }

  #startAfresh(): void {
    this.#failures = 0
    this.#syncTimeoutMs = firstSyncTimeoutMs
    this.#refusals.forget()
    this.#attempt()
  }

  #attempt(): void {
    if (this.#route.isDown) {
      this.#enter('disconnected')
      return
    }
    const turn = this.#enter('connecting')
    if (turn === this.#turn) this.#route.request(this)
  }

  dialChannel(mux: MuxSocket): void {
    this.#awaitSync()
    this.#mux = mux
    this.#refusals.token = this.#route.token
    this.#dial(mux.WebSocket, {})
  }

  dialPlain(): void {
    this.#awaitSync()
    const turn = this.#turn
    const { getToken, params } = this.#options
    const query = { [EXTENSION_PARAMETER]: EXTENSION_VERSION, ...params }
    if (!getToken) {
      this.#dial(this.#WebSocket, query)
      return
    }
    askToken(getToken).then(
      token => {
        if (turn !== this.#turn) return
        this.#refusals.token = token
        if (typeof token === 'string') this.#dial(this.#WebSocket, { ...query, token })
        else this.#fail('getToken gave no string', token)
      },
      cause => {
        if (turn === this.#turn) this.#fail('getToken failed', cause)
      },
    )
  }

  #awaitSync(): void {
    this.#timer = setTimeout(() => this.#onSyncTimeout(), this.#syncTimeoutMs)
  }

  #dial(WebSocket: WebSocketConstructor, params: Record<string, string>): void {
    this.#link.params = params
    try {
      this.#link.open(WebSocket)
    } catch (cause) {
      this.#fail('The WebSocket could not be created', cause)
    }
  }

  #onOpen(): void {
    this.#saved.begin()
    this.#awareness.announce()
    if (this.#mux?.hello) this.#onHello(this.#mux.hello)
  }

  #onUpdate(update: Uint8Array): void {
    const own = this.#foreignWriters.leaveOut(update)
    if (!own) return
    this.#saved.write()
    if (this.#link.send(encodeUpdate(own))) this.#saved.sendUpdate()
  }

  #receive(message: Uint8Array): void {
    const turn = this.#turn
    const isExtension = message[0] === EXTENSION_MESSAGE
    if (!this.#mux && this.#route.hear(this, isExtension)) {
      this.#attempt()
      return
    }
    if (this.#isSynced && !this.#mux) this.#liveness.heard()
    // An open socket proves little: a proxy may have opened it, or the server may be about to refuse, after its hello.
    if (!isExtension) this.#setStatus('connected')
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
    this.#route.onSynced()
    if (!this.#isSynced && !this.#mux) this.#liveness.heard()
    this.#setSynced(true)
  }

  #onExtension(decoder: Decoder): void {
    const message = this.#readExtension(decoder)
    switch (message?.type) {
      case 'hello':
        this.#onHello(message.hello)
        break
      case 'saved':
        this.#saved.acknowledge(message.count)
        break
      case 'refused':
        this.#onRefused(message.refused)
        break
      case 'token-wanted':
        this.#renewToken()
    }
  }

  /** Nothing before the hello: other servers may mean something else by the same type. */
  #readExtension(decoder: Decoder): ExtensionMessage | undefined {
    try {
      const message = readExtension(decoder)
      return this.#isGreeted || message?.type === 'hello' ? message : undefined
    } catch (error) {
      if (this.#isGreeted) throw error
      return undefined
    }
  }

  #onHello(hello: Hello): void {
    this.#isGreeted = true
    this.#saved.know()
    this.#awareness.trust()
    this.#context.onHello?.(hello)
  }

  #onRefused(refused: RefusedWrite): void {
    const { code, writers = [] } = refused
    const isOthers = code === 'foreign-writer' && !writers.includes(this.#context.doc.clientID)
    if (isOthers && this.#foreignWriters.add(writers)) this.#attempt()
    else if (this.#context.onRefused) {
      this.#stop('denied')
      this.#context.onRefused(refused)
    } else this.#deny(refused.reason)
  }

  #renewToken(): void {
    const { getToken } = this.#options
    if (!getToken) return
    const turn = this.#turn
    askToken(getToken).then(
      token => {
        if (turn !== this.#turn || typeof token !== 'string') return
        this.#refusals.token = token
        this.#link.send(encodeExtension({ type: 'token', token }))
      },
      // The server will close, and the next attempt asks again.
      () => {},
    )
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
    // The route may go down by that, and tells when it is up.
    this.#route.release(this)
    if (this.#route.isDown) {
      this.#enter('disconnected')
      return
    }
    const delayMs = backoffMs(this.#failures++, maxBackoffMs)
    this.#enter('disconnected', () => this.#attempt(), delayMs)
  }

  #stop(status: TransportStatus): void {
    this.#isWanted = false
    this.#route.leave(this)
    this.#enter(status)
  }

  /** Ends what was, then tells; the listeners may do anything, so what comes next is arranged before. */
  #enter(status: TransportStatus, next?: () => void, delayMs?: number): number {
    const turn = ++this.#turn
    const wasConnected = this.#status === 'connected'
    clearTimeout(this.#timer)
    this.#liveness.stop()
    this.#link.disconnect()
    this.#route.release(this)
    this.#mux = undefined
    this.#isGreeted = false
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
