import type { WebSocket } from 'ws'
import {
  EXTENSION_PARAMETER,
  EXTENSION_VERSION,
  type ExtensionMessage,
  encodeExtension,
  type Hello,
} from '../base/wire/extension.ts'
import { MUX_PATH } from '../base/wire/mux-frames.ts'
import { MuxSocket } from './mux/mux-socket.ts'
import type { ServerContext } from './options.ts'
import type { Rooms } from './rooms.ts'
import type { Visitor } from './visitor.ts'

/** Says something to the client that concerns its whole socket; does nothing where it would not understand. */
export type Tell = (message: ExtensionMessage) => void

/**
 * Takes a socket that has just been opened: one for many rooms at the path `/mux`, one for the room of its path
 * otherwise. A client that speaks the extension is told `hello` before anything else.
 */
export function acceptSocket(
  context: ServerContext,
  rooms: Pick<Rooms, 'accept'>,
  socket: WebSocket,
  requestUrl: string,
  visitor: Visitor,
): Tell {
  const { identity } = visitor
  const hello: Hello =
    identity === undefined ? {} : { identity, permissions: context.authorization?.permissions }
  if (isMux(requestUrl)) {
    const mux = new MuxSocket(socket, context, visitor, (channel, path, visitor) =>
      rooms.accept(channel, path, visitor),
    )
    mux.tell({ type: 'hello', hello })
    return message => mux.tell(message)
  }
  const tell: Tell = message => {
    if (visitor.speaksExtension) socket.send(encodeExtension(message))
  }
  tell({ type: 'hello', hello })
  rooms.accept(socket, requestUrl, visitor)
  return tell
}

/** Whether the client asks for `base/wire/extension.ts`. */
export function asksForExtension(requestUrl: string): boolean {
  const query = new URLSearchParams(requestUrl.replace(/^[^?]*/, ''))
  return isMux(requestUrl) || query.get(EXTENSION_PARAMETER) === EXTENSION_VERSION
}

/** Whether the URL asks for many rooms over one socket. */
export const isMux = (requestUrl: string): boolean =>
  requestUrl.replace(/[?#].*$/s, '') === MUX_PATH
