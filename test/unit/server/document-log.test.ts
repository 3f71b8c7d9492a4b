import { ClassicLevel } from 'classic-level'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type DocumentLog, levelLog, memoryLog } from '../../../src/server/index.ts'
import { temporaryDirectory } from './support/storage.ts'

const bytes = (...values: number[]) => new Uint8Array(values)
const plain = (updates: Uint8Array[]) => updates.map(update => [...update])

async function contents(log: DocumentLog, name: string) {
  const { updates, upTo } = await log.read(name)
  return { updates: plain(updates), upTo }
}

function describeDocumentLog(title: string, open: () => Promise<DocumentLog>) {
  describe(title, () => {
    async function openLog() {
      const log = await open()
      onTestFinished(() => log.close())
      return log
    }

    it('holds nothing of a document it never saw', async () => {
      const log = await openLog()
      expect(await log.read('room')).toEqual({ updates: [], upTo: 0 })
    })

    it('reads back what was appended, in order, and the number of the last', async () => {
      const log = await openLog()
      await log.append('room', [bytes(1), bytes(2, 2)])
      const seq = await log.append('room', [bytes(3)])
      const { updates, upTo } = await log.read('room')
      expect(plain(updates)).toEqual([[1], [2, 2], [3]])
      expect(upTo).toBe(seq)
    })

    it('keeps the order of appends that were not awaited', async () => {
      const log = await openLog()
      const seqs = await Promise.all(
        Array.from({ length: 300 }, (_, i) => log.append('room', [bytes(i & 255, i >> 8)])),
      )
      const { updates } = await log.read('room')
      expect(plain(updates)).toEqual(Array.from({ length: 300 }, (_, i) => [i & 255, i >> 8]))
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
      expect(new Set(seqs).size).toBe(300)
    })

    it('keeps documents apart, whatever their names', async () => {
      const log = await openLog()
      const names = [
        'a',
        'a/',
        'a/b',
        'a/s',
        'a/u',
        'a~',
        'a%2Fb',
        'A',
        'ä',
        '☃',
        ' ',
        '.',
        '..',
        'seq',
      ]
      for (const [i, name] of names.entries()) await log.append(name, [bytes(i)])
      for (const [i, name] of names.entries()) {
        expect(plain((await log.read(name)).updates), name).toEqual([[i]])
      }
    })

    it('puts a snapshot in the place of what it covers, and of nothing else', async () => {
      const log = await openLog()
      await log.append('other', [bytes(7)])
      const upTo = await log.append('room', [bytes(1), bytes(2)])
      const last = await log.append('room', [bytes(3)])
      await log.snapshot('room', bytes(12), upTo)
      expect(await contents(log, 'room')).toEqual({ updates: [[12], [3]], upTo: last })
      expect(plain((await log.read('other')).updates)).toEqual([[7]])
    })

    it('replaces one snapshot by the next', async () => {
      const log = await openLog()
      await log.snapshot('room', bytes(1), await log.append('room', [bytes(1)]))
      await log.snapshot('room', bytes(12), await log.append('room', [bytes(2)]))
      expect(await contents(log, 'room')).toEqual({ updates: [[12]], upTo: 0 })
      const seq = await log.append('room', [bytes(3)])
      expect(await contents(log, 'room')).toEqual({ updates: [[12], [3]], upTo: seq })
    })

    it('never shows a snapshot and what it covers together, or neither', async () => {
      const log = await openLog()
      const upTo = await log.append('room', [bytes(1), bytes(2)])
      const [before, , after] = await Promise.all([
        log.read('room'),
        log.snapshot('room', bytes(12), upTo),
        log.read('room'),
      ])
      for (const { updates } of [before, after]) {
        expect([[[1], [2]], [[12]]]).toContainEqual(plain(updates))
      }
    })

    it('does not change when the caller reuses its bytes afterwards', async () => {
      const log = await openLog()
      const update = bytes(1, 2)
      await log.append('room', [update])
      update.fill(9)
      expect(plain((await log.read('room')).updates)).toEqual([[1, 2]])
    })

    it('finishes what was appended when it is closed, and refuses the rest', async () => {
      const log = await open()
      const append = log.append('room', [bytes(1)])
      await log.close()
      expect(await append).toBeGreaterThan(0)
      await expect(log.append('room', [bytes(2)])).rejects.toThrow('closed')
      await expect(log.read('room')).rejects.toThrow('closed')
    })
  })
}

describeDocumentLog('the memory log', async () => memoryLog())
describeDocumentLog('the LevelDB log', async () => levelLog(await temporaryDirectory()))

describe('the LevelDB log on disk', () => {
  it('is there after it was closed and opened again, and goes on counting', async () => {
    const directory = await temporaryDirectory()
    const first = await levelLog(directory)
    const upTo = await first.append('room', [bytes(1), bytes(2)])
    await first.snapshot('room', bytes(12), upTo)
    const last = await first.append('room', [bytes(3)])
    await first.close()

    const second = await levelLog(directory)
    onTestFinished(() => second.close())
    expect(await contents(second, 'room')).toEqual({ updates: [[12], [3]], upTo: last })
    expect(await second.append('room', [bytes(4)])).toBe(last + 1)
  })

  it('says so when another process, or log, has the directory', async () => {
    const directory = await temporaryDirectory()
    const first = await levelLog(directory)
    onTestFinished(() => first.close())
    await expect(levelLog(directory)).rejects.toMatchObject({
      name: 'ConversationsError',
      code: 'storage',
      reason: 'blocked',
      message: expect.stringContaining(directory),
    })
  })

  it('says so when the directory cannot be used', async () => {
    await expect(levelLog('/dev/null/storage')).rejects.toMatchObject({
      code: 'storage',
      reason: 'open-failed',
    })
  })

  it('commits together what arrives while a commit is under way, and syncs each commit', async () => {
    const batch = vi.spyOn(ClassicLevel.prototype, 'batch')
    onTestFinished(() => batch.mockRestore())
    const log = await levelLog(await temporaryDirectory())
    onTestFinished(() => log.close())

    const first = log.append('a', [bytes(1)])
    await Promise.resolve()
    await Promise.resolve()
    expect(log.commits, 'the first commit is under way').toBe(1)
    const rest = Array.from({ length: 500 }, (_, i) =>
      log.append(`room-${i % 7}`, [bytes(i & 255)]),
    )
    await Promise.all([first, ...rest])

    expect(log.commits).toBe(2)
    await log.snapshot('a', bytes(1), await first)
    expect(batch).toHaveBeenCalledTimes(3)
    for (const [, options] of batch.mock.calls as unknown[][])
      expect(options).toEqual({ sync: true })
  })

  it('rejects what cannot be written, and writes again when it can', async () => {
    const log = await levelLog(await temporaryDirectory())
    onTestFinished(() => log.close())
    await log.append('room', [bytes(1)])
    const batch = vi
      .spyOn(ClassicLevel.prototype, 'batch')
      .mockRejectedValueOnce(new Error('no space left on device'))
    onTestFinished(() => batch.mockRestore())

    const failed = log.append('room', [bytes(2)])
    await expect(failed).rejects.toThrow('no space left')
    await log.append('room', [bytes(3)])
    expect(plain((await log.read('room')).updates)).toEqual([[1], [3]])
  })
})
