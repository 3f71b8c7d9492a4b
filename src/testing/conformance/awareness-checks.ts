import { CONNECTION_LOST } from '../../sync/provider.ts'
import { type Room, whenSeen } from './room.ts'
import { assertEqual, type Checks } from './suite.ts'

export const awarenessChecks: Checks<Room<unknown>> = {
  async 'carries awareness states, and changes of them'(room) {
    const [alice, bob] = [await room.join(), await room.join()]
    alice.awareness.setLocalStateField('mood', 'calm')
    await whenSeen(bob, alice, 'calm')
    alice.awareness.setLocalStateField('mood', 'merry')
    await whenSeen(bob, alice, 'merry')
    bob.awareness.setLocalStateField('mood', 'sober')
    await whenSeen(alice, bob, 'sober')
    alice.awareness.setLocalState(null)
    await whenSeen(bob, alice, undefined)
  },

  async 'shows a late joiner who is there, and the others the late joiner'(room) {
    const alice = await room.join()
    alice.awareness.setLocalStateField('mood', 'calm')
    const late = room.plug()
    late.awareness.setLocalStateField('mood', 'late')
    late.handle.connect()
    await whenSeen(late, alice, 'calm')
    await whenSeen(alice, late, 'late')
  },

  async 'takes away the state of a device that disconnects, and brings it back with the device'(
    room,
  ) {
    const [alice, bob] = [await room.join(), await room.join()]
    alice.awareness.setLocalStateField('mood', 'calm')
    bob.awareness.setLocalStateField('mood', 'sober')
    await whenSeen(bob, alice, 'calm')
    await whenSeen(alice, bob, 'sober')
    bob.handle.disconnect()
    await whenSeen(alice, bob, undefined)
    bob.handle.connect()
    await whenSeen(alice, bob, 'sober')
    await whenSeen(bob, alice, 'calm')
  },

  async 'takes away the state of a device that is destroyed'(room) {
    const [alice, bob] = [await room.join(), await room.join()]
    bob.awareness.setLocalStateField('mood', 'sober')
    await whenSeen(alice, bob, 'sober')
    await bob.handle.destroy()
    await whenSeen(alice, bob, undefined)
  },

  async 'says of peers that are taken away whether they left or the own connection is lost'(room) {
    const [alice, bob] = [await room.join(), await room.join()]
    for (const device of [alice, bob]) device.awareness.setLocalStateField('mood', 'calm')
    await whenSeen(bob, alice, 'calm')
    await whenSeen(alice, bob, 'calm')
    const isLost = new Set<string>()
    for (const [name, device] of Object.entries({ alice, bob })) {
      device.awareness.on('change', ({ removed }: { removed: number[] }, origin: unknown) => {
        if (removed.length > 0) isLost.add(`${name} ${origin === CONNECTION_LOST}`)
      })
    }
    bob.handle.disconnect()
    await whenSeen(alice, bob, undefined)
    bob.handle.connect()
    await whenSeen(bob, alice, 'calm')
    await whenSeen(alice, bob, 'calm')
    // The one who disconnects may also keep its peers.
    isLost.delete('bob true')
    assertEqual([...isLost], ['alice false'], 'where a peer went, and whether by a lost connection')
  },

  async 'leaves the own state alone, also when the document has got another client id'(room) {
    const alice = await room.join()
    const bob = await room.join('room', ({ doc }) => {
      doc.clientID = alice.doc.clientID + 1
    })
    bob.awareness.setLocalStateField('mood', 'sober')
    await whenSeen(alice, bob, 'sober')
    bob.handle.disconnect()
    await whenSeen(alice, bob, undefined)
    assertEqual(bob.awareness.getLocalState()?.mood, 'sober', 'the own state while away')
    bob.handle.connect()
    await whenSeen(alice, bob, 'sober')
  },
}
