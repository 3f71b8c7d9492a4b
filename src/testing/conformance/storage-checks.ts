import * as Y from 'yjs'
import { nextTask } from '../task.ts'
import { Device } from './device.ts'
import type { Disk } from './disk.ts'
import { assert, assertEqual, type Checks } from './suite.ts'

export const baseChecks: Checks<Disk<unknown>> = {
  async 'loads nothing, and settles, where nothing was stored'(disk) {
    const device = await disk.load()
    device.assertNotes({}, 'a new document')
  },

  async 'brings back what was written once destroy has resolved'(disk) {
    const before = await disk.load()
    before.notes.set('a', 1)
    before.notes.set('b', { deep: ['x'] })
    await before.handle.destroy()
    const after = await disk.load()
    after.assertNotes({ a: 1, b: { deep: ['x'] } }, 'after a restart')
  },

  async 'brings back what was written once flush has resolved, though the device never said goodbye'(
    disk,
  ) {
    const before = await disk.load()
    before.notes.set('a', 1)
    await before.handle.flush()
    const after = await disk.load()
    after.assertNotes({ a: 1 }, 'after a crash')
  },

  async 'brings back deletions'(disk) {
    const first = await disk.load()
    first.notes.set('a', 1)
    first.notes.set('b', 2)
    await first.handle.destroy()
    const second = await disk.load()
    second.notes.delete('a')
    await second.handle.destroy()
    const third = await disk.load()
    third.assertNotes({ b: 2 }, 'after a deletion and a restart')
  },

  async 'keeps what is written before it has loaded, beside what was stored'(disk) {
    const first = await disk.load()
    first.notes.set('stored', 1)
    await first.handle.destroy()
    const second = disk.open()
    second.notes.set('early', 2)
    await second.handle.whenLoaded
    second.assertNotes({ stored: 1, early: 2 }, 'when loaded')
    await second.handle.flush()
    const third = await disk.load()
    third.assertNotes({ stored: 1, early: 2 }, 'after a restart')
  },

  async 'keeps what is written while it is loading'(disk) {
    const first = await disk.load()
    first.notes.set('stored', 1)
    await first.handle.destroy()
    const second = disk.open()
    second.doc.once('update', () => second.notes.set('meanwhile', 2))
    await second.handle.whenLoaded
    await second.handle.flush()
    const third = await disk.load()
    third.assertNotes({ stored: 1, meanwhile: 2 }, 'after a restart')
  },

  async 'loses nothing when it is destroyed at once'(disk) {
    const first = await disk.load()
    first.notes.set('stored', 1)
    await first.handle.destroy()
    const second = disk.open()
    second.notes.set('hasty', 2)
    await second.handle.destroy()
    await second.handle.whenLoaded
    const third = await disk.load()
    third.assertNotes({ stored: 1, hasty: 2 }, 'after a hasty end')
  },

  async 'loads everything in one transaction'(disk) {
    for (const key of ['a', 'b', 'c']) {
      const device = await disk.load()
      device.notes.set(key, key)
      await device.handle.destroy()
    }
    const device = disk.open()
    let updates = 0
    device.doc.on('update', () => updates++)
    await device.handle.whenLoaded
    device.assertNotes({ a: 'a', b: 'b', c: 'c' }, 'when loaded')
    assertEqual(updates, 1, 'updates seen while loading')
  },

  async 'keeps two documents apart'(disk) {
    const [one, two] = [await disk.load('one'), await disk.load('two')]
    one.notes.set('one', 1)
    two.notes.set('two', 2)
    await one.handle.destroy()
    await two.handle.destroy()
    const again = await disk.load('one')
    again.assertNotes({ one: 1 }, 'in the first of two documents')
  },

  async 'keeps updates that came from peers'(disk) {
    const peer = new Device('room')
    peer.notes.set('a', 1)
    const before = await disk.load()
    Y.applyUpdate(before.doc, Y.encodeStateAsUpdate(peer.doc), peer)
    await before.handle.destroy()
    peer.destroy()
    const after = await disk.load()
    after.assertNotes({ a: 1 }, 'after a restart')
  },

  async 'stores nothing any more when it is destroyed'(disk) {
    const before = await disk.load()
    before.notes.set('a', 1)
    await before.handle.destroy()
    before.notes.set('late', 2)
    await before.handle.flush()
    const after = await disk.load()
    after.assertNotes({ a: 1 }, 'after a restart')
  },

  async 'may be flushed and destroyed twice'(disk) {
    const before = await disk.load()
    before.notes.set('a', 1)
    await Promise.all([before.handle.flush(), before.handle.flush()])
    await Promise.all([before.handle.destroy(), before.handle.destroy()])
    await before.handle.flush()
    const after = await disk.load()
    after.assertNotes({ a: 1 }, 'after a restart')
  },
}

export const growthChecks: Checks<Disk<unknown>> = {
  async 'stores no row by opening a document'(disk) {
    const first = await disk.load()
    first.notes.set('a', 1)
    await first.handle.destroy()
    const rows = await disk.countRows()
    for (let i = 0; i < 5; i++) {
      const device = await disk.load()
      await device.handle.destroy()
    }
    assertEqual(await disk.countRows(), rows, 'rows after five more visits')
  },

  async 'folds its rows under steady writes'(disk) {
    const before = await disk.load()
    for (let i = 1; i <= 1500; i++) {
      before.notes.set('count', i)
      await nextTask()
    }
    await before.handle.destroy()
    const rows = await disk.countRows()
    assert(rows > 0 && rows <= 1000, `1500 updates are stored in ${rows} rows, not in 1 to 1000`)
    const after = await disk.load()
    after.assertNotes({ count: 1500 }, 'after a restart')
  },
}

export const troubleChecks: Checks<Disk<unknown>> = {
  async 'reports writes that fail, and lets the document live on'(disk) {
    const device = await disk.load()
    await disk.failWrites()
    let seen = 0
    device.notes.observe(() => seen++)
    device.notes.set('a', 1)
    await device.handle.flush()
    device.notes.set('b', 2)
    await device.handle.flush()
    assertEqual(seen, 2, 'changes observed')
    assert(device.errors.length > 0, 'No error was reported')
    assert(
      device.errors.every(({ code }) => code === 'storage'),
      'An error has another code than storage',
    )
    await device.handle.destroy()
  },
}

export const recoveryChecks: Checks<Disk<unknown>> = {
  async 'stores what it could not, once it can again'(disk) {
    const before = await disk.load()
    await disk.failWrites()
    before.notes.set('a', 1)
    await before.handle.flush()
    await disk.mendWrites()
    before.notes.set('b', 2)
    // A flush may come during a wait after the failure.
    await before.handle.destroy()
    const after = await disk.load()
    after.assertNotes({ a: 1, b: 2 }, 'after a restart')
  },
}
