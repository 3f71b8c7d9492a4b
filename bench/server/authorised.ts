import { WebSocket } from 'ws'
import { conversationSid } from '../../src/base/ids.ts'
import { NOBODY } from './nobody.ts'
import type { ServerProcess } from './server-process.ts'

/** Whether a server turns away who has no token that counts. */
export async function isAuthorised({ url }: ServerProcess): Promise<boolean> {
  const socket = new WebSocket(`${url}/${conversationSid('nobody')}?token=${NOBODY}`)
  socket.on('error', () => {})
  const isTurnedAway = await new Promise<boolean>(resolve => {
    socket.on('message', () => resolve(false))
    socket.on('close', () => resolve(true))
  })
  socket.terminate()
  return isTurnedAway
}
