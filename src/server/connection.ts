import { encodeExtension } from '../base/wire/extension.ts'
import { Acknowledgements } from './acknowledgements.ts'
import type { Refused } from './authorization/admission.ts'
import type { AwarenessPeer } from './awareness-relay.ts'
import { closeReason, DENIED, INTERNAL_ERROR, MALFORMED, Refusal } from './close-codes.ts'
import { isAboutAwareness } from './limits/allowance.ts'
import { Reading } from './limits/reading.ts'
import type { ServerContext } from './options.ts'
import { decodeMessage, type Message, noOpMessage } from './protocol.ts'
import type { UpdateSender } from './shadow-document.ts'
import type { ServerSocket, Visitor } from './visitor.ts'

/** Whoever lacks what others lack too is asked again after this long at most. */
const MAX_GAP_DELAY_MS = 30_000

export interface ConnectionListener {
  /** May throw a `Refusal`, which closes the connection. */
  onMessage(message: Message): void
  /** Called once: nothing comes from this connection any more, and nothing can be sent. */
  onEnd(): void
}

/** One client in one room. Reads nothing until `start()`. */
export class Connection implements AwarenessPeer, UpdateSender {
  readonly visitor: Visitor
  readonly #socket: ServerSocket
  readonly #context: ServerContext
  readonly #room: string
  readonly #reading: Reading
  readonly #acknowledgements: Acknowledgements | undefined
  #listener: ConnectionListener | undefined
  #uncommitted = 0
  /** How often in a row an update rested on what is not here. */
  #gaps = 0
  readonly #unanswered: Uint8Array[] = []
  #cancelAsking: (() => void) | undefined
  #sentAtMs: number
  #heardAtMs: number
  #pingedAtMs: number | undefined
  #isDeaf = false
  #isEnded = false

