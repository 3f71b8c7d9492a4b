import { createEncoder, toUint8Array, writeVarUint, writeVarUint8Array } from 'lib0/encoding'

/** A WebSocket whose other side is the test. `sockets` gets every one that is created. */
export function fakeWebSocket() {
  const sockets: FakeSocket[] = []
  class Socket extends FakeSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  return { WebSocket: Socket, sockets, last: () => sockets.at(-1) as FakeSocket }
}

export class FakeSocket {
  readonly url: string
  readonly OPEN = 1
  readyState = 0
  bufferedAmount = 0
  binaryType = ''
  readonly sent: Uint8Array[] = []
  onopen: ((event: object) => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: ((event: object) => void) | null = null

  constructor(url: string) {
    this.url = url
  }

  get token(): string | null {
    return new URL(this.url).searchParams.get('token')
  }

  send(data: Uint8Array): void {
    this.sent.push(data)
  }

  close(): void {
    this.readyState = 3
  }

  /** The handshake succeeds. */
  open(): void {
    this.readyState = 1
    this.onopen?.({})
  }

  /** The handshake succeeds, and the server answers sync step 1: it has nothing. */
  sync(): void {
    this.open()
    this.receive(syncStep2())
  }

  receive(message: Uint8Array | string): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : message.slice().buffer })
  }

  closeByServer(code = 1006, reason = ''): void {
    this.readyState = 3
    this.onclose?.({ code, reason })
  }
}

/** Its default is the update of an empty document. */
export function syncStep2(update: Uint8Array = new Uint8Array([0, 0])): Uint8Array {
  return encodeSync(1, update)
}

export function syncUpdate(update: Uint8Array): Uint8Array {
  return encodeSync(2, update)
}

function encodeSync(step: number, update: Uint8Array): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, 0)
  writeVarUint(encoder, step)
  writeVarUint8Array(encoder, update)
  return toUint8Array(encoder)
}

export function awarenessMessage(update: Uint8Array): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, 1)
  writeVarUint8Array(encoder, update)
  return toUint8Array(encoder)
}
