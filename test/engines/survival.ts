import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { DocumentLog } from '../../src/server/index.ts'
import type { Engine } from '../support/engines.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { bytes, opened, recorder } from '../unit/server/log/conformance.ts'
import { plain } from '../unit/server/log/model.ts'

const KILLS = 4

/** It takes an engine a while to be back on a busy machine. */
const until = <T>(assertion: () => T | Promise<T>) =>
  vi.waitFor(assertion, { timeout: 20_000, interval: 5 })

/** How a log does without its engine, and when that is back. */
export function describeSurvival(
  title: string,
  engine: () => Engine,
  /** Opens a log at a place of the engine, by way of a port, with a short limit of time. */
  openAt: (place: string, port: number) => Promise<DocumentLog>,
): void {
  let places = 0

  describe(`${title}, killed and started again`, () => {
    async function openTwo() {
      const place = `survival${places++}`
      const open = () => openAt(place, engine().port)
      return { a: await opened(open), b: await opened(open), open }
    }

    it('has everything that was answered, and goes on', async () => {
      const { a, b, open } = await openTwo()
      const answered = new Map<string, Set<number>>([
        ['one', new Set()],
        ['two', new Set()],
      ])
      let count = 0
      for (let kill = 0; kill < KILLS; kill++) {
        let isDown = false
        let goal = count + 50
        const write = async (log: DocumentLog, name: string) => {
          while (!isDown) {
            const value = count++
            try {
              await log.append(name, [bytes(value >> 16, value >> 8, value)])
              answered.get(name)?.add(value & 0xffffff)
            } catch (error) {
              expect(error).toMatchObject({ code: 'storage', reason: 'aborted' })
              isDown = true
            }
          }
        }
        const writers = [a, b, a, b].map((log, i) => write(log, i % 3 ? 'one' : 'two'))
        await until(() => expect(count).toBeGreaterThan(goal))
        await engine().kill()
        await Promise.all(writers)
        goal = count
        await expect(a.read('one'), 'while it is away').rejects.toMatchObject({ code: 'storage' })
        await engine().restart()
        await untilBack(a)
        await untilBack(b)
      }
      const late = await opened(open)
      for (const [name, values] of answered) {
        const { updates, upTo } = await late.read(name)
        const stored = new Set(
          plain(updates).map(([a = 0, b = 0, c = 0]) => (a * 256 + b) * 256 + c),
        )
        expect([...values].filter(value => !stored.has(value))).toEqual([])
        expect(updates, 'no number without an update').toHaveLength(upTo)
        expect(values.size).toBeGreaterThan(KILLS * 5)
      }
    }, 60_000)

    it('keeps leases and claims, and their tokens go on', async () => {
      const { a, b } = await openTwo()
      const lease = await a.cluster?.lease('room', 60_000)
      await a.claim('room', 'key', 'alice')
      await engine().kill()
      await engine().restart()
      await untilBack(a)
      await untilBack(b)
      expect(await b.cluster?.lease('room', 60_000)).toBeUndefined()
      expect(await b.claim('room', 'key', 'bob')).toBe('alice')
      expect(await lease?.renew(60_000)).toBe(true)
      expect(await a.append('room', [bytes(1)], lease)).toBe(1)
      await lease?.release()
      expect((await b.cluster?.lease('room', 60_000))?.token).toBeGreaterThan(lease?.token ?? 0)
    })

    it('renews subscriptions by itself, and tells each of the gap', async () => {
      const { a, b } = await openTwo()
      const heard = Array.from({ length: 20 }, recorder)
      for (const [i, { listener }] of heard.entries()) {
        await b.cluster?.subscribe(`room-${i}`, listener)
      }
      for (let round = 1; round <= 2; round++) {
        await engine().kill()
        // As soon as it has noticed; who was faster is told of the gap.
        await until(() =>
          expect(b.cluster?.subscribe('new', recorder().listener)).rejects.toMatchObject({
            code: 'storage',
          }),
        )
        a.cluster?.publish('room-0', bytes(0))
        await engine().restart()
        await until(() => expect(heard.map(({ gaps }) => gaps > 0)).not.toContain(false))
        await untilBack(a)
        for (const [i, recorded] of heard.entries()) {
          const seq = await a.append(`room-${i}`, [bytes(round)])
          await until(() => expect(recorded.appended.at(-1)).toEqual({ seq, updates: [[round]] }))
          expect(recorded.appended).toHaveLength(round)
          recorded.gaps = 0
        }
      }
    })

    it('closes while it is away', async () => {
      const { a } = await openTwo()
      const subscribed = await a.cluster?.subscribe('room', recorder().listener)
      await engine().kill()
      const append = a.append('room', [bytes(1)])
      append.catch(() => {})
      await a.close()
      await expect(append).rejects.toMatchObject({ name: 'ConversationsError' })
      subscribed?.()
      await engine().restart()
    })

    it('cannot be opened while it is away, and says so', async () => {
      await engine().kill()
      await expect(openAt('away', engine().port)).rejects.toMatchObject({
        code: 'storage',
        reason: 'open-failed',
      })
      await engine().restart()
    })
  })

  describe(`${title}, cut off without a word`, () => {
    it('rejects in bounded time, works again afterwards, and tells of the gap', async () => {
      const proxy = await startTcpProxy(engine().port)
      onTestFinished(() => proxy.close())
      const place = `survival${places++}`
      const a = await opened(() => openAt(place, engine().port))
      const b = await opened(() => openAt(place, proxy.port))
      const heard = recorder()
      await b.cluster?.subscribe('room', heard.listener)
      await a.append('room', [bytes(1)])
      await until(() => expect(heard.appended).toHaveLength(1))
      proxy.freeze()
      const refused = { code: 'storage', reason: 'aborted' }
      await Promise.all([
        expect(b.append('room', [bytes(2)])).rejects.toMatchObject(refused),
        expect(b.read('room')).rejects.toMatchObject(refused),
        expect(b.claim('room', 'key', 'bob')).rejects.toMatchObject(refused),
        expect(b.cluster?.lease('room', 1000)).rejects.toMatchObject(refused),
        expect(b.erase('other')).rejects.toMatchObject(refused),
      ])
      await a.append('room', [bytes(3)])
      expect(heard.appended).toHaveLength(1)
      proxy.thaw()
      await until(() => expect(heard.gaps).toBeGreaterThan(0))
      await untilBack(b)
      expect(plain((await b.read('room')).updates)).toContainEqual([3])
      const seq = await a.append('room', [bytes(4)])
      await until(() => expect(heard.appended.at(-1)).toEqual({ seq, updates: [[4]] }))
    })
  })
}

/** Resolves when the log works again. */
async function untilBack(log: DocumentLog): Promise<void> {
  for (;;) {
    try {
      await log.append('back', [bytes(0)])
      return
    } catch (error) {
      expect(error).toMatchObject({ name: 'ConversationsError', code: 'storage' })
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}
