import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { asksForExtension, isMux, type Tell } from './accept.ts'
import type { Access } from './access.ts'
import { AuthenticatedVisitor } from './authentication/authenticated-visitor.ts'
import type { Authentication } from './authentication/authentication.ts'
import { GOING_AWAY, INTERNAL_ERROR, Refusal, TRY_LATER } from './close-codes.ts'
import { refuseUpgrade } from './http.ts'
import { Allowance } from './limits/allowance.ts'
import { addressKey } from './limits/client-address.ts'
import { Occupancy, type Place } from './limits/occupancy.ts'
import { TokenBucket } from './limits/token-bucket.ts'
import type { ServerContext } from './options.ts'
import type { Visitor } from './visitor.ts'

export interface ReceptionOptions {
  readonly access: Access
  readonly authentication: Authentication | undefined
  /** Takes a socket, from which nothing has been read, of a visitor who is known; returns how to say something to it. */
  onAdmitted(socket: WebSocket, requestUrl: string, visitor: Visitor): Tell
}

type SocketKind = 'plain' | 'mux'

/** Makes sockets of upgrade requests, and lets those in who may come in. */
export class Reception {
  readonly #context: ServerContext
  readonly #options: ReceptionOptions
  readonly #sockets: WebSocketServer
  readonly #addresses: Occupancy<NewSockets>
  readonly #identities: Occupancy<Allowance>
  readonly #visitors = new Set<AuthenticatedVisitor>()
  /** Those whose identity is not known yet. */
  readonly #pending = new Set<WebSocket>()
  readonly #admitted: Record<SocketKind, number> = { plain: 0, mux: 0 }
  #isClosed = false

  constructor(context: ServerContext, options: ReceptionOptions) {
    const { clock, limits } = context
    this.#context = context
    this.#options = options
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.maxPayload,
      perMessageDeflate: false,
    })
    this.#addresses = new Occupancy(
      limits.maxConnectionsPerAddress,
      () => new NewSockets(clock, limits.connectionsPerSecond, limits.burstSeconds),
    )
    this.#identities = new Occupancy(
      limits.maxConnectionsPerIdentity,
      () => new Allowance(clock, limits),
    )
  }

  /** The listener of `upgrade`. */
  readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (this.#isClosed) {
      refuseUpgrade(socket, '503 Service Unavailable')
      return
    }
    const { access } = this.#options
    if (!access.allowsSocket(request)) {
      refuseUpgrade(socket, '403 Forbidden')
      return
    }
    const address = access.addressOf(request)
    if (!this.#addresses.shared(addressKey(address)).tryTake()) {
      this.#context.metrics.turnedAway.add(1, { reason: 'limit' })
      refuseUpgrade(socket, '429 Too Many Requests')
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, webSocket => {
      // Until somebody listens to its messages.
      webSocket.pause()
      webSocket.on('error', () => {})
      void this.#receive(webSocket, request, address)
    })
  }

  /** How many are open, of those that were admitted. */
  get sockets(): Readonly<Record<SocketKind, number>> {
    return this.#admitted
  }

  sweep(): void {
    const nowMs = this.#context.clock.now()
    for (const visitor of this.#visitors) visitor.sweep(nowMs)
    this.#addresses.sweep()
    this.#identities.sweep()
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#isClosed = true
    for (const socket of this.#pending) end(socket, GOING_AWAY, 'the server is shutting down')
  }

  /** Closes all sockets and resolves when they are; those that do not confirm in time are cut off. */
  async endAll(): Promise<void> {
    const { clients } = this.#sockets
    const { clock, timings } = this.#context
    const cancel = clock.setTimeout(() => {
      for (const socket of clients) socket.terminate()
    }, timings.closeWithinMs)
    for (const socket of clients) end(socket, GOING_AWAY, 'the server is shutting down')
    await Promise.all([...clients].map(socket => once(socket, 'close')))
    cancel()
  }

  async #receive(socket: WebSocket, request: IncomingMessage, address: string): Promise<void> {
    // After the handshake, because y-websocket does not see why a handshake fails.
    try {
      this.#enter(socket, this.#addresses, addressKey(address))
      const { authentication } = this.#options
      if (authentication) await this.#authenticate(authentication, socket, request, address)
      else this.#admit(socket, request, this.#stranger(request, address))
    } catch (error) {
      if (error instanceof Refusal) return end(socket, error.code, error.message)
      this.#context.log.error('cannot admit a client', error)
      end(socket, INTERNAL_ERROR, 'internal error')
    }
  }

  async #authenticate(
    authentication: Authentication,
    socket: WebSocket,
    request: IncomingMessage,
    address: string,
  ): Promise<void> {
    this.#pending.add(socket)
    const authenticated = await authentication
      .check(request)
      .finally(() => this.#pending.delete(socket))
    // It may have gone, and the server may be shutting down.
    if (socket.readyState !== socket.OPEN) return
    let tell: Tell = () => {}
    const visitor = new AuthenticatedVisitor(authenticated, {
      address,
      speaksExtension: asksForExtension(request.url ?? '/'),
      allowance: this.#enter(socket, this.#identities, authenticated.identity),
      check: token => authentication.check(request, token),
      context: this.#context,
      socket: {
        askForToken: () => tell({ type: 'token-wanted' }),
        close: (code, reason) => end(socket, code, reason),
      },
    })
    this.#visitors.add(visitor)
    socket.once('close', () => {
      visitor.leave()
      this.#visitors.delete(visitor)
    })
    tell = this.#admit(socket, request, visitor)
  }

  #stranger(request: IncomingMessage, address: string): Visitor {
    const { clock, limits } = this.#context
    return {
      identity: undefined,
      address,
      speaksExtension: asksForExtension(request.url ?? '/'),
      allowance: new Allowance(clock, limits),
    }
  }

  #admit(socket: WebSocket, request: IncomingMessage, visitor: Visitor): Tell {
    const kind = isMux(request.url ?? '/') ? 'mux' : 'plain'
    this.#context.metrics.connections.add(1, { kind })
    this.#admitted[kind] += 1
    socket.once('close', () => {
      this.#admitted[kind] -= 1
    })
    // Whoever takes it pauses it again if need be; nothing comes in this turn of the event loop.
    socket.resume()
    return this.#options.onAdmitted(socket, request.url ?? '/', visitor)
  }

  /** Takes a place for as long as the socket is there. */
  #enter<Shared extends { readonly isUnused: boolean }>(
    socket: WebSocket,
    occupancy: Occupancy<Shared>,
    key: string,
  ): Shared {
    const place: Place<Shared> | undefined = occupancy.enter(key)
    if (!place) {
      this.#context.metrics.turnedAway.add(1, { reason: 'limit' })
      throw new Refusal(TRY_LATER, 'too many connections')
    }
    socket.once('close', () => place.leave())
    return place.shared
  }
}

/** The rate of new sockets from one address. */
class NewSockets extends TokenBucket {
  get isUnused(): boolean {
    return this.isFull
  }
}

function end(socket: WebSocket, code: number, reason: string): void {
  // Nothing that it says from now on is heard.
  socket.removeAllListeners('message')
  socket.close(code, reason)
  // A paused socket would not see the other side's confirmation.
  socket.resume()
}
