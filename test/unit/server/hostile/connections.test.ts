import { connect } from 'node:net'
import * as encoding from 'lib0/encoding'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import { encodeExtension } from '../../../../src/base/wire/extension.ts'
import { awarenessMessage, syncMessage } from '../support/clients.ts'
import { forgeToken, inSeconds, SECRET, signToken } from '../support/tokens.ts'
import { dial, openWorld, type World } from './world.ts'

let world: World
let baseline: number
beforeAll(async () => {
  world = await openWorld()
  baseline = await world.memory()
}, 60_000)
afterAll(() => world.close())

/** Nothing was changed by it, and everybody goes on. */
async function unharmed(attack: () => Promise<void>): Promise<void> {
  const before = await world.read()
  await attack()
  expect(await world.read()).toEqual(before)
  await world.goesOn()
}

const soon = { timeout: 10_000, interval: 10 }
const mallory = () => signToken({ sub: 'mallory' })

describe('a token', () => {
  const tokens: Record<string, () => string | undefined | Promise<string>> = {
    'that is not there': () => undefined,
    'that is none': () => 'x.y.z',
    'that has expired': () => signToken({ sub: 'alice', exp: inSeconds(-60) }),
    'that is not good yet': () => signToken({ sub: 'alice', nbf: inSeconds(60) }),
    'of another key': () => signToken({ sub: 'alice' }, `${SECRET} of somebody else`),
    'of no algorithm': () => forgeToken({ alg: 'none' }),
    'of no algorithm in capitals': () => forgeToken({ alg: 'NONE', typ: 'JWT' }),
    'of another algorithm': () => forgeToken({ alg: 'RS256' }, 'AAAA'),
    'without an identity': () => signToken({ sub: '' }),
    'that is very long': () => 'x'.repeat(12_000),
  }
  for (const [name, token] of Object.entries(tokens)) {
    it(`${name} opens no room, alone or with many over one socket`, async () => {
      for (const path of [world.sid, 'mux']) {
        const { closed } = await dial(world.url, path, await token())
        const { code, reason } = await closed
        expect([4401, 1006]).toContain(code)
        if (code === 4401) expect(reason).not.toBe('')
      }
    })
  }

  it('of somebody else does not come with the path', async () => {
    const token = await signToken({ sub: 'alice' })
    const { closed } = await dial(world.url, `${world.sid}/${token}`)
    expect(await closed).toMatchObject({ code: 4401 })
  })
})

describe('who is no participant', () => {
  it('reads nothing of a conversation', async () => {
    await unharmed(async () => {
      for (const part of ['', '/o', '/m/0', '/m/1']) {
        const eve = await dial(world.url, `${world.sid}${part}`, await signToken({ sub: 'eve' }))
        eve.send(syncMessage(0, new Uint8Array([0])), syncMessage(2, new Uint8Array([0, 0])))
        expect(await eve.closed).toMatchObject({
          code: 4403,
          reason: expect.stringContaining('participant'),
        })
        expect(eve.received).toEqual([])
      }
    })
  })

  it('finds no other way to its documents', async () => {
    await unharmed(async () => {
      for (const room of [
        world.sid.toLowerCase(),
        `${world.sid}%2Fo`,
        `${world.sid}/O`,
        `${world.sid}/o/`,
        `/${world.sid}`,
        `${world.sid}/m/00`,
        `${world.sid}/m/-1`,
        `x/../${world.sid}`,
        `${world.sid}%00`,
        '%ff',
        '%01server',
        '%01nodes',
        'mux/x',
        'any-room',
        'x'.repeat(600),
      ]) {
        const { closed, received } = await dial(world.url, room, await signToken({ sub: 'eve' }))
        const { code, reason } = await closed
        expect([4400, 4403], room).toContain(code)
        expect(reason).not.toBe('')
        expect(received).toEqual([])
      }
    })
  })
})

