import { type PluggedDevice, type Room, whenNoted, whenSeen, whenSynced } from './room.ts'
import { assert, type Checks } from './suite.ts'

export const cutChecks: Checks<Room<unknown>> = {
  async 'reports a cut, comes back by itself, and merges what was written meanwhile'(room) {
    const [alice, bob] = [await room.join(), await room.join()]
    bob.awareness.setLocalStateField('mood', 'sober')
    await whenSeen(alice, bob, 'sober')
    await room.cut()
    for (const device of [alice, bob]) {
      await device.until(() => device.status !== 'connected', 'the cut is reported')
      await device.until(() => !device.isSynced, 'it is no longer synced')
    }
    alice.notes.set('a', 1)
    bob.notes.set('b', 2)
    await room.mend()
    await whenNoted(alice, 'b', 2)
    await whenNoted(bob, 'a', 1)
    await whenSynced(alice)
    await whenSynced(bob)
    await whenSeen(alice, bob, 'sober')
  },
}

export const echoChecks: Checks<Room<unknown>> = {
  async 'falls silent when everything has been said'(room) {
    const devices = [await room.join(), await room.join(), await room.join()]
    const [alice, bob, carol] = devices as [PluggedDevice, PluggedDevice, PluggedDevice]
    alice.awareness.setLocalStateField('mood', 'calm')
    alice.notes.set('a', 1)
    await whenSeen(bob, alice, 'calm')
    await whenSeen(carol, alice, 'calm')
    await whenNoted(carol, 'a', 1)
    await pause(100)
    const before = room.countMessages()
    await pause(300)
    // A few may be signs of life; an echo goes round hundreds of times.
    const chatter = room.countMessages() - before
    assert(chatter <= 10, `${chatter} messages within 300 ms in which nobody did anything`)
  },
}

export const garbageChecks: Checks<Room<unknown>> = {
  async 'survives bytes that mean nothing'(room) {
    const [alice, bob] = [await room.join(), await room.join()]
    await room.sendGarbage()
    alice.notes.set('a', 1)
    await whenNoted(bob, 'a', 1)
    bob.notes.set('b', 2)
    await whenNoted(alice, 'b', 2)
  },
}

function pause(delayMs: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, delayMs))
}
