import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { jwt, type ServerOptions } from '../../../../src/server/index.ts'
import { Allowance } from '../../../../src/server/limits/allowance.ts'
import { Occupancy } from '../../../../src/server/limits/occupancy.ts'
import { Reading } from '../../../../src/server/limits/reading.ts'
import { defaultLimits } from '../../../../src/server/options.ts'
import {
  awarenessMessage,
  type RawClient,
  rawClient,
  startServer,
  syncMessage,
  until,
  updateOf,
} from '../support/clients.ts'
import { fakeClock } from '../support/fake-clock.ts'

/** Everybody is who they say; without limits of addresses that are in the way. */
const authenticate: ServerOptions['authenticate'] = token => ({ identity: token ?? 'nobody' })

/** Resolves as soon as one of such clients is let in. */
const untilAdmitted = (connect: () => Promise<RawClient>) =>
  until(async () => {
    const client = await connect()
    const refused = client.closed.then(({ code }) =>
      Promise.reject(new Error(`closed with ${code}`)),
    )
    await Promise.race([client.settle(), refused])
  })

const tooMany = { code: 1013, reason: 'too many connections' }

describe('connections', () => {
  it('of one identity are so many at most, and as soon as one ends there may be another', async () => {
    const limits = { maxConnectionsPerIdentity: 2 }
    const { url, metrics } = await startServer({ authenticate, limits })
    const first = await rawClient(url, 'a?token=alice')
    const second = await rawClient(url, 'mux?token=alice')
    await first.settle()
    expect(await (await rawClient(url, 'c?token=alice')).closed).toEqual(tooMany)
    await (await rawClient(url, 'c?token=bob')).settle()
    expect(metrics()).toContain('turned_away_total{reason="limit"} 1')
    second.socket.close()
    await untilAdmitted(() => rawClient(url, 'c?token=alice'))
  })

  it('of one address are so many at most, also of those whose token is bad', async () => {
    const time = fakeClock()
    const { url } = await startServer({
      behindProxy: true,
      limits: { maxConnectionsPerAddress: 2 },
      clock: time.clock,
      authenticate: token => (token ? { identity: token } : new Promise(() => {})),
    })
    const from = (address: string, path: string) =>
      rawClient(url, path, { headers: { 'x-forwarded-for': address } })
    const pending = await from('203.0.113.1', 'room')
    await (await from('203.0.113.1', 'room?token=alice')).settle()
    expect(await (await from('203.0.113.1', 'room?token=bob')).closed).toEqual(tooMany)
    await (await from('203.0.113.2', 'room?token=bob')).settle()
    time.advance(10_000)
    await pending.closed
    await untilAdmitted(() => from('203.0.113.1', 'room?token=bob'))
  })

  it('of one address are made no faster than at a rate', async () => {
    const time = fakeClock()
    const limits = { connectionsPerSecond: 1, burstSeconds: 2 }
    const { url } = await startServer({ clock: time.clock, limits })
    await rawClient(url, 'room')
    await rawClient(url, 'room')
    await expect(rawClient(url, 'room')).rejects.toThrow('429')
    time.advance(1_000)
    await rawClient(url, 'room')
    await expect(rawClient(url, 'room')).rejects.toThrow('429')
  })

  it('and rates of those who are gone are forgotten as soon as that gains them nothing', () => {
    const time = fakeClock()
    const places = new Occupancy(1, () => new Allowance(time.clock, defaultLimits))
    const place = places.enter('alice')
    place?.shared.spend(new Uint8Array(1_000))
    expect(places.enter('alice')).toBeUndefined()
    place?.leave()
    place?.leave()
    places.sweep()
    expect(places.size, 'what it has spent counts when it comes back').toBe(1)
    expect(places.enter('alice')?.shared).toBe(place?.shared)
    expect(places.enter('alice'), 'leaving twice is leaving once').toBeUndefined()
    time.advance(10_000)
    places.sweep()
    expect(places.size).toBe(1)
    const other = places.enter('bob')
    other?.leave()
    places.sweep()
    expect(places.size).toBe(1)
  })
})

/** Of the map, as far as a client has heard. */
function keysOf(client: RawClient): string[] {
  const doc = new Y.Doc()
  for (const update of client.updates()) Y.applyUpdate(doc, update)
  return [...doc.getMap('m').keys()]
}

