import type { IdleWriter, IdleWriters } from '../../sync/provider.ts'
import type { Disk, StoredDevice } from './disk.ts'
import { assert, assertEqual, type Checks } from './suite.ts'

const alice1: IdleWriter = { clientId: 1, clock: 7, owner: 'alice' }
const alice2: IdleWriter = { clientId: 4_294_967_295, clock: 1, owner: 'alice' }

export const writerChecks: Checks<Disk<unknown>> = {
  async 'has no client id where no session left one'(disk) {
    assertEqual(await take(await disk.load()), undefined, 'taken from an empty storage')
  },

  async 'hands a client id that a session left to a later one'(disk) {
    await leave(await disk.load(), alice1)
    assertEqual(await take(await disk.load()), alice1, 'taken after a restart')
  },

  async 'keeps a client id that was left once flush has resolved'(disk) {
    const before = await disk.load()
    writersOf(before).put(alice1)
    await before.handle.flush()
    assertEqual(await take(await disk.load()), alice1, 'taken after a crash')
  },

  async 'hands a client id to one of two tabs only'(disk) {
    await leave(await disk.load(), alice1)
    const [one, two] = [await disk.load(), await disk.load()]
    const taken = await Promise.all([take(one), take(two)])
    assertEqual(taken.filter(Boolean), [alice1], 'taken by two tabs at a time')
  },

  async 'hands two client ids to two tabs'(disk) {
    const before = await disk.load()
    writersOf(before).put(alice1)
    await leave(before, alice2)
    const [one, two] = [await disk.load(), await disk.load()]
    const taken = await Promise.all([take(one), take(two)])
    const ids = taken.map(writer => writer?.clientId).sort()
    assertEqual(ids, [alice1.clientId, alice2.clientId], 'taken by two tabs at a time')
  },

  async 'never hands a client id again that a crashed session held'(disk) {
    await leave(await disk.load(), alice1)
    await take(await disk.load())
    assertEqual(await take(await disk.load()), undefined, 'taken after a crash')
  },

  async 'hands nobody the client id of somebody else'(disk) {
    await leave(await disk.load(), alice1)
    assertEqual(await take(await disk.load(), 'bob'), undefined, 'taken by somebody else')
    assertEqual(await take(await disk.load()), alice1, 'taken by who left it')
  },

  async 'keeps the client ids of two documents apart'(disk) {
    await leave(await disk.load('one'), alice1)
    assertEqual(await take(await disk.load('two')), undefined, 'taken from another document')
  },

  async 'loses its client ids with the storage'(disk) {
    await leave(await disk.load(), alice1)
    await disk.loseStorage()
    assertEqual(await take(await disk.load()), undefined, 'taken from new storage')
  },

  async 'hands out nothing before it has loaded'(disk) {
    await leave(await disk.load(), alice1)
    const device = disk.open()
    const early = take(device)
    await device.handle.whenLoaded
    assertEqual(await early, undefined, 'taken early')
    assertEqual(await take(device), alice1, 'taken when loaded')
  },
}

export const writerTroubleChecks: Checks<Disk<unknown>> = {
  async 'hands out no client id that it cannot take away'(disk) {
    await leave(await disk.load(), alice1)
    const device = await disk.load()
    await disk.failWrites()
    assertEqual(await take(device), undefined, 'taken while writes fail')
    writersOf(device).put(alice2)
    await device.handle.flush()
  },
}

function writersOf({ handle }: StoredDevice): IdleWriters {
  assert(handle.writers !== undefined, 'The persistence has no `writers`')
  return handle.writers
}

/** In one order of keys, as storage may change it. */
async function take(device: StoredDevice, owner = 'alice'): Promise<IdleWriter | undefined> {
  const writer = await writersOf(device).take(owner)
  return writer && { clientId: writer.clientId, clock: writer.clock, owner: writer.owner }
}

async function leave(device: StoredDevice, writer: IdleWriter): Promise<void> {
  writersOf(device).put(writer)
  await device.handle.destroy()
}
