import * as awarenessProtocol from 'y-protocols/awareness'
import * as Y from 'yjs'
import { AwarenessRelay } from '../../../../src/server/awareness-relay.ts'
import { defaultLimits, defaultTimings } from '../../../../src/server/options.ts'
import { readAwareness } from './clients.ts'
import { fakeClock } from './fake-clock.ts'

/** An awareness relay alone, with peers that need no sockets and a clock that is moved by hand. */
export function relayRoom(limits = {}) {
  const time = fakeClock()
  const context = {
    clock: time.clock,
    limits: { ...defaultLimits, ...limits },
    timings: defaultTimings,
  }
  const relay = new AwarenessRelay(context)

  function peer() {
    const frames: [number, number, unknown][][] = []
    let probes = 0
    const self = {
      frames,
      get probes() {
        return probes
      },
      /** What it was sent since this was last asked. */
      news: () => frames.splice(0).flat(),
      send: (frame: Uint8Array) => void frames.push(readAwareness(frame)),
      probe: () => void probes++,
      say: (...states: [clientId: number, clock: number, state: unknown][]) =>
        relay.receive(
          self,
          states.map(([clientId, clock, state]) => ({
            clientId,
            clock,
            json: state === null ? null : JSON.stringify(state),
          })),
        ),
      leave: () => relay.leave(self),
    }
    relay.join(self)
    return self
  }

  /** A peer that is a real `Awareness`, as y-websocket would drive it. */
  function realPeer() {
    const doc = new Y.Doc()
    const awareness = new awarenessProtocol.Awareness(doc)
    const self = {
      awareness,
      clientId: doc.clientID,
      send: (frame: Uint8Array) => {
        // One message is one type byte and the update with its length, which is short here.
        awarenessProtocol.applyAwarenessUpdate(awareness, frame.slice(2), 'relay')
      },
      probe: () => {},
      say: (...clientIds: number[]) => {
        const update = awarenessProtocol.encodeAwarenessUpdate(awareness, clientIds)
        const frame = new Uint8Array([1, update.length, ...update])
        relay.receive(
          self,
          readAwareness(frame).map(([clientId, clock, state]) => ({
            clientId,
            clock,
            json: state === null ? null : JSON.stringify(state),
          })),
        )
      },
      connect: () => {
        relay.join(self)
        self.say(doc.clientID)
      },
      leave: () => relay.leave(self),
    }
    awareness.on('update', ({ added, updated, removed }: Record<string, number[]>) => {
      self.say(...(added ?? []), ...(updated ?? []), ...(removed ?? []))
    })
    awareness.setLocalState({ name: 'real' })
    return self
  }

  return {
    time,
    relay,
    peer,
    realPeer,
    window: () => time.advance(defaultTimings.awarenessWindowMs),
  }
}
