import * as Y from 'yjs'
import { applyAll, Device, type Layout } from './layout.ts'
import { clientIdOf, timeOf } from './people.ts'

export interface CrowdOptions {
  /** Their one common role. */
  readonly roleSid?: string
}

/** People who have all joined and read something, each on a device of their own. */
export class Crowd {
  readonly devices: readonly Device[]
  /** The document that all of them share, in v1. */
  readonly state: Uint8Array

  constructor(layout: Layout, people: number, { roleSid }: CrowdOptions = {}) {
    this.devices = Array.from({ length: people }, (_, person) => new Device(layout, person))
    const updates = this.devices.flatMap((device, n) => [
      device.write((me, who) => me.join(who, timeOf(3 * n))),
      ...(roleSid ? [device.write((me, who) => me.setRole(who, roleSid, timeOf(3 * n + 1)))] : []),
      device.write((me, who) => me.advance(who, who % 100, timeOf(3 * n + 2))),
    ])
    const hub = new Y.Doc()
    applyAll(hub, updates)
    this.state = Y.encodeStateAsUpdate(hub)
  }

  /** The first thing that may happen after all have joined and read, for `timeOf`. */
  get next(): number {
    return 3 * this.devices.length
  }
}

/** The same people, added by one device, who have read nothing. */
export function addedByOne(layout: Layout, people: number, roleSid?: string): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = clientIdOf(0)
  const writer = layout.open(doc)
  for (let person = 0; person < people; person++) {
    writer.join(person, timeOf(2 * person))
    if (roleSid) writer.setRole(person, roleSid, timeOf(2 * person + 1))
  }
  return Y.encodeStateAsUpdate(doc)
}