describe('a client that sends faster than it may', () => {
  const update = (key: number) =>
    syncMessage(
      2,
      updateOf(doc => doc.getMap('m').set(`${key}`, 1), key),
    )

  it('is not read from until the time for it has come, and loses nothing', async () => {
    const time = fakeClock()
    const { url, metrics } = await startServer({
      authenticate,
      clock: time.clock,
      limits: { updatesPerSecond: 10, burstSeconds: 1 },
    })
    const reader = await rawClient(url, 'room?token=bob')
    await reader.settle()
    const writer = await rawClient(url, 'room?token=alice')
    for (let i = 1; i <= 40; i++) writer.send(update(i))
    await until(() => expect(metrics()).toContain('rate_pauses_total 1'))
    // All that was on its way is here; what comes now is not read.
    const late = updateOf(doc => doc.getMap('m').set('late', 1))
    await until(() => expect(reader.updates().length).toBeGreaterThan(1))
    writer.send(syncMessage(2, late))
    await reader.settle()
    expect(keysOf(reader)).not.toContain('late')
    // Another socket of the same identity shares it, and another identity does not.
    const other = await rawClient(url, 'other?token=carol')
    await other.settle()
    const same = await rawClient(url, 'other?token=alice')
    await until(() => expect(same.received.length).toBeGreaterThan(0))
    same.send(update(1), update(2))
    await until(() => expect(metrics()).toContain('rate_pauses_total 2'))
    await until(() => {
      time.advance(1_000)
      expect(keysOf(reader)).toContain('late')
    })
    for (let i = 1; i <= 40; i++) expect(keysOf(reader)).toContain(`${i}`)
  })

  it.each([
    ['awareness messages', { awarenessPerSecond: 1 }, () => awarenessMessage([1, 1, {}])],
    ['questions', { updatesPerSecond: 1 }, () => syncMessage(0, new Uint8Array([0]))],
    ['bytes', { bytesPerSecond: 20 }, () => update(1)],
  ])('is held back by %s', async (_what, limits, message) => {
    const { url, metrics } = await startServer({
      authenticate,
      clock: fakeClock().clock,
      limits: { ...limits, burstSeconds: 1 },
    })
    const client = await rawClient(url, 'room?token=alice')
    client.send(message(), message(), message())
    await until(() => expect(metrics()).toContain('rate_pauses_total 1'))
  })

  it('is held back by itself where nobody is authenticated', async () => {
    const clock = fakeClock().clock
    const limits = { updatesPerSecond: 2, burstSeconds: 1 }
    const { url, metrics } = await startServer({ clock, limits })
    for (let i = 0; i < 3; i++) await (await rawClient(url, 'room')).settle()
    expect(metrics()).toContain('rate_pauses_total 0')
  })

  it('is not taken for dead meanwhile', async () => {
    const time = fakeClock()
    const { url, metrics } = await startServer({
      authenticate,
      clock: time.clock,
      limits: { updatesPerSecond: 1, burstSeconds: 1 },
    })
    const client = await rawClient(url, 'room?token=alice')
    for (let i = 1; i <= 60; i++) client.send(update(i))
    await until(() => expect(metrics()).toContain('rate_pauses_total 1'))
    for (let i = 0; i < 16; i++) time.advance(2_500)
    await fetch(`${url.replace('ws', 'http')}/health`)
    expect(client.socket.readyState).toBe(client.socket.OPEN)
  })
})

describe('reading', () => {
  function start() {
    const time = fakeClock()
    const calls: string[] = []
    const socket = { pause: () => calls.push('pause'), resume: () => calls.push('resume') }
    const limits = { ...defaultLimits, updatesPerSecond: 1, burstSeconds: 1 }
    const allowance = new Allowance(time.clock, limits)
    const reading = new Reading(socket as never, time.clock, allowance)
    return { time, calls, reading, allowance }
  }

  it('goes on when the last reason against it is gone', () => {
    const { calls, reading, time } = start()
    reading.pause('uncommitted')
    reading.resume('not-started')
    expect(calls).toEqual(['pause'])
    reading.resume('uncommitted')
    expect(calls).toEqual(['pause', 'resume'])
    expect(reading.spend(new Uint8Array(1))).toBe(false)
    expect(reading.spend(new Uint8Array(1))).toBe(true)
    reading.pause('uncommitted')
    time.advance(1_000)
    expect(calls).toEqual(['pause', 'resume', 'pause'])
    reading.resume('uncommitted')
    expect(calls).toEqual(['pause', 'resume', 'pause', 'resume'])
  })

  it('waits on when another socket has spent what it waited for', () => {
    const { calls, reading, time, allowance } = start()
    reading.resume('not-started')
    for (let i = 0; i < 2; i++) reading.spend(new Uint8Array(1))
    for (let i = 0; i < 3; i++) allowance.spend(new Uint8Array(1))
    time.advance(3_999)
    expect(calls).toEqual(['pause', 'resume', 'pause'])
    time.advance(1)
    expect(calls).toEqual(['pause', 'resume', 'pause', 'resume'])
  })

  it('that has ended leaves no timer', () => {
    const { reading, time } = start()
    for (let i = 0; i < 5; i++) reading.spend(new Uint8Array(1))
    expect(time.timerCount).toBe(1)
    reading.end()
    expect(time.timerCount).toBe(0)
  })
})

describe('a client that never says what it wants', () => {
  it.each([
    ['says nothing', ''],
    ['begins a request', 'GET /room HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'],
  ])('is cut off: it %s', async (_what, bytes) => {
    const { port, url } = await startServer({ timings: { headersWithinMs: 100 } })
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const [closed] = [once(socket, 'close'), socket.resume(), socket.write(bytes)]
    await closed
    await (await rawClient(url, 'room')).settle()
  })
})

it('a token that is looked at is no place for an identity', async () => {
  // Thousands of bad tokens leave nothing behind.
  const judge = jwt({ secret: 'x'.repeat(32) })
  const { url, health } = await startServer({ authenticate: judge })
  await Promise.all(
    Array.from({ length: 50 }, async (_, i) => (await rawClient(url, `room?token=${i}`)).closed),
  )
  expect(health()).toMatchObject({ rooms: 0, connections: 0 })
})
