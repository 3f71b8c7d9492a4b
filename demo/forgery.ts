import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { websocket } from '../src/index.ts'
import { tokenOf } from './token.ts'

/**
 * What a modified client might try: signed in as one person, it says that another one has read everything. Resolves with what the
 * server says to that.
 */
export function forgeHorizon(identity: string, victim: string, room: string): Promise<string> {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  awareness.setLocalState(null)
  const connect = websocket({ url: `ws://${location.host}`, getToken: tokenOf(identity) })
  return new Promise(resolve => {
    const end = (answer: string) => {
      resolve(answer)
      // Not while it calls back.
      queueMicrotask(() => {
        void handle.destroy()
        doc.destroy()
      })
    }
    const handle = connect({
      name: room,
      doc,
      awareness,
      onError: error => end(error.message),
      onRefused: ({ reason }) => end(reason),
      onStatus() {},
      onSynced(isSynced) {
        const key = `${victim}|${doc.clientID.toString(36)}`
        if (isSynced) doc.getMap('horizons').set(key, new Uint8Array([20, 0]))
      },
      flushWrites() {},
    })
    handle.connect()
  })
}
