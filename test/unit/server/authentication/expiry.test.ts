import * as decoding from 'lib0/decoding'
import { describe, expect, it } from 'vitest'
import {
  type ExtensionMessage,
  encodeExtension,
  readExtension,
} from '../../../../src/base/wire/extension.ts'
import { MuxReader, MuxWriter } from '../../../../src/base/wire/mux-frames.ts'
import { type Authenticate, ConversationsError, jwt } from '../../../../src/server/index.ts'
import {
  rawClient,
  startServer,
  stockClient,
  syncMessage,
  until,
  updateOf,
  whenSynced,
} from '../support/clients.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { inSeconds, SECRET, signToken } from '../support/tokens.ts'

/** A server whose tokens are `identity:seconds`, the time from now for which they hold. */
async function start(judge?: Authenticate) {
  const time = fakeClock()
  const asked: (string | undefined)[] = []
  const server = await startServer({
    clock: time.clock,
    // Nobody answers a ping while time jumps.
    timings: { pingAfterMs: 1e12 },
    authenticate: (token, request) => {
      asked.push(token)
      if (judge && asked.length > 1) return judge(token, request)
      const [identity = '', seconds] = token?.split(':') ?? []
      if (identity === 'denied') throw new ConversationsError('denied', 'denied')
      if (identity === 'bad') throw new Error('bad')
      return { identity, expiresAtMs: time.clock.now() + Number(seconds) * 1_000 }
    },
  })
  /** Moves time on, and lets happen what then is to happen. */
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds * 2; i++) time.advance(500)
    await fetch(`http://127.0.0.1:${server.port}/health`)
  }
  return { ...server, time, asked, pass }
}

const newToken = (token: string) => encodeExtension({ type: 'token', token })

/** What it was told in messages of the extension. */
function told({ received }: { received: Uint8Array[] }): ExtensionMessage['type'][] {
  return received.filter(([type]) => type === 100).map(message => typeOf(message))
}

function typeOf(message: Uint8Array): ExtensionMessage['type'] {
  return readExtension(decoding.createDecoder(message.subarray(1)))?.type as never
}