describe('awareness', () => {
  it('of somebody else is refused', async () => {
    const attacker = await dial(world.url, world.sid, await mallory())
    attacker.send(awarenessMessage([77, 1, { identity: 'alice', typing: 1 }]))
    expect(await attacker.closed).toMatchObject({
      code: 4403,
      reason: expect.stringContaining('else'),
    })
    await world.goesOn()
  })

  it('of the very client of somebody else counts for nothing', async () => {
    const seen: string[] = []
    world.alice.on('participantOffline', ({ identity }) => seen.push(String(identity)))
    const attacker = await dial(world.url, world.sid, await mallory())
    await vi.waitFor(() => expect(attacker.received.some(data => data[0] === 1)).toBe(true), soon)
    const states = attacker.received.filter(data => data[0] === 1)
    // Everything it was told, with greater clocks and as gone.
    for (const clientId of clientIdsOf(states)) {
      attacker.send(awarenessMessage([clientId, 1e9, null]))
    }
    await world.goesOn()
    expect(seen).toEqual([])
    attacker.socket.terminate()
  })

  const messages: Record<string, () => Uint8Array> = {
    'that is too large': () => awarenessMessage([77, 1, { x: 'y'.repeat(20_000) }]),
    'that claims a thousand million states': () =>
      encoding.encode(encoder => {
        encoding.writeVarUint(encoder, 1)
        encoding.writeVarUint8Array(
          encoder,
          encoding.encode(inner => encoding.writeVarUint(inner, 1e9)),
        )
      }),
    'that is no JSON': () => new Uint8Array([1, 6, 1, 77, 1, 2, 123, 123]),
    'with something behind it': () => new Uint8Array([...awarenessMessage([77, 1, {}]), 0]),
  }
  for (const [name, message] of Object.entries(messages)) {
    it(`${name} ends the connection with a reason`, async () => {
      const attacker = await dial(world.url, world.sid, await mallory())
      attacker.send(message())
      const { code, reason } = await attacker.closed
      expect([4400, 4413]).toContain(code)
      expect(reason).not.toBe('')
      await world.goesOn()
    })
  }
})

describe('a message', () => {
  const messages: Record<string, () => Uint8Array | string> = {
    'of no bytes': () => new Uint8Array(),
    'of an unknown type': () => new Uint8Array([42]),
    'of an unknown step': () => new Uint8Array([0, 9, 0]),
    'that ends in the middle': () => new Uint8Array([0, 2, 200, 1]),
    'that is longer than it says': () => new Uint8Array([0, 2, 2, 0, 0, 1, 2, 3]),
    'of a number without end': () => new Uint8Array(200).fill(255),
    'of text': () => 'hello',
    'that asks with a state vector of a thousand million clients': () =>
      syncMessage(
        0,
        encoding.encode(encoder => encoding.writeVarUint(encoder, 1e9)),
      ),
    'of the server: hello': () => encodeExtension({ type: 'hello', hello: { identity: 'alice' } }),
    'of the server: saved': () => encodeExtension({ type: 'saved', count: 1e9 }),
    'of the server: refused': () =>
      encodeExtension({ type: 'refused', refused: { code: 'forbidden', reason: 'x' } }),
    'of an unknown extension': () => new Uint8Array([100, 99]),
  }
  for (const [name, message] of Object.entries(messages)) {
    it(`${name} ends the connection, or says nothing`, async () => {
      await unharmed(async () => {
        for (const path of [world.sid, `${world.sid}?extension=1`]) {
          const attacker = await dial(world.url, path, await mallory())
          attacker.send(message())
          attacker.send(new Uint8Array([77]))
          expect(await attacker.closed).toMatchObject({ code: 4400, reason: /./ })
        }
      })
    })
  }

  it('that is too large ends the connection', async () => {
    const attacker = await dial(world.url, world.sid, await mallory())
    attacker.send(syncMessage(2, new Uint8Array(2 ** 20 + 1)))
    expect((await attacker.closed).code).toBe(1009)
    await world.goesOn()
  })
})

describe('many rooms over one socket', () => {
  /** `[channel, op, …]` of `base/wire/mux-frames.ts`. */
  const frame = (channel: number, op: number, ...rest: number[]) =>
    new Uint8Array([channel, op, ...rest])
  const text = (value: string) => {
    const bytes = new TextEncoder().encode(value)
    return encoding.encode(encoder => encoding.writeVarUint8Array(encoder, bytes))
  }
  const openFrame = (channel: number, path: string) => new Uint8Array([channel, 3, ...text(path)])

  it('that are cut wrongly end the socket with a reason', async () => {
    await unharmed(async () => {
      for (const bytes of [
        frame(1, 77),
        frame(1, 3, 200, 1),
        new Uint8Array(50).fill(255),
        frame(0, 3, 1, 47),
      ]) {
        const attacker = await dial(world.url, 'mux', await mallory())
        attacker.send(bytes)
        expect(await attacker.closed).toMatchObject({ code: 4400, reason: /./ })
      }
    })
  })

  it('end one by one: what is refused in one room does not end another', async () => {
    const attacker = await dial(world.url, 'mux', await mallory())
    attacker.send(
      openFrame(1, `/${world.sid}`),
      openFrame(2, `/${world.sid}/o`),
      openFrame(3, '/other'),
    )
    const doc = new Y.Doc()
    doc.getMap('unknown').set('x', 1)
    const update = syncMessage(2, Y.encodeStateAsUpdate(doc))
    const data = encoding.encode(encoder => encoding.writeVarUint8Array(encoder, update))
    await vi.waitFor(() => expect(attacker.received.length).toBeGreaterThan(1), soon)
    attacker.send(new Uint8Array([1, 4, ...data]))
    await world.goesOn()
    expect(attacker.end).toBeUndefined()
    attacker.socket.terminate()
  })

  it('of which there are very many cost little', async () => {
    const before = await world.memory()
    const attacker = await dial(world.url, 'mux', await mallory())
    for (let i = 1; i < 12_000; i++) {
      const path = text(`/room-${i}`)
      attacker.send(
        encoding.encode(encoder => {
          encoding.writeVarUint(encoder, i)
          encoding.writeVarUint(encoder, 3)
          encoding.writeUint8Array(encoder, path)
        }),
      )
    }
    await world.goesOn()
    attacker.socket.terminate()
    await vi.waitFor(async () => {
      expect(await world.memory()).toBeLessThan(before + 100 * 2 ** 20)
    }, soon)
  })
})