  constructor(socket: ServerSocket, context: ServerContext, room: string, visitor: Visitor) {
    this.visitor = visitor
    this.#socket = socket
    this.#context = context
    this.#room = room
    this.#sentAtMs = this.#heardAtMs = context.clock.now()
    if (visitor.speaksExtension) {
      this.#acknowledgements = new Acknowledgements(count =>
        this.send(encodeExtension({ type: 'saved', count })),
      )
    }
    socket.on('pong', () => this.#hear())
    socket.on('close', () => this.#end())
    // Broken frames and messages over the limit; `close` follows.
    socket.on('error', error => this.#warn(error.message))
    this.#reading = new Reading(socket, context.clock, visitor.allowance)
  }

  get isPatient(): boolean {
    return this.visitor.speaksExtension
  }

  get identity(): string | undefined {
    return this.visitor.identity
  }

  start(listener: ConnectionListener): void {
    this.#listener = listener
    if (this.#isEnded) listener.onEnd()
    this.#socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary))
    this.#reading.resume('not-started')
  }

  send(frame: Uint8Array): void {
    if (this.#isEnded) return
    if (this.#socket.bufferedAmount > this.#context.limits.maxBacklog) {
      this.#cut('reads too slowly')
    } else {
      this.#socket.send(frame)
      this.#context.metrics.messagesOut.add()
      this.#context.metrics.bytesOut.add(frame.length)
      this.#sentAtMs = this.#context.clock.now()
    }
  }

  /** Counts bytes that wait to become durable (negative: that wait no longer); with too many, reading stops. */
  hold(bytes: number): void {
    if (bytes > 0) this.#acknowledgements?.wait()
    const { maxUncommitted } = this.#context.limits
    const wasFull = this.#uncommitted > maxUncommitted
    this.#uncommitted += bytes
    const isFull = this.#uncommitted > maxUncommitted
    if (isFull && !wasFull) this.#reading.pause('uncommitted')
    if (wasFull && !isFull) this.#reading.resume('uncommitted')
  }

  onStored(update: Uint8Array): void {
    this.#gaps = 0
    this.#release(update)
  }

  onRefused(update: Uint8Array, code: number, reason: string): void {
    this.hold(-update.length)
    this.close(code, reason)
  }

  onForbidden(update: Uint8Array, refused: Refused): void {
    this.hold(-update.length)
    if (this.#isEnded) return
    this.#warn(`refused: ${refused.reason}`)
    if (this.visitor.speaksExtension) this.send(encodeExtension({ type: 'refused', refused }))
    this.close(DENIED, refused.reason)
  }

  onGap(updates: readonly Uint8Array[], syncStep1: () => Uint8Array): void {
    this.#gaps += 1
    this.#unanswered.push(...updates)
    if (this.#cancelAsking) return
    const ask = () => {
      this.#cancelAsking = undefined
      // First, so that nobody takes for kept what they have to send again.
      this.send(syncStep1())
      for (const update of this.#unanswered.splice(0)) this.#release(update)
    }
    // It may be that the client does not have it either: somebody else wrote it, who is away.
    const delayMs = Math.min(1000 * Math.max(0, this.#gaps - 3), MAX_GAP_DELAY_MS)
    if (delayMs === 0) ask()
    else this.#cancelAsking = this.#context.clock.setTimeout(ask, delayMs)
  }

  probe(): void {
    if (this.#isEnded || this.#pingedAtMs !== undefined) return
    this.#pingedAtMs = this.#context.clock.now()
    this.#socket.ping()
  }

  sweep(nowMs: number): void {
    const { pingAfterMs, pongWithinMs, quietMs } = this.#context.timings
    // Who is not read from cannot be heard either.
    if (this.#reading.isHindered) this.#hear()
    if (this.#pingedAtMs !== undefined && nowMs - this.#pingedAtMs >= pongWithinMs) {
      this.#cut('does not answer')
    }
    if (nowMs - this.#heardAtMs >= pingAfterMs) this.probe()
    // Our own transport asks when it hears nothing; y-websocket gives up.
    if (!this.isPatient && nowMs - this.#sentAtMs >= quietMs) this.send(noOpMessage)
  }

  /** Takes no more messages; what was taken goes on its way. */
  stopReading(): void {
    this.#isDeaf = true
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, closeReason(reason))
    this.#end()
  }

  #receive(data: Uint8Array, isBinary: boolean): void {
    if (this.#isEnded || this.#isDeaf) return
    this.#hear()
    this.#account(data)
    try {
      if (!isBinary) throw new Refusal(MALFORMED, 'text message; this protocol is binary')
      const message = decodeMessage(data, this.#context.limits.maxStructs)
      if (message.type === 'update') this.#acknowledgements?.receive()
      if (message.type === 'token') this.visitor.onToken?.(message.token)
      else this.#listener?.onMessage(message)
    } catch (error) {
      this.#refuse(error)
    }
  }

  #refuse(error: unknown): void {
    if (error instanceof Refusal) {
      this.#warn(error.message, ...(error.cause === undefined ? [] : [error.cause]))
      this.close(error.code, error.message)
    } else {
      this.#context.log.error(`${this.#room}: cannot handle a message`, error)
      this.close(INTERNAL_ERROR, 'internal error')
    }
  }

  #release(update: Uint8Array): void {
    this.hold(-update.length)
    this.#acknowledgements?.settle()
  }

  #account(data: Uint8Array): void {
    const { messagesIn, bytesIn, awareness, pauses } = this.#context.metrics
    messagesIn.add()
    bytesIn.add(data.length)
    if (isAboutAwareness(data)) awareness.add()
    if (this.#reading.spend(data)) pauses.add()
  }

  #hear(): void {
    this.#heardAtMs = this.#context.clock.now()
    this.#pingedAtMs = undefined
  }

  #cut(why: string): void {
    this.#warn(`${why}; cut off`)
    this.#socket.terminate()
    this.#end()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#cancelAsking?.()
    this.#reading.end()
    this.#listener?.onEnd()
  }

  #warn(message: string, ...details: unknown[]): void {
    const { identity, address } = this.visitor
    const who = { room: this.#room, ...(identity !== undefined && { identity }), address }
    const name = identity ?? 'a connection'
    this.#context.log.warn(`${this.#room}: ${name}: ${message}`, ...details, who)
  }
}