describe('a token that expires', () => {
  it('ends the connection of a client that knows no better', async () => {
    const { url, pass } = await start()
    const client = await rawClient(url, 'room?token=alice:60')
    await client.settle()
    await pass(59)
    expect(client.socket.readyState).toBe(client.socket.OPEN)
    await pass(5)
    expect(await client.closed).toEqual({ code: 4401, reason: 'token expired' })
    expect(told(client)).toEqual([])
  })

  it('is the end of what is heard, also of a client that does not confirm it', async () => {
    const { url, pass } = await start()
    const client = await rawClient(url, 'room?token=alice:60')
    const other = await rawClient(url, 'room?token=alice:600')
    await client.settle()
    client.socket.pause()
    await pass(65)
    const late = updateOf(doc => doc.getMap('map').set('late', 1))
    client.send(syncMessage(2, late))
    // The confirmation goes after it.
    client.socket.resume()
    expect(await client.closed).toMatchObject({ code: 4401 })
    await other.settle()
    expect(other.updates()).not.toContainEqual(late)
  })

  it('ends that of an unmodified y-websocket client, for good', async () => {
    const { url } = await startServer({
      authenticate: jwt({ secret: SECRET }, { clockToleranceS: 0 }),
      timings: { sweepMs: 20 },
    })
    const token = await signToken({ exp: inSeconds(3) })
    const client = stockClient(url, 'room', undefined, false, { token })
    await whenSynced(client)
    const closed = await new Promise(resolve => {
      client.provider.on('connection-close', event => resolve(event))
    })
    expect(closed).toMatchObject({ code: 4401, reason: 'token expired' })
    expect(client.provider.shouldConnect).toBe(false)
  })

  it('is asked for again, and the connection goes on with another of the same identity', async () => {
    const { url, pass, asked } = await start()
    const client = await rawClient(url, 'room?extension=1&token=alice:120')
    await client.settle()
    await pass(88)
    expect(told(client)).toEqual(['hello'])
    await pass(5)
    await until(() => expect(told(client)).toEqual(['hello', 'token-wanted']))
    client.send(newToken('alice:300'))
    await client.settle()
    // No more is asked for, and no more is taken.
    client.send(newToken('bad'))
    await client.settle()
    expect(asked).toEqual(['alice:120', 'alice:300'])
    await pass(260)
    await client.settle()
    expect(told(client)).toEqual(['hello', 'token-wanted'])
    await pass(15)
    await until(() => expect(told(client)).toHaveLength(3))
    await pass(40)
    expect(await client.closed).toEqual({ code: 4401, reason: 'token expired' })
  })

  it('soon is asked for when half of its time is over', async () => {
    const { url, pass } = await start()
    const client = await rawClient(url, 'room?extension=1&token=alice:20')
    await client.settle()
    await pass(9)
    expect(told(client)).toEqual(['hello'])
    await pass(4)
    await until(() => expect(told(client)).toEqual(['hello', 'token-wanted']))
  })

  it.each([
    ['another identity', 'bob:300', { code: 4403, reason: 'token of another identity' }],
    ['what is not accepted', 'bad', { code: 4401, reason: 'the token is not accepted' }],
    ['what is expired', 'alice:-1', { code: 4401, reason: 'token expired' }],
    ['somebody who is denied', 'denied:9', { code: 4403, reason: 'denied' }],
    ['nothing', '', { code: 4401, reason: 'the token names no usable identity' }],
    ['too much', 'x'.repeat(20_000), { code: 4401, reason: 'token too long' }],
  ])('is not replaced by that of %s', async (_what, token, expected) => {
    const { url, pass } = await start()
    const client = await rawClient(url, 'room?extension=1&token=alice:60')
    await client.settle()
    await pass(35)
    await until(() => expect(told(client)).toContain('token-wanted'))
    client.send(newToken(token))
    expect(await client.closed).toEqual(expected)
  })

  it('is asked for again when whoever could say is away', async () => {
    let isAway = true
    const { url, pass, asked } = await start(() => {
      if (isAway) throw new ConversationsError('transport', 'away')
      return { identity: 'alice' }
    })
    const client = await rawClient(url, 'room?extension=1&token=alice:60')
    await client.settle()
    await pass(35)
    await until(() => expect(told(client)).toHaveLength(2))
    client.send(newToken('next'))
    await until(() => expect(asked).toHaveLength(2))
    await client.settle()
    isAway = false
    await pass(3)
    await until(() => expect(told(client)).toHaveLength(3))
    client.send(newToken('next'))
    await until(() => expect(asked).toHaveLength(3))
    await client.settle()
    await pass(100)
    await client.settle()
    expect(client.socket.readyState).toBe(client.socket.OPEN)
  })

  it('that came in time counts, though it is judged later, and but one at a time', async () => {
    let answer = () => {}
    const { url, pass, asked } = await start(
      () =>
        new Promise(resolve => {
          answer = () => resolve({ identity: 'alice' })
        }),
    )
    const client = await rawClient(url, 'room?extension=1&token=alice:20')
    await client.settle()
    await pass(15)
    await until(() => expect(told(client)).toContain('token-wanted'))
    client.send(newToken('next'), newToken('next'), newToken('next'))
    await client.settle()
    await pass(6)
    await client.settle()
    answer()
    await pass(60)
    await client.settle()
    expect(asked).toEqual(['alice:20', 'next'])
    expect(client.socket.readyState).toBe(client.socket.OPEN)
  })

  it('is one for all rooms of a multiplexed socket', async () => {
    const { url, pass, asked } = await start()
    const client = await rawClient(url, 'mux?token=alice:60')
    const send = (write: (writer: MuxWriter) => void) => {
      const writer = new MuxWriter(
        message => client.socket.send(message),
        flush => queueMicrotask(flush),
      )
      write(writer)
    }
    const seen = () =>
      client.received
        .flatMap(message => [...new MuxReader(2 ** 20).read(message)])
        .filter(frame => frame.op === 'data' && frame.channel === 0)
        .map(frame => typeOf((frame as { data: Uint8Array }).data))
    send(writer => writer.open(1, '/room'))
    send(writer => writer.open(2, '/other'))
    await pass(35)
    await until(() => expect(seen()).toEqual(['hello', 'token-wanted']))
    send(writer => writer.data(0, newToken('alice:100')))
    await until(() => expect(asked).toEqual(['alice:60', 'alice:100']))
    await pass(60)
    expect(client.socket.readyState).toBe(client.socket.OPEN)
    await pass(60)
    expect(await client.closed).toEqual({ code: 4401, reason: 'token expired' })
  })

  it('far away is no reason to do anything', async () => {
    const { url, pass } = await start()
    const years = 10 * 365 * 24 * 3_600
    const client = await rawClient(url, `room?extension=1&token=alice:${years}`)
    await pass(100)
    await client.settle()
    expect(told(client)).toEqual(['hello'])
  })
})
