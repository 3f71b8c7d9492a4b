import { describe, expect, it } from 'vitest'
import { chat, heard, type Person } from '../../support/chat.ts'

const stateOf = async (person: Person) =>
  (await person.messages()).map(({ index, body, deliveryState }) => [index, body, deliveryState])

describe('a peer that gives final indices', () => {
  it('gives them to all, dense and in one order', async () => {
    const { alice, bob, carol, network } = await chat({
      alice: {},
      bob: { sequencer: true },
      carol: {},
    })
    const sending = [alice, bob, carol].flatMap(one =>
      ['1', '2', '3'].map(n => one.send(one.device.name + n)),
    )
    await network.settle()
    const indices = await Promise.all(sending)
    expect(indices.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    const state = await stateOf(alice)
    expect(state.map(([index]) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(state.every(([, , delivery]) => delivery === 'sent')).toBe(true)
    for (const one of [bob, carol]) expect(await stateOf(one)).toEqual(state)
  })

  it('leaves others with pending messages while it is away, and takes them up when it is back', async () => {
    const { alice, bob, carol, network } = await chat({
      alice: {},
      bob: { sequencer: true },
      carol: {},
    })
    const first = alice.send('a0')
    await network.settle()
    expect(await first).toBe(0)
    await bob.device.close()
    const sending = Promise.all([alice.send('a1'), carol.send('c1')])
    await network.settle()
    for (const { device } of [alice, carol]) device.clock.advance(5000)
    expect((await sending).toSorted()).toEqual([1, 2])
    expect((await stateOf(alice)).map(([, , delivery]) => delivery)).toEqual([
      'sent',
      'pending',
      'pending',
    ])
    await bob.open()
    await network.settle()
    const state = await stateOf(alice)
    expect(state.map(([index, , delivery]) => [index, delivery])).toEqual([
      [0, 'sent'],
      [1, 'sent'],
      [2, 'sent'],
    ])
    expect(state[0]?.[1]).toBe('a0')
    for (const one of [bob, carol]) expect(await stateOf(one)).toEqual(state)
    // Who was told that nobody is there waits for an index again.
    const last = alice.send('a2')
    await network.settle()
    expect(await last).toBe(3)
    expect((await alice.find('a2')).deliveryState).toBe('sent')
  })

  it('goes on from its storage after a crash at any time, and moves no index', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    const final = new Map<string, number>()
    const witness = ({ sid, index, deliveryState }: Awaited<ReturnType<Person['find']>>) => {
      if (deliveryState !== 'sent') return
      expect(final.get(sid) ?? index).toBe(index)
      final.set(sid, index)
    }
    alice.conversation.on('messageUpdated', ({ message }) => witness(message))
    for (let round = 0; round < 20; round++) {
      void alice.send(`a${round}`)
      void bob.send(`b${round}`)
      // Somewhere between its steps.
      for (let turn = 0; turn < round; turn++) await null
      await bob.restart()
      if (round % 4 === 0) await network.settle()
    }
    await network.settle()
    const state = await stateOf(alice)
    expect(state.map(([index]) => index)).toEqual(state.map((_, i) => i))
    expect(state.every(([, , delivery]) => delivery === 'sent')).toBe(true)
    expect(state.filter(([, body]) => String(body).startsWith('a')).length).toBe(20)
    expect(new Set(state.map(([, body]) => body)).size).toBe(state.length)
    expect(await stateOf(bob)).toEqual(state)
    for (const message of await alice.messages()) witness(message)
  })

  it('goes on while it is cut off, and those who write elsewhere come behind', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    const first = alice.send('zero')
    await network.settle()
    await first
    network.partition([['alice'], ['bob']])
    expect(await alice.send('a')).toBe(1)
    expect(await bob.send('b')).toBe(1)
    expect((await bob.find('b')).deliveryState).toBe('sent')
    expect((await alice.find('a')).deliveryState).toBe('pending')
    network.heal()
    await network.settle()
    for (const one of [alice, bob]) {
      expect(await stateOf(one)).toEqual([
        [0, 'zero', 'sent'],
        [1, 'b', 'sent'],
        [2, 'a', 'sent'],
      ])
    }
  })

  it('that starts offline gives none before it has met somebody, and its own app does not wait', async () => {
    const { bob, alice, network } = await chat({ alice: {}, bob: { sequencer: true } })
    const first = alice.send('zero')
    await network.settle()
    await first
    await bob.device.close()
    bob.device.client.disconnect()
    await bob.open()
    expect(await bob.send('one')).toBe(1)
    expect((await bob.find('one')).deliveryState).toBe('pending')
    bob.device.client.connect()
    await network.settle()
    expect((await bob.find('one')).deliveryState).toBe('sent')
  })

  it('alone, with no network at all, gives them at once', async () => {
    const { bob } = await chat({ bob: { sequencer: true, transport: null } })
    const log = heard(bob)
    expect(await bob.send('one')).toBe(0)
    expect((await bob.find('one')).deliveryState).toBe('sent')
    expect(log.filter(line => line.startsWith('updated'))).toEqual(['updated one: deliveryState'])
    await bob.restart()
    expect(await bob.send('two')).toBe(1)
    expect(await stateOf(bob)).toEqual([
      [0, 'one', 'sent'],
      [1, 'two', 'sent'],
    ])
  })

  it('may leave and come back as a participant', async () => {
    const { alice, bob, network } = await chat({ alice: {}, bob: { sequencer: true } })
    await bob.conversation.leave()
    const sending = alice.send('one')
    await network.settle()
    expect(await sending).toBe(0)
    await bob.conversation.join()
    const own = bob.send('two')
    await network.settle()
    expect(await own).toBe(1)
    expect(await alice.bodies()).toEqual(['one', 'two'])
  })

  it('is one of several options that must be the same each time', async () => {
    const { alice } = await chat({ alice: { sequencer: true } })
    const { client } = alice.device
    await expect(client.openConversation('room', { sequencer: false })).rejects.toThrow(
      'open with another sequencer',
    )
    await expect(
      client.openConversation('other', { sequencer: 'yes' as unknown as boolean }),
    ).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  it('leaves two client ids in the outboxes, however many sessions it has', async () => {
    const { alice, network } = await chat({ alice: { sequencer: true } })
    for (let session = 0; session < 10; session++) {
      const sending = alice.send(`${session}`)
      await network.settle()
      expect(await sending).toBe(session)
      await alice.device.close()
      await alice.open()
      await network.settle()
    }
    const doc = alice.device.doc(`${alice.conversation.sid}/o`)
    expect(doc.store.clients.size).toBe(2)
    const structs = [...doc.store.clients.values()].reduce((sum, list) => sum + list.length, 0)
    expect(structs).toBeLessThanOrEqual(6)
  })
})