describe('plain HTTP', () => {
  const port = () => Number(new URL(world.url).port)
  const http = () => world.url.replace('ws:', 'http:')

  /** Resolves when the server has ended a connection over which this was said. */
  function ended(said: string): Promise<void> {
    const socket = connect(port(), '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(said)
    return new Promise(resolve => socket.on('close', () => resolve()))
  }

  it('that never ends is ended', async () => {
    for (const begun of [
      'GET / HTTP/1.1\r\nHost: x\r\n',
      'GET',
      'POST /media/x HTTP/1.1\r\nContent-Length: 99999\r\n\r\nx',
    ]) {
      await ended(begun)
    }
    await world.goesOn()
  })

  it('that is garbage, or has very long headers, is ended', async () => {
    for (const said of [
      '\x00\x01\x02\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    ]) {
      await ended(said)
    }
    await world.goesOn()
  })

  it('brings and takes no attachment without a token', async () => {
    const hash = 'a'.repeat(64)
    for (const method of ['GET', 'PUT', 'HEAD']) {
      const response = await fetch(`${http()}/media/${hash}`, {
        method,
        ...(method === 'PUT' && { body: 'x' }),
      })
      expect(response.status).toBe(401)
    }
    const authorization = `Bearer ${await mallory()}`
    const forged = await fetch(`${http()}/media/${hash}`, {
      method: 'PUT',
      headers: { authorization },
      body: 'not what the hash says',
    })
    expect(forged.status).toBe(400)
    for (const path of ['/media/../../etc/passwd', '/media/%2e%2e', '/media/x']) {
      expect((await fetch(`${http()}${path}`, { headers: { authorization } })).status).not.toBe(200)
    }
  })
})

describe('floods', () => {
  it('of small updates are taken as fast as is allowed, and others are not held up', async () => {
    const attacker = await dial(world.url, world.sid, await mallory())
    const known = syncMessage(2, new Uint8Array([0, 0]))
    for (let i = 0; i < 30_000; i++) attacker.send(known)
    await world.goesOn()
    attacker.socket.terminate()
  })

  it('of sockets that are opened and left leave nothing behind', async () => {
    const token = await mallory()
    for (let round = 0; round < 10; round++) {
      const all = await Promise.all(
        Array.from({ length: 10 }, () => dial(world.url, world.sid, token)),
      )
      for (const { socket } of all) socket.terminate()
    }
    await world.goesOn()
  })

  it('of questions, whose answers are not read, are cut off or not answered', async () => {
    const attacker = await dial(world.url, world.sid, await mallory())
    attacker.socket.pause()
    const question = syncMessage(0, new Uint8Array([0]))
    for (let i = 0; i < 20_000; i++) attacker.send(question)
    await world.goesOn()
    attacker.socket.terminate()
  })

  it('and everything else leave the memory bounded', async () => {
    await vi.waitFor(async () => {
      expect(await world.memory()).toBeLessThan(baseline + 200 * 2 ** 20)
    }, soon)
  })
})

function clientIdsOf(messages: readonly Uint8Array[]): number[] {
  return messages.flatMap(data => {
    const [, , count = 0] = data
    if (count === 0) return []
    // One state a message is all that is needed here.
    let id = 0
    let shift = 1
    for (let i = 3; i < data.length; i++) {
      const byte = data[i] as number
      id += (byte & 127) * shift
      shift *= 128
      if (byte < 128) break
    }
    return [id]
  })
}
