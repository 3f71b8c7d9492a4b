import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/*
 * Many documents over one WebSocket, at the path `/mux`: each has a channel, and a channel carries what a socket of
 * its own would. A message of the socket is any number of frames, one after the other:
 *
 *   channel 3 text          open: by the client, a number that is not in use; the path that the socket would have had
 *   channel 4 bytes         a message, or the rest of one
 *   channel 5 bytes         a part of a message; the next frame goes on with it
 *   channel 6 code text     close: by either side, with the code and reason that the socket would have been closed with
 *   0 7                     ping: by the client
 *   0 8                     pong: the answer
 *
 * Channel 0 is always there: it carries the messages of `extension.ts` that concern the socket. The first is the
 * server's hello, by which a client knows that this is no other server, where `mux` is the name of a document. (Its
 * messages begin with 0 0, 0 1 or 0 2 where they begin with 0, which is no frame.)
 */

/** The path, after the URL of the server. */
export const MUX_PATH = '/mux'

/** The channel of the socket itself. */
export const SOCKET_CHANNEL = 0

const OPEN = 3
const DATA = 4
const PART = 5
const CLOSE = 6
const PING = 7
const PONG = 8

/** Bytes of content in one message of the socket, so that no document makes the others wait for long. */
const MAX_CONTENT = 2 ** 20

export type MuxFrame =
  | { readonly op: 'open'; readonly channel: number; readonly path: string }
  | { readonly op: 'data'; readonly channel: number; readonly data: Uint8Array }
  /** A message was larger than allowed, and is left out. */
  | { readonly op: 'oversize'; readonly channel: number }
  | {
      readonly op: 'close'
      readonly channel: number
      readonly code: number
      readonly reason: string
    }
  | { readonly op: 'ping' | 'pong'; readonly channel: number }

/** Joins frames to messages: everything until `schedule` calls back goes into one, if it is not too much. */
export class MuxWriter {
  readonly #send: (message: Uint8Array<ArrayBuffer>) => void
  readonly #schedule: (flush: () => void) => void
  #encoder = encoding.createEncoder()
  #isScheduled = false

  constructor(
    send: (message: Uint8Array<ArrayBuffer>) => void,
    schedule: (flush: () => void) => void,
  ) {
    this.#send = send
    this.#schedule = schedule
  }

  /** Bytes that wait. */
  get pending(): number {
    return encoding.length(this.#encoder)
  }

  open(channel: number, path: string): void {
    encoding.writeVarString(this.#begin(channel, OPEN), path)
  }

  data(channel: number, data: Uint8Array): void {
    let rest = data
    for (;;) {
      if (this.pending > 0 && this.pending + rest.length > MAX_CONTENT) this.flush()
      const isWhole = rest.length <= MAX_CONTENT
      const encoder = this.#begin(channel, isWhole ? DATA : PART)
      encoding.writeVarUint8Array(encoder, isWhole ? rest : rest.subarray(0, MAX_CONTENT))
      if (isWhole) return
      rest = rest.subarray(MAX_CONTENT)
    }
  }

  close(channel: number, code: number, reason: string): void {
    const encoder = this.#begin(channel, CLOSE)
    encoding.writeVarUint(encoder, code)
    encoding.writeVarString(encoder, reason)
  }

  ping(): void {
    this.#begin(SOCKET_CHANNEL, PING)
  }

  pong(): void {
    this.#begin(SOCKET_CHANNEL, PONG)
  }

  flush(): void {
    if (this.pending === 0) return
    const message = encoding.toUint8Array(this.#encoder)
    this.#encoder = encoding.createEncoder()
    this.#send(message)
  }

  #begin(channel: number, op: number): encoding.Encoder {
    if (this.pending > MAX_CONTENT) this.flush()
    if (!this.#isScheduled) {
      this.#isScheduled = true
      this.#schedule(() => {
        this.#isScheduled = false
        this.flush()
      })
    }
    encoding.writeVarUint(this.#encoder, channel)
    encoding.writeVarUint(this.#encoder, op)
    return this.#encoder
  }
}

/** Takes messages apart, and puts the parts of large ones together. */
export class MuxReader {
  readonly #maxBytes: number
  /** Of the message that is not whole yet. */
  #parts: Uint8Array[] = []
  #channel: number | undefined
  #length = 0

  /** @param maxBytes of one message of a channel */
  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes
  }

  /**
   * The frames of a message of the socket, one by one; what they contain are views of it.
   *
   * @throws Error where it is malformed; then nothing more can be read
   */
  *read(message: Uint8Array): Generator<MuxFrame, void> {
    const decoder = decoding.createDecoder(message)
    while (decoding.hasContent(decoder)) {
      const frame = this.#readFrame(decoder)
      // lib0 reads on behind the end where the bytes are part of a larger buffer.
      if (decoder.pos > message.length) throw new Error('A frame is cut off')
      if (frame) yield frame
    }
  }

  #readFrame(decoder: decoding.Decoder): MuxFrame | undefined {
    const channel = decoding.readVarUint(decoder)
    const op = decoding.readVarUint(decoder)
    if (
      this.#channel !== undefined &&
      (channel !== this.#channel || (op !== DATA && op !== PART))
    ) {
      throw new Error(`The rest of a message of channel ${this.#channel} is missing`)
    }
    switch (op) {
      case OPEN:
        return { op: 'open', channel, path: decoding.readVarString(decoder) }
      case DATA:
        return this.#finish(channel, decoding.readVarUint8Array(decoder))
      case PART:
        this.#begin(channel, decoding.readVarUint8Array(decoder))
        return undefined
      case CLOSE: {
        const code = decoding.readVarUint(decoder)
        return { op: 'close', channel, code, reason: decoding.readVarString(decoder) }
      }
      case PING:
      case PONG:
        if (channel !== SOCKET_CHANNEL) throw new Error(`A ping of channel ${channel}`)
        return { op: op === PING ? 'ping' : 'pong', channel }
      default:
        throw new Error(`Unknown operation ${op}`)
    }
  }

  #begin(channel: number, part: Uint8Array): void {
    // Smaller ones would cost more memory than they are counted for.
    if (part.length !== MAX_CONTENT) throw new Error(`A part of ${part.length} bytes`)
    this.#channel = channel
    this.#keep(part)
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length
    if (this.#length <= this.#maxBytes) this.#parts.push(part.slice())
    else this.#parts = []
  }

  #finish(channel: number, data: Uint8Array): MuxFrame {
    if (this.#channel === undefined && data.length <= this.#maxBytes) {
      return { op: 'data', channel, data }
    }
    this.#keep(data)
    const [parts, length] = [this.#parts, this.#length]
    this.#parts = []
    this.#length = 0
    this.#channel = undefined
    if (length > this.#maxBytes) return { op: 'oversize', channel }
    const whole = new Uint8Array(length)
    let end = 0
    for (const part of parts) {
      whole.set(part, end)
      end += part.length
    }
    return { op: 'data', channel, data: whole }
  }
}
