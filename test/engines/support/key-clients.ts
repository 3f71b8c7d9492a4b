import * as decoding from 'lib0/decoding'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { EXTENSION_MESSAGE, readExtension } from '../../../src/base/wire/extension.ts'
import { rawClient, syncMessage } from '../../unit/server/support/clients.ts'

const MAX_UNSAVED = 100

/** Writes new keys all the time, until its socket is gone, and tells which of them the server has acknowledged. */
export async function keyWriter(
  url: string,
  room: string,
  prefix: string,
  onSaved: (key: string) => void,
) {
  const client = await rawClient(url, `${room}?extension=1`)
  const doc = new Y.Doc()
  doc.on('update', update => client.send(syncMessage(2, update)))
  const keys: string[] = []
  let saved = 0
  client.socket.on('message', (data: Buffer) => {
    const count = savedCount(data)
    for (; count !== undefined && saved < count; saved++) onSaved(keys[saved] as string)
  })
  const write = () => {
    if (client.socket.readyState !== WebSocket.OPEN) return
    setTimeout(write, 1)
    if (keys.length - saved >= MAX_UNSAVED) return
    const key = `${prefix}-${keys.length}`
    keys.push(key)
    doc.getMap('map').set(key, 1)
  }
  write()
  return {
    get saved() {
      return saved
    },
    close: () => client.socket.terminate(),
  }
}

function savedCount(data: Uint8Array): number | undefined {
  const decoder = decoding.createDecoder(data)
  if (decoding.readVarUint(decoder) !== EXTENSION_MESSAGE) return undefined
  const message = readExtension(decoder)
  return message?.type === 'saved' ? message.count : undefined
}

/** Brings nothing, and tells of every key that is delivered to it; resolves when it has what the server has. */
export async function keyReader(url: string, room: string, onDelivered: (key: string) => void) {
  const client = await rawClient(url, room)
  const doc = new Y.Doc()
  const map = doc.getMap('map')
  map.observe(({ keysChanged }) => {
    for (const key of keysChanged) onDelivered(String(key))
  })
  client.socket.on('message', (data: Buffer) => {
    if (data[0] !== 0 || data[1] === 0) return
    const decoder = decoding.createDecoder(new Uint8Array(data).subarray(2))
    Y.applyUpdate(doc, decoding.readVarUint8Array(decoder))
  })
  await client.settle()
  return { map, close: () => client.socket.terminate() }
}
