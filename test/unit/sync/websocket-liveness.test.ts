import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { websocket } from '../../../src/sync/websocket/index.ts'
import { Liveness } from '../../../src/sync/websocket/liveness.ts'
import { fakeWebSocket, syncStep2 } from '../../support/fake-socket.ts'
import { openContext, type RecordedContext } from '../../support/transport-context.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function start() {
  const startedAtMs = Date.now()
  const asked: Array<[ms: number, isAgain: boolean]> = []
  const state = { buffered: 0, diedAtMs: undefined as number | undefined }
  const now = () => Date.now() - startedAtMs
  const liveness = new Liveness({
    intervalMs: 5_000,
    timeoutMs: 4_000,
    ask: isAgain => asked.push([now(), isAgain]),
    bufferedBytes: () => state.buffered,
    onDead: () => {
      state.diedAtMs = now()
    },
  })
  liveness.heard()
  return { liveness, asked, state }
}

test('after a silence it asks, asks again a second later, and gives up within ten seconds', () => {
  const { asked, state } = start()
  vi.advanceTimersByTime(8_999)
  expect(state.diedAtMs).toBeUndefined()
  vi.advanceTimersByTime(1)
  expect(asked).toEqual([
    [5_000, false],
    [6_000, true],
  ])
  expect(state.diedAtMs).toBe(9_000)
  vi.advanceTimersByTime(60_000)
  expect(asked).toHaveLength(2)
})

test.each([0, 4_999, 5_500, 8_999])('what arrives after %i ms begins the silence anew', ms => {
  const { liveness, state } = start()
  vi.advanceTimersByTime(ms)
  liveness.heard()
  vi.advanceTimersByTime(8_999)
  expect(state.diedAtMs).toBeUndefined()
  vi.advanceTimersByTime(1)
  expect(state.diedAtMs).toBe(ms + 9_000)
})

test('nothing is asked for while messages arrive', () => {
  const { liveness, asked } = start()
  for (let i = 0; i < 100; i++) {
    vi.advanceTimersByTime(4_900)
    liveness.heard()
  }
  expect(asked).toEqual([])
})

test('it can be made to ask at once, but not twice', () => {
  const { liveness, asked, state } = start()
  liveness.probe()
  liveness.probe()
  expect(asked).toEqual([[0, false]])
  vi.advanceTimersByTime(4_000)
  expect(state.diedAtMs).toBe(4_000)
})

test('a long upload over a slow network is a sign of life for as long as it moves', () => {
  const { state } = start()
  state.buffered = 1_000_000
  for (let s = 0; s < 60; s++) {
    vi.advanceTimersByTime(1_000)
    state.buffered -= 10_000
  }
  expect(state.diedAtMs).toBeUndefined()
  vi.advanceTimersByTime(8_000)
  expect(state.diedAtMs).toBeDefined()
})

test('a page that was frozen asks again before it gives up, once', () => {
  const { asked, state } = start()
  vi.advanceTimersByTime(6_000)
  // The clock goes on, the timers do not.
  vi.setSystemTime(Date.now() + 3_600_000)
  vi.advanceTimersByTime(3_000)
  expect(state.diedAtMs).toBeUndefined()
  expect(asked).toHaveLength(3)
  vi.advanceTimersByTime(1_000)
  vi.setSystemTime(Date.now() + 3_600_000)
  vi.advanceTimersByTime(3_000)
  expect(state.diedAtMs).toBeDefined()
})

test('after stop() nothing happens', () => {
  const { liveness, asked, state } = start()
  liveness.stop()
  vi.advanceTimersByTime(60_000)
  expect(asked).toEqual([])
  expect(state.diedAtMs).toBeUndefined()
})

/** A server that answers what `answers` says, a moment later. */
function connect(context: RecordedContext, answers: { query: boolean; step1: boolean }) {
  const { WebSocket, sockets, last } = fakeWebSocket()
  class Socket extends WebSocket {
    override send(message: Uint8Array): void {
      super.send(message)
      const [type, step] = message
      const isAnswered =
        type === 3
          ? answers.query
          : type === 0 && step === 0 && (answers.step1 || this.sent.length === 1)
      if (!isAnswered) return
      // Messages are not throttled with the timers, so this is none.
      queueMicrotask(() => {
        if (this.readyState === 1)
          this.receive(type === 3 ? new Uint8Array([1, 1, 0]) : syncStep2())
      })
    }
  }
  const handle = websocket({ url: 'ws://host', WebSocket: Socket, mux: false })(context)
  handle.connect()
  last().open()
  return { handle, sockets, last }
}

test.each([
  ['answers awareness queries', { query: true, step1: true }, 3],
  ['answers sync step 1 only', { query: false, step1: true }, 3],
])(
  'a quiet room with no awareness keeps its connection where the server %s',
  async (_title, answers) => {
    const context = openContext()
    context.awareness.setLocalState(null)
    const { handle, sockets, last } = connect(context, answers)
    await vi.advanceTimersByTimeAsync(70_000)
    expect(sockets).toHaveLength(1)
    expect(context.statuses).toEqual(['connecting', 'connected'])
    // What it costs: a byte every five seconds, and sync step 1 where that is not answered.
    const probes = last().sent.slice(1)
    const queries = probes.filter(([type]) => type === 3).length
    expect(queries).toBeGreaterThanOrEqual(11)
    expect(probes.length - queries).toBe(answers.query ? 0 : queries)
    void handle.destroy()
    context.destroy()
  },
)

test('a server that falls silent is noticed within ten seconds', async () => {
  const context = openContext()
  const answers = { query: true, step1: true }
  const { handle, sockets } = connect(context, answers)
  await vi.advanceTimersByTimeAsync(33_000)
  answers.query = false
  answers.step1 = false
  await vi.advanceTimersByTimeAsync(10_000)
  expect(context.statuses.slice(0, 3)).toEqual(['connecting', 'connected', 'disconnected'])
  await vi.advanceTimersByTimeAsync(500)
  expect(sockets).toHaveLength(2)
  void handle.destroy()
  context.destroy()
})

test('a hidden tab whose timers run once a minute keeps its connection', async () => {
  // As Chromium does after five minutes: a timer that is due waits for the full minute.
  const minuteMs = 60_000
  const plain = globalThis.setTimeout
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void, delayMs = 0) => {
    const dueMs = Math.ceil((Date.now() + delayMs) / minuteMs) * minuteMs
    return plain(callback, dueMs - Date.now())
  }) as typeof setTimeout)
  const plainInterval = globalThis.setInterval
  vi.spyOn(globalThis, 'setInterval').mockImplementation(((callback: () => void) =>
    plainInterval(callback, minuteMs)) as typeof setInterval)
  const context = openContext()
  context.awareness.setLocalState(null)
  const { handle, sockets } = connect(context, { query: false, step1: true })
  await vi.advanceTimersByTimeAsync(60 * minuteMs)
  expect(sockets).toHaveLength(1)
  expect(context.statuses).toEqual(['connecting', 'connected'])
  void handle.destroy()
  context.destroy()
  vi.restoreAllMocks()
})
