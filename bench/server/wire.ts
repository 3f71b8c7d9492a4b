import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** How a server's clients put the messages of y-protocols' sync on the wire. */
export interface Wire {
  /** Whether it has documents; else it only passes on what it gets. */
  readonly hasDocuments: boolean
  urlOf(server: string, room: string, token: string): string
  /** What a client says first, if anything. */
  greet(room: string, token: string): Uint8Array | undefined
  wrap(room: string, sync: Uint8Array): Uint8Array
  /** At the type of a sync message; undefined = another message. */
  unwrap(frame: Uint8Array): decoding.Decoder | undefined
}

const SYNC = 0

/** Ours and `@y/websocket-server`. */
export const yWebsocket: Wire = {
  hasDocuments: true,
  urlOf: (server, room, token) => `${server}/${room}?token=${encodeURIComponent(token)}`,
  greet: () => undefined,
  wrap: (_room, sync) => framed(sync, encoder => encoding.writeVarUint(encoder, SYNC)),
  unwrap(frame) {
    const decoder = decoding.createDecoder(frame)
    return decoding.readVarUint(decoder) === SYNC ? decoder : undefined
  },
}

/** As little as a server can do. */
export const bare: Wire = { ...yWebsocket, hasDocuments: false }

const AUTH = 2
const SYNC_REPLY = 4

/** Every message begins with the room, and before all others comes a token. */
export const hocuspocus: Wire = {
  hasDocuments: true,
  urlOf: server => server,
  greet: (room, token) =>
    encoding.encode(encoder => {
      encoding.writeVarString(encoder, room)
      encoding.writeVarUint(encoder, AUTH)
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarString(encoder, token)
      // The version of the provider, on which nothing depends here.
      encoding.writeVarString(encoder, '4')
    }),
  wrap: (room, sync) =>
    framed(sync, encoder => {
      encoding.writeVarString(encoder, room)
      encoding.writeVarUint(encoder, SYNC)
    }),
  unwrap(frame) {
    const decoder = decoding.createDecoder(frame)
    decoding.readVarUint8Array(decoder)
    const type = decoding.readVarUint(decoder)
    return type === SYNC || type === SYNC_REPLY ? decoder : undefined
  },
}

function framed(sync: Uint8Array, writeHead: (encoder: encoding.Encoder) => void): Uint8Array {
  return encoding.encode(encoder => {
    writeHead(encoder)
    encoding.writeUint8Array(encoder, sync)
  })
}
