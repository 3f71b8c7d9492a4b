import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Participant } from '../../../src/model/participant.ts'
import type { User } from '../../../src/model/user.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../src/testing/index.ts'
import { Device, type DeviceOptions } from '../../support/device.ts'

let network: MemoryNetwork
let devices: Device[]

beforeEach(() => {
  network = createMemoryNetwork()
  devices = []
})

afterEach(async () => {
  for (const device of devices) expect(device.errors).toEqual([])
  await Promise.all(devices.map(device => device.close()))
})

function device(options: DeviceOptions): Device {
  const created = new Device(network, options)
  devices.push(created)
  return created
}

function reasonsOf(user: User): string[][] {
  const told: string[][] = []
  user.on('updated', ({ updateReasons }) => told.push(updateReasons))
  return told
}

describe('a user', () => {
  it('is one object per client, however it is asked for', async () => {
    const { client } = device({ identity: 'alice' })
    const user = await client.getUser('alice')
    expect(client.user).toBe(user)
    const conversation = await client.openConversation('room')
    await conversation.join()
    const me = (await conversation.getParticipantByIdentity('alice')) as Participant
    expect(await me.getUser()).toBe(user)
    expect(user.identity).toBe('alice')
  })

  it('is the same in every conversation and on every device', async () => {
    const alice = device({ identity: 'alice' })
    const bob = device({ identity: 'bob' })
    const seen = await bob.client.getUser('alice')
    const told = reasonsOf(seen)
    await alice.client.user.updateFriendlyName('Alice')
    await alice.client.user.updateAttributes({ color: 'red' })
    await network.settle()
    expect([seen.friendlyName, seen.attributes]).toEqual(['Alice', { color: 'red' }])
    expect(told).toEqual([['friendlyName'], ['attributes']])
    expect(Object.isFrozen(seen.attributes)).toBe(true)
  })

  it('of two devices merges', async () => {
    const phone = device({ identity: 'alice', name: 'phone' })
    const laptop = device({ identity: 'alice', name: 'laptop' })
    await Promise.all([phone.client.getUser('alice'), laptop.client.getUser('alice')])
    network.partition([['phone'], ['laptop']])
    await phone.client.user.updateAttributes({ a: 1 })
    await laptop.client.user.updateAttributes({ b: 2 })
    network.heal()
    await network.settle()
    expect(phone.client.user.attributes).toEqual({ a: 1, b: 2 })
    expect(laptop.client.user.attributes).toEqual({ a: 1, b: 2 })
  })

  it('is durable, and there before the network is', async () => {
    const alice = device({ identity: 'alice' })
    await alice.client.user.updateFriendlyName('Alice')
    alice.crash()
    alice.client.disconnect()
    expect((await alice.client.getUser('alice')).friendlyName).toBe('Alice')
  })

  it('is changed by nobody else', async () => {
    const bob = device({ identity: 'bob' })
    const alice = await bob.client.getUser('alice')
    await expect(alice.updateFriendlyName('x')).rejects.toMatchObject({ code: 'denied' })
    await expect(alice.updateAttributes({})).rejects.toMatchObject({ code: 'denied' })
    expect([alice.friendlyName, alice.attributes]).toEqual([null, {}])
  })

  it('that does not change writes nothing and tells nothing', async () => {
    const alice = device({ identity: 'alice' })
    const user = await alice.client.getUser('alice')
    await user.updateFriendlyName('Alice')
    await user.updateAttributes({ a: [1] })
    const told = reasonsOf(user)
    let updates = 0
    const rows = alice.store as Map<string, Uint8Array[]>
    const before = [...rows.values()].flat().length
    await user.updateFriendlyName('Alice')
    await user.updateAttributes({ a: [1] })
    updates = [...rows.values()].flat().length - before
    expect({ told, updates }).toEqual({ told: [], updates: 0 })
  })

  it('has no name when the name is empty', async () => {
    const { client } = device({ identity: 'alice' })
    await client.user.updateFriendlyName('Alice')
    await client.user.updateFriendlyName('')
    expect(client.user.friendlyName).toBe(null)
  })

  it('is not notifiable, and subscribed until the client is closed', async () => {
    const alice = device({ identity: 'alice' })
    const { user } = alice.client
    expect([user.isNotifiable, user.isSubscribed]).toEqual([null, true])
    await alice.close()
    expect(user.isSubscribed).toBe(false)
    await expect(user.updateFriendlyName('x')).rejects.toMatchObject({ code: 'closed' })
  })

  it('can be asked for while it loads, and the client be closed meanwhile', async () => {
    const alice = device({
      identity: 'alice',
      persistence: () => ({
        whenLoaded: new Promise<never>(() => {}),
        flush: async () => {},
        destroy: async () => {},
      }),
    })
    const { client } = alice
    const asked = client.getUser('bob')
    const writing = client.user.updateFriendlyName('x')
    await alice.close()
    expect((await asked).isSubscribed).toBe(false)
    await expect(writing).rejects.toMatchObject({ code: 'closed' })
  })
})
