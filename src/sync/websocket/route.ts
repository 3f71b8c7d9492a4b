import { EXTENSION_PARAMETER, EXTENSION_VERSION } from '../../base/wire/extension.ts'
import { MUX_PATH } from '../../base/wire/mux-frames.ts'
import { backoffMs } from './backoff.ts'
import { listenToBrowser } from './browser-events.ts'
import { Liveness } from './liveness.ts'
import { MuxSocket } from './mux-socket.ts'
import type { WebSocketConstructor, WebsocketOptions } from './options.ts'
import { askToken } from './token.ts'

/** From opening to the hello of a server that multiplexes. */
const helloTimeoutMs = 2_000
/** From the beginning of an attempt to the hello; doubled with each failure, for slow networks. */
const dialTimeoutMs = 30_000
const maxDialTimeoutMs = 16 * dialTimeoutMs
/** For so long a server is taken for one that does not multiplex. */
const plainMs = 600_000
/** For so long the socket is kept when no document needs it. */
const lingerMs = 1_000

/** One document's part in it. */
export interface RouteMember {
  /** Answers to `request()`: open a socket of your own; open a channel; there is none, `isDown` says what next. */
  dialPlain(): void
  dialChannel(mux: MuxSocket): void
  onDialFailed(code: number, reason: string): void
  onDialBroken(message: string, cause: unknown): void
  /** The way is worth another attempt, for who has none. */
  onUp(): void
  onOnline(): void
  onOffline(): void
  onVisible(): void
}

/**
 * The way to one server, which all documents of a `websocket()` share: over one socket where the server offers that.
 * Finding out costs other servers no more than an attempt to open a document named `mux`; where that leads nowhere,
 * an attempt with a plain socket of one document follows, and so on by turns, because the server may just be down.
 */
export class Route {
  readonly #options: WebsocketOptions
  readonly #WebSocket: WebSocketConstructor
  readonly #base: string
  readonly #liveness: Liveness
  readonly #members = new Set<RouteMember>()
  /** Those whose request is not answered. */
  readonly #waiting = new Set<RouteMember>()
  #stopListening: (() => void) | undefined
  #mux: MuxSocket | undefined
  /** Whether this server has multiplexed, and until when it is known that it does not. */
  #isProven = false
  #plainUntilMs = 0
  /** Whether a plain socket is to be tried next, who tries it, and whether one worked. */
  #isPlainNext = false
  #scout: RouteMember | undefined
  #isPlainProven = false
  #isDialing = false
  #isDown = false
  #failures = 0
  #turn = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #lingerTimer: ReturnType<typeof setTimeout> | undefined
  /** Of the last attempt. */
  token: string | undefined

