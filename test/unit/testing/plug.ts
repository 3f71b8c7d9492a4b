import { Device } from '../../../src/testing/conformance/device.ts'
import type { MemoryNetwork } from '../../../src/testing/index.ts'

/** A connected device with the document `room` open. */
export function plug(network: MemoryNetwork, peer: string, room = 'room', clientId?: number) {
  const device = new Device(room)
  if (clientId !== undefined) device.doc.clientID = clientId
  const handle = network.transport(peer)(device.context)
  handle.connect()
  return Object.assign(device, { handle })
}

export type Plugged = ReturnType<typeof plug>
