import { type Room, whenNoted } from './room.ts'
import { assertEqual, type Checks } from './suite.ts'

export const documentChecks: Checks<Room<unknown>> = {
  async 'carries writes both ways'(room) {
    const [alice, bob] = [await room.join(), await room.join()]
    alice.notes.set('a', 1)
    await whenNoted(bob, 'a', 1)
    bob.notes.set('b', 2)
    await whenNoted(alice, 'b', 2)
    bob.notes.delete('a')
    await whenNoted(alice, 'a', undefined)
    alice.assertNotes({ b: 2 }, 'at the first device')
    bob.assertNotes({ b: 2 }, 'at the second device')
  },

  async 'brings concurrent writes of three devices together'(room) {
    const devices = [await room.join(), await room.join(), await room.join()]
    devices.forEach((device, i) => {
      device.notes.set('shared', i)
      // Comes last, so that who has it has the other as well.
      device.notes.set(`own ${i}`, i)
    })
    for (const device of devices) {
      for (const i of devices.keys()) await whenNoted(device, `own ${i}`, i)
    }
    const [first, ...others] = devices.map(({ notes }) => notes.get('shared'))
    for (const other of others) assertEqual(other, first, 'the key that all three wrote')
  },

  async 'gives a late joiner everything by the time it says synced'(room) {
    const alice = await room.join()
    alice.notes.set('a', 1)
    alice.notes.set('b', 2)
    alice.notes.delete('a')
    const witness = await room.join()
    await whenNoted(witness, 'b', 2)
    await whenNoted(witness, 'a', undefined)
    const late = await room.join()
    late.assertNotes({ b: 2 }, 'when synced')
  },

  async 'takes what a device wrote before it was connected'(room) {
    const alice = await room.join()
    const bob = room.plug()
    bob.notes.set('early', 1)
    bob.handle.connect()
    await whenNoted(alice, 'early', 1)
  },

  async 'merges what both sides wrote while one of them was disconnected'(room) {
    const [alice, bob] = [await room.join(), await room.join()]
    alice.notes.set('shared', 0)
    await whenNoted(bob, 'shared', 0)
    bob.handle.disconnect()
    await bob.until(() => bob.status === 'disconnected', 'the status is disconnected')
    alice.notes.set('a', 1)
    bob.notes.set('b', 2)
    bob.notes.delete('shared')
    bob.handle.connect()
    await whenNoted(alice, 'b', 2)
    await whenNoted(bob, 'a', 1)
    await whenNoted(alice, 'shared', undefined)
    bob.assertNotes({ a: 1, b: 2 }, 'at the one that was away')
  },

  async 'keeps rooms apart'(room) {
    const [alice, stranger] = [await room.join('one'), await room.join('two')]
    const bob = await room.join('one')
    alice.notes.set('a', 1)
    await whenNoted(bob, 'a', 1)
    stranger.assertNotes({}, 'in another room')
  },
}
