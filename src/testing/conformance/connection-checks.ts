import { type Room, whenNoted, whenSynced } from './room.ts'
import { assertEqual, type Checks } from './suite.ts'

export const connectionChecks: Checks<Room<unknown>> = {
  async 'does nothing before connect is called'(room) {
    const [alice, silent, bob] = [await room.join(), room.plug(), await room.join()]
    alice.notes.set('a', 1)
    await whenNoted(bob, 'a', 1)
    silent.notes.set('b', 2)
    bob.notes.set('c', 3)
    await whenNoted(alice, 'c', 3)
    alice.assertNotes({ a: 1, c: 3 }, 'at a connected device')
    silent.assertNotes({ b: 2 }, 'at the device that is not connected')
    assertEqual(silent.statuses, [], 'statuses')
    assertEqual(silent.synced, [], 'calls of onSynced')
  },

  async 'tells connected, synced, disconnected and no longer synced, in this order'(room) {
    await room.join()
    const device = await room.join()
    const upWards = device.statuses.filter(status => status !== 'connecting')
    assertEqual(upWards, ['connected'], 'statuses until synced, "connecting" aside')
    assertEqual(device.synced, [true], 'calls of onSynced')
    device.handle.disconnect()
    await device.until(() => !device.isSynced, 'it is no longer synced')
    assertEqual(device.status, 'disconnected', 'status after disconnect')
    assertEqual(device.synced, [true, false], 'calls of onSynced')
    device.handle.connect()
    await whenSynced(device)
  },

  async 'carries nothing while disconnected'(room) {
    const [alice, bob, away] = [await room.join(), await room.join(), await room.join()]
    away.handle.disconnect()
    await away.until(() => away.status === 'disconnected', 'the status is disconnected')
    away.notes.set('b', 2)
    alice.notes.set('a', 1)
    await whenNoted(bob, 'a', 1)
    away.assertNotes({ b: 2 }, 'at the device that is away')
    bob.assertNotes({ a: 1 }, 'at the others')
  },

  async 'may be connected and disconnected twice'(room) {
    const alice = await room.join()
    const bob = room.plug()
    bob.handle.disconnect()
    bob.handle.connect()
    bob.handle.connect()
    await whenSynced(bob)
    bob.notes.set('b', 1)
    await whenNoted(alice, 'b', 1)
    bob.handle.disconnect()
    bob.handle.disconnect()
    await bob.until(() => bob.status === 'disconnected', 'the status is disconnected')
    bob.handle.connect()
    await bob.until(() => bob.isSynced, 'it is synced again')
    alice.notes.set('a', 2)
    await whenNoted(bob, 'a', 2)
  },

  async 'survives a quick change of mind'(room) {
    const alice = await room.join()
    const bob = room.plug()
    for (let i = 0; i < 3; i++) {
      bob.handle.connect()
      bob.handle.disconnect()
    }
    bob.handle.connect()
    await whenSynced(bob)
    bob.notes.set('b', 1)
    await whenNoted(alice, 'b', 1)
  },

  async 'is over when it is destroyed'(room) {
    const [alice, bob, gone] = [await room.join(), await room.join(), await room.join()]
    await gone.handle.destroy()
    const callbacks = gone.statuses.length + gone.synced.length
    gone.notes.set('gone', 0)
    gone.awareness.setLocalStateField('mood', 'ghostly')
    alice.notes.set('a', 1)
    await whenNoted(bob, 'a', 1)
    bob.notes.set('b', 2)
    await whenNoted(alice, 'b', 2)
    gone.assertNotes({ gone: 0 }, 'at the device that is gone')
    alice.assertNotes({ a: 1, b: 2 }, 'at the others')
    await alice.until(() => alice.stateOf(gone) === undefined, 'it is not seen any more')
    assertEqual(gone.statuses.length + gone.synced.length, callbacks, 'callbacks')
  },

  async 'may be destroyed twice, and without ever having been connected'(room) {
    const device = room.plug()
    await device.handle.destroy()
    await device.handle.destroy()
    device.handle.disconnect()
    assertEqual(device.statuses, [], 'statuses')
  },
}
