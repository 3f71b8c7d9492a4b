import { describe, expect, it } from 'vitest'
import { Acknowledgements } from '../../../src/server/acknowledgements.ts'
import { rawClient, startServer, syncMessage, until, updateOf } from './support/clients.ts'
import { muxClient } from './support/mux-client.ts'
import { gatedLog } from './support/storage.ts'

const microtasks = () => new Promise<void>(resolve => setImmediate(resolve))

function start() {
  const told: number[] = []
  return { told, acknowledgements: new Acknowledgements(count => told.push(count)) }
}

describe('the count', () => {
  it('is of what arrived before the oldest that waits', async () => {
    const { told, acknowledgements } = start()
    const arrive = (isNews: boolean) => {
      acknowledgements.receive()
      if (isNews) acknowledgements.wait()
    }
    arrive(false)
    await microtasks()
    expect(told).toEqual([1])
    for (const isNews of [true, false, true, false]) arrive(isNews)
    await microtasks()
    expect(told).toEqual([1])
    acknowledgements.settle()
    await microtasks()
    expect(told).toEqual([1, 3])
    acknowledgements.settle()
    await microtasks()
    expect(told).toEqual([1, 3, 5])
  })

  it('is told once for what is stored together', async () => {
    const { told, acknowledgements } = start()
    for (let i = 0; i < 100; i++) {
      acknowledgements.receive()
      acknowledgements.wait()
    }
    for (let i = 0; i < 100; i++) acknowledgements.settle()
    await microtasks()
    expect(told).toEqual([100])
  })
})

const update = (key: string) =>
  syncMessage(
    2,
    updateOf(doc => doc.getMap('map').set(key, 1)),
  )
const HELLO = new Uint8Array([100, 0, 2, 123, 125])
const isSaved = ([type, kind]: Uint8Array) => type === 100 && kind === 1

describe('a connection', () => {
  it('that asks for the extension is greeted before anything else, others never', async () => {
    const { url } = await startServer()
    const [asking, plain] = [await rawClient(url, 'r?extension=1'), await rawClient(url, 'r')]
    await asking.settle()
    await plain.settle()
    plain.send(update('a'))
    await plain.settle()
    expect(asking.received[0]).toEqual(HELLO)
    expect(plain.received.filter(([type]) => type === 100)).toEqual([])
  })

  it('is told what is durable when it is, once for each commit', async () => {
    const log = gatedLog()
    const { url } = await startServer({ storage: log.log })
    const client = await rawClient(url, 'room?extension=1')
    await client.settle()
    const saved = () => client.received.filter(isSaved).map(message => message[2])
    log.shut()
    client.send(update('a'))
    await until(() => expect(log.appends).toHaveLength(1))
    // Known to nobody yet, and sent again; and nothing at all.
    const known = update('b')
    client.send(known, known, syncMessage(1, new Uint8Array([0, 0])))
    await client.settle()
    expect(saved()).toEqual([])
    log.open()
    await until(() => expect(saved()).toEqual([1, 4]))
    // What is known by now counts at once.
    client.send(known)
    await until(() => expect(saved()).toEqual([1, 4, 5]))
  })

  it('is told nothing of what cannot be stored', async () => {
    const log = gatedLog()
    const { url } = await startServer({ storage: log.log })
    const client = await rawClient(url, 'room?extension=1')
    await client.settle()
    log.isFull = true
    client.send(update('a'))
    expect(await client.closed).toMatchObject({ code: 1011 })
    expect(client.received.filter(isSaved)).toEqual([])
  })

  it('counts for each channel of a socket apart', async () => {
    const { url } = await startServer()
    const client = await muxClient(url)
    client.writer.open(1, '/a')
    client.writer.open(2, '/b')
    for (const key of ['a', 'b', 'c']) client.writer.data(1, update(key))
    client.writer.data(2, update('a'))
    const last = (channel: number) => client.received(channel).filter(isSaved).at(-1)?.[2]
    await until(() => expect([last(1), last(2)]).toEqual([3, 1]))
    expect(client.received(1).some(message => message[0] === 100 && message[1] === 0)).toBe(false)
  })
})