  constructor(options: WebsocketOptions, WebSocket: WebSocketConstructor) {
    this.#options = options
    this.#WebSocket = WebSocket
    // As y-websocket does it.
    this.#base = options.url.replace(/\/+$/, '')
    this.#liveness = new Liveness({
      intervalMs: options.probeIntervalMs ?? 5_000,
      timeoutMs: options.probeTimeoutMs ?? 4_000,
      ask: () => this.#mux?.ping(),
      bufferedBytes: () => this.#mux?.bufferedAmount ?? 0,
      onDead: () => this.#goDown(1006),
    })
  }

  /** Whether the next attempt waits for its time; `onUp()` tells when it has come. */
  get isDown(): boolean {
    return this.#isDown
  }

  join(member: RouteMember): void {
    clearTimeout(this.#lingerTimer)
    this.#members.add(member)
    this.#stopListening ??= listenToBrowser({
      onOnline: () => this.#startAfresh(),
      onOffline: () => this.#onOffline(),
      onVisible: () => this.#onVisible(),
    })
  }

  leave(member: RouteMember): void {
    if (!this.#members.delete(member)) return
    this.release(member)
    if (this.#members.size > 0) return
    this.#stopListening?.()
    this.#stopListening = undefined
    if (this.#mux?.hello) this.#lingerTimer = setTimeout(() => this.#reset(), lingerMs)
    else this.#reset()
  }

  /** Asks for a way; answered once, now or later, unless it is released before. */
  request(member: RouteMember): void {
    if (this.#isPlain) member.dialPlain()
    else if (this.#mux?.hello) member.dialChannel(this.#mux)
    else {
      this.#waiting.add(member)
      if (!this.#isDialing && !this.#scout) this.#next()
    }
  }

  /** It needs no way any more, or has lost the one it got. */
  release(member: RouteMember): void {
    this.#waiting.delete(member)
    if (member !== this.#scout) return
    this.#scout = undefined
    this.#isPlainNext = false
    this.#beDown()
    // Not while the document that it was is still being left.
    queueMicrotask(() => this.#answer(waiting => waiting.onDialFailed(1006, '')))
  }

  /** Something arrived over a plain socket. Says whether the document should rather ask for a way again. */
  hear(member: RouteMember, isHello: boolean): boolean {
    if (member !== this.#scout) return false
    this.#scout = undefined
    this.#isPlainNext = false
    this.#isPlainProven = true
    if (isHello) return true
    this.#goPlain()
    return false
  }

  /** A document is synced: the server works. */
  onSynced(): void {
    this.#failures = 0
  }

  get #isPlain(): boolean {
    return this.#options.mux === false || Date.now() < this.#plainUntilMs
  }

  #next(): void {
    const [first] = this.#waiting
    if (!first) return
    if (!this.#isPlainNext) {
      this.#dial()
      return
    }
    this.#scout = first
    this.#waiting.delete(first)
    first.dialPlain()
  }

  #dial(): void {
    this.#isDialing = true
    const turn = ++this.#turn
    const timeoutMs = Math.min(dialTimeoutMs * 2 ** this.#failures, maxDialTimeoutMs)
    this.#timer = setTimeout(() => this.#onFailed(), timeoutMs)
    const { getToken, params } = this.#options
    if (!getToken) {
      this.#open({ ...params })
      return
    }
    askToken(getToken).then(
      token => {
        if (turn !== this.#turn) return
        this.token = token
        if (typeof token === 'string') this.#open({ ...params, token })
        else this.#break('getToken gave no string', token)
      },
      cause => {
        if (turn === this.#turn) this.#break('getToken failed', cause)
      },
    )
  }

  #open(params: Record<string, string>): void {
    const query = new URLSearchParams({ [EXTENSION_PARAMETER]: EXTENSION_VERSION, ...params })
    const url = `${this.#base}${MUX_PATH}?${query}`
    try {
      this.#mux = new MuxSocket(url, this.#base, this.#WebSocket, {
        onOpen: () => {
          if (this.#isProven) return
          clearTimeout(this.#timer)
          this.#timer = setTimeout(() => this.#goPlain(), helloTimeoutMs)
        },
        onHello: () => this.#onHello(),
        onForeign: () => this.#goPlain(),
        onHeard: () => this.#liveness.heard(),
        onTokenWanted: () => this.#renewToken(),
        onMalformed: cause => this.#break('A message of the server is malformed', cause),
        onClosed: (code, reason) => {
          if (this.#isProven) this.#goDown(code, reason)
          else this.#onFailed()
        },
      })
    } catch (cause) {
      this.#break('The WebSocket could not be created', cause)
    }
  }

  #onHello(): void {
    const mux = this.#mux
    if (!mux) return
    clearTimeout(this.#timer)
    this.#isDialing = false
    this.#isProven = true
    this.#liveness.heard()
    this.#answer(member => member.dialChannel(mux))
  }

  #renewToken(): void {
    const { getToken } = this.#options
    const mux = this.#mux
    if (!getToken || !mux) return
    askToken(getToken).then(
      token => {
        if (mux !== this.#mux || typeof token !== 'string') return
        this.token = token
        mux.tell({ type: 'token', token })
      },
      // The server will close, and the next attempt asks again.
      () => {},
    )
  }

  /** This server does not multiplex. */
  #goPlain(): void {
    this.#isProven = false
    this.#plainUntilMs = Date.now() + plainMs
    this.#drop()?.close()
    this.#answer(member => member.dialPlain())
  }

  /** No hello: it is down, or another server that refuses this path. */
  #onFailed(): void {
    if (!this.#isProven && this.#isPlainProven) {
      this.#goPlain()
      return
    }
    this.#isPlainNext = !this.#isProven
    this.#goDown(1006)
  }

  /** Arranges the next attempt, then tells everybody that this one is over. */
  #goDown(code: number, reason = ''): void {
    const mux = this.#drop()
    this.#beDown()
    mux?.close(code, reason)
    this.#answer(member => member.onDialFailed(code, reason))
  }

  /** As `#goDown`, and reports it. */
  #break(message: string, cause: unknown): void {
    const affected = this.#waiting.size > 0 ? [...this.#waiting] : [...this.#members].slice(0, 1)
    this.#goDown(1006)
    for (const member of affected) member.onDialBroken(`${message}; trying again`, cause)
  }

  #beDown(): void {
    const { maxBackoffMs = 30_000 } = this.#options
    this.#isDown = true
    this.#timer = setTimeout(() => this.#comeUp(), backoffMs(this.#failures++, maxBackoffMs))
  }

  #comeUp(): void {
    clearTimeout(this.#timer)
    this.#isDown = false
    for (const member of [...this.#members]) member.onUp()
  }

  /** Ends the attempt or the socket; the caller closes the socket, when it has arranged what is next. */
  #drop(): MuxSocket | undefined {
    const mux = this.#mux
    this.#mux = undefined
    this.#turn += 1
    this.#isDialing = false
    this.#isDown = false
    clearTimeout(this.#timer)
    this.#liveness.stop()
    return mux
  }

  /** What one of them does about it may concern others. */
  #answer(answer: (member: RouteMember) => void): void {
    for (const member of [...this.#waiting]) if (this.#waiting.delete(member)) answer(member)
  }

  #reset(): void {
    this.#drop()?.close()
    this.#failures = 0
    this.#waiting.clear()
  }

  #startAfresh(): void {
    this.#reset()
    this.#plainUntilMs = 0
    this.#isPlainNext = false
    this.#isPlainProven = false
    this.#scout = undefined
    for (const member of [...this.#members]) member.onOnline()
  }

  #onOffline(): void {
    this.#scout = undefined
    if (!this.#isPlain) {
      this.#drop()?.close()
      this.#waiting.clear()
      this.#beDown()
    }
    for (const member of [...this.#members]) member.onOffline()
  }

  #onVisible(): void {
    if (this.#mux?.hello) this.#liveness.probe()
    if (this.#isDown) this.#comeUp()
    for (const member of [...this.#members]) member.onVisible()
  }
}
