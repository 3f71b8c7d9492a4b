import { describe, expect, it } from 'vitest'
import { participantSid } from '../../../../src/base/ids.ts'
import { memoryLog } from '../../../../src/server/index.ts'
import { SID } from '../support/chat.ts'
import { startServer, until } from '../support/clients.ts'
import { SharedEngine } from '../support/shared-log.ts'
import { gatedLog } from '../support/storage.ts'
import { Organiser, recordingHooks } from './support.ts'

const summary = { sid: SID, uniqueName: 'team', friendlyName: 'The team' }

describe('the hooks for a conversation and its participants', () => {
  it('are called in order, with frozen plain objects', async () => {
    const { hooks, calls } = recordingHooks()
    const { url } = await startServer({ hooks })
    const olga = new Organiser()
    await olga.connect(url)
    const told = (count: number) => until(() => expect(calls).toHaveLength(count))
    olga.create()
    await told(1)
    olga.add('olga', { colour: 'red' })
    await told(2)
    olga.add('@sms:+1555', {}, '+1555')
    await told(3)
    const entry = olga.document.entry('olga')
    olga.document.transact(() => olga.document.setRole(entry, 'RL1', 5_000))
    await told(4)
    olga.document.transact(() => olga.document.setParticipantAttributes(entry, { a: 1 }, 5_001))
    await told(5)
    olga.remove('@sms:+1555')
    await told(6)

    const person = {
      sid: participantSid(SID, 'olga'),
      identity: 'olga',
      type: 'chat',
      bindings: {},
      attributes: { colour: 'red' },
      roleSid: '',
    }
    const phone = {
      sid: participantSid(SID, '@sms:+1555'),
      identity: null,
      type: 'sms',
      bindings: { sms: { address: '+1555', proxyAddress: '+4930' } },
      attributes: {},
      roleSid: '',
    }
    expect(calls).toEqual([
      ['onConversationCreated', summary],
      ['onParticipantJoined', person, summary],
      ['onParticipantJoined', phone, summary],
      ['onParticipantUpdated', { ...person, roleSid: 'RL1' }, summary],
      ['onParticipantUpdated', { ...person, roleSid: 'RL1', attributes: { a: 1 } }, summary],
      ['onParticipantLeft', phone, summary],
    ])
    for (const [, ...args] of calls) {
      for (const arg of args) expect(Object.isFrozen(arg)).toBe(true)
    }
  })

  it('are not called for what was there before, nor for reading on', async () => {
    const storage = Object.assign(memoryLog(), { close: async () => {} })
    const first = await startServer({ storage })
    const olga = new Organiser()
    const client = await olga.connect(first.url)
    olga.create()
    olga.add('olga')
    await until(async () => expect((await storage.read(SID)).updates).not.toEqual([]))
    client.provider.destroy()
    await first.close()

    const { hooks, calls } = recordingHooks()
    const { url } = await startServer({ hooks, storage })
    await olga.connect(url)
    const reach = { index: 3, others: undefined, tail: undefined } as never
    olga.document.advanceHorizon(olga.document.entry('olga'), reach, 9_000)
    olga.document.transact(() => olga.document.writeHorizon(olga.document.entry('olga')))
    olga.add('bob')
    await until(() => expect(calls).toHaveLength(1))
    expect(calls[0]?.slice(0, 2)).toEqual([
      'onParticipantJoined',
      expect.objectContaining({ identity: 'bob' }),
    ])
  })

  it('are not called before it is durable', async () => {
    const storage = gatedLog()
    const { hooks, calls } = recordingHooks()
    const { url } = await startServer({ hooks, storage: storage.log })
    const olga = new Organiser()
    await olga.connect(url)
    storage.shut()
    olga.create()
    await until(() => expect(storage.appends).toHaveLength(1))
    await new Promise(resolve => setImmediate(resolve))
    expect(calls).toEqual([])
    storage.open()
    await until(() => expect(calls).toHaveLength(1))
  })

  it('are called by one of the servers that share a storage', async () => {
    const engine = new SharedEngine()
    const recorders = [recordingHooks(), recordingHooks()]
    const servers = await Promise.all(
      recorders.map(({ hooks }) => startServer({ hooks, storage: engine.open() })),
    )
    const [olga, otto] = [new Organiser(), new Organiser()]
    await olga.connect(servers[0]?.url as string)
    await otto.connect(servers[1]?.url as string)
    olga.create()
    await until(() => expect(otto.document.creation).toBeDefined())
    olga.add('olga')
    otto.add('otto')
    await until(() => {
      for (const { document } of [olga, otto]) {
        expect([...document.entries.keys()].sort()).toEqual(['olga', 'otto'])
      }
    })
    await until(() => expect(recorders.flatMap(({ calls }) => calls)).toHaveLength(3))
    const joined = recorders.map(({ of }) =>
      of('onParticipantJoined').map(([, who]) => (who as { identity: string }).identity),
    )
    expect(joined).toEqual([['olga'], ['otto']])
    expect(recorders[1]?.of('onConversationCreated')).toEqual([])
  })
})
