import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MuxFrame, MuxReader, MuxWriter } from '../../../src/base/wire/mux-frames.ts'

const MiB = 2 ** 20

/** The messages that `write` makes within one turn. */
function messagesOf(write: (writer: MuxWriter) => void): Uint8Array[] {
  const messages: Uint8Array[] = []
  const writer = new MuxWriter(
    message => messages.push(message),
    () => {},
  )
  write(writer)
  writer.flush()
  return messages
}

const readAll = (messages: readonly Uint8Array[], reader = new MuxReader()) =>
  messages.flatMap(message => [...reader.read(message)])

const channel = fc.integer({ min: 1, max: 2 ** 32 })
const text = fc.string({ unit: 'grapheme' })
const frame: fc.Arbitrary<MuxFrame> = fc.oneof(
  fc.record({ op: fc.constant('open' as const), channel, path: text }),
  fc.record({ op: fc.constant('data' as const), channel, data: fc.uint8Array() }),
  fc.record({ op: fc.constant('close' as const), channel, code: fc.nat(), reason: text }),
  fc.record({ op: fc.constantFrom('ping' as const, 'pong' as const), channel: fc.constant(0) }),
)

function write(writer: MuxWriter, frame: MuxFrame): void {
  switch (frame.op) {
    case 'open':
      writer.open(frame.channel, frame.path)
      break
    case 'data':
      writer.data(frame.channel, frame.data)
      break
    case 'close':
      writer.close(frame.channel, frame.code, frame.reason)
      break
    case 'ping':
    case 'pong':
      writer[frame.op]()
  }
}

test('what is written is read, and goes in one message', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1 }), frames => {
      const messages = messagesOf(writer => {
        for (const one of frames) write(writer, one)
      })
      expect(messages).toHaveLength(1)
      expect(readAll(messages)).toEqual(frames)
    }),
  )
})

test('messages stay near a megabyte, and large contents come out whole', () => {
  const sizes = [0, 1, MiB - 1, MiB, MiB + 1, 3 * MiB, 7, 2 * MiB + 5]
  const contents = sizes.map((size, i) => new Uint8Array(size).fill(i + 1))
  const messages = messagesOf(writer => {
    for (const [i, data] of contents.entries()) writer.data(i + 1, data)
  })
  expect(Math.max(...messages.map(({ length }) => length))).toBeLessThan(MiB + 100)
  const frames = readAll(messages)
  expect(frames.map(({ channel }) => channel)).toEqual(sizes.map((_, i) => i + 1))
  for (const [i, one] of frames.entries()) {
    const data = one.op === 'data' ? one.data : new Uint8Array()
    expect(Buffer.compare(data, contents[i] as Uint8Array)).toBe(0)
  }
})

test('what is scheduled is flushed once', () => {
  const messages: Uint8Array[] = []
  const scheduled: (() => void)[] = []
  const writer = new MuxWriter(
    message => messages.push(message),
    flush => scheduled.push(flush),
  )
  for (const round of [1, 2]) {
    for (let i = 1; i <= 100; i++) writer.data(i, new Uint8Array(3))
    expect(scheduled).toHaveLength(round)
    expect(messages).toHaveLength(round - 1)
    scheduled.at(-1)?.()
  }
  expect(readAll(messages)).toHaveLength(200)
})

test('a message over the limit is left out, whether it comes in parts or not', () => {
  const messages = messagesOf(writer => {
    writer.data(1, new Uint8Array(3 * MiB))
    writer.data(2, new Uint8Array(MiB + 1))
    writer.data(3, new Uint8Array(10))
  })
  expect(readAll(messages, new MuxReader(2 * MiB)).map(({ op }) => op)).toEqual([
    'oversize',
    'data',
    'data',
  ])
  const small = messagesOf(writer => writer.data(1, new Uint8Array(11)))
  expect(readAll(small, new MuxReader(10))).toEqual([{ op: 'oversize', channel: 1 }])
})

test('any bytes are frames or throw', () => {
  const reads = (message: Uint8Array) => {
    try {
      for (const one of new MuxReader().read(message)) expect(one).toHaveProperty('op')
    } catch (error) {
      expect(error).toBeInstanceOf(Error)
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), reads))
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 3 }), fc.nat(), (frames, cut) => {
      const [message] = messagesOf(writer => {
        for (const one of frames) write(writer, one)
      })
      if (message) reads(message.slice(0, cut % message.length))
    }),
  )
})

test('nothing is read from behind the end of the message', () => {
  const secret = new TextEncoder().encode('secret')
  // Data of 6 bytes, of which the message has none.
  const buffer = new Uint8Array([1, 4, 6, ...secret])
  expect(() => readAll([buffer.subarray(0, 3)])).toThrow(Error)
  const path = new Uint8Array([1, 3, 6, ...secret])
  expect(() => readAll([path.subarray(0, 3)])).toThrow(Error)
})

test.each([
  ['y-websocket’s sync step 1', [0, 0, 1, 0]],
  ['its sync step 2', [0, 1, 2, 0, 0]],
  ['its updates', [0, 2, 2, 0, 0]],
  ['its awareness', [1, 1, 0]],
  ['its query of awareness', [3]],
  ['a part of no full size', [1, 5, 1, 0]],
  ['a ping of a channel', [1, 7]],
])('%s is no frame', (_, bytes) => {
  expect(() => readAll([new Uint8Array(bytes)])).toThrow(Error)
})
