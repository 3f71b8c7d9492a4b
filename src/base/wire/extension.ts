import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/*
 * What our transport and our server say to each other beside the messages of y-websocket. A server says it only to
 * those who ask for it with the query parameter `extension`, so other clients never see it.
 *
 *   100 0 text    hello, by the server first of all: JSON of `Hello`
 *   100 1 count   how many updates and sync steps 2 of this connection are durable by now (or changed nothing)
 *   100 2 text    a write is refused: JSON of `RefusedWrite`; the connection is closed with 4403 after it
 *   100 3         the token expires: the server waits some seconds for another
 *   100 4 text    by the client: another token
 *
 * Who has been told hello hears of awareness states only when they change or end, not when they are merely renewed.
 */

/** The query parameter of the URL that asks for it, and its value. */
export const EXTENSION_PARAMETER = 'extension'
export const EXTENSION_VERSION = '1'

/** The type of all these messages. */
export const EXTENSION_MESSAGE = 100

const HELLO = 0
const SAVED = 1
const REFUSED = 2
const TOKEN_WANTED = 3
const TOKEN = 4

export interface Hello {
  /** Whom the server takes this connection for; absent where it does not authenticate. */
  readonly identity?: string
  /** What each role may do, where the server authorises writes; see `schema/permissions.ts`. */
  readonly permissions?: unknown
}

export interface RefusedWrite {
  /**
   * `forbidden`: this identity may not write that. `foreign-writer`: it was written under a client id that belongs to
   * somebody else.
   */
  readonly code: 'forbidden' | 'foreign-writer'
  /** For people. */
  readonly reason: string
  /** Of a `foreign-writer`: the client ids. */
  readonly writers?: readonly number[]
}

export type ExtensionMessage =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'saved'; readonly count: number }
  | { readonly type: 'refused'; readonly refused: RefusedWrite }
  | { readonly type: 'token-wanted' }
  | { readonly type: 'token'; readonly token: string }

export function encodeExtension(message: ExtensionMessage): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, EXTENSION_MESSAGE)
    switch (message.type) {
      case 'hello':
        return writeText(encoder, HELLO, JSON.stringify(message.hello))
      case 'saved':
        encoding.writeVarUint(encoder, SAVED)
        encoding.writeVarUint(encoder, message.count)
        return
      case 'refused':
        return writeText(encoder, REFUSED, JSON.stringify(message.refused))
      case 'token-wanted':
        return encoding.writeVarUint(encoder, TOKEN_WANTED)
      case 'token':
        return writeText(encoder, TOKEN, message.token)
    }
  })
}

/**
 * Reads what follows the type. Undefined = a kind of a later version.
 *
 * @throws Error if it is malformed
 */
export function readExtension(decoder: decoding.Decoder): ExtensionMessage | undefined {
  switch (decoding.readVarUint(decoder)) {
    case HELLO:
      return { type: 'hello', hello: JSON.parse(decoding.readVarString(decoder)) as Hello }
    case SAVED:
      return { type: 'saved', count: decoding.readVarUint(decoder) }
    case REFUSED:
      return {
        type: 'refused',
        refused: JSON.parse(decoding.readVarString(decoder)) as RefusedWrite,
      }
    case TOKEN_WANTED:
      return { type: 'token-wanted' }
    case TOKEN:
      return { type: 'token', token: decoding.readVarString(decoder) }
    default:
      return undefined
  }
}

function writeText(encoder: encoding.Encoder, kind: number, text: string): void {
  encoding.writeVarUint(encoder, kind)
  encoding.writeVarString(encoder, text)
}
