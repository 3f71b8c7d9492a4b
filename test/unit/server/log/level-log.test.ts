import { ClassicLevel } from 'classic-level'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { levelLog } from '../../../../src/server/index.ts'
import { temporaryDirectory } from '../support/storage.ts'
import { bytes, describeDocumentLog } from './conformance.ts'
import { contents, plain } from './model.ts'

describeDocumentLog('the LevelDB log', async () => {
  const directory = await temporaryDirectory()
  return () => levelLog(directory)
})

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

  it('reads a snapshot that an earlier version took, and folds it', async () => {
    const directory = await temporaryDirectory()
    const level = new ClassicLevel<string, Uint8Array>(directory, { valueEncoding: 'view' })
    await level.batch([
      { type: 'put', key: 'seq', value: new TextEncoder().encode('3') },
      { type: 'put', key: 'd/room/s', value: bytes(12) },
      { type: 'put', key: 'd/room/u00000000000003', value: bytes(3) },
      { type: 'put', key: 'd/folded/s', value: bytes(12) },
    ])
    await level.close()

    const log = await levelLog(directory)
    onTestFinished(() => log.close())
    expect(await contents(log, 'room')).toEqual({ updates: [[12], [3]], upTo: 3 })
    await log.snapshot('room', bytes(123), 3)
    expect(await contents(log, 'room')).toEqual({ updates: [[123]], upTo: 3 })
    expect(await contents(log, 'folded')).toEqual({ updates: [[12]], upTo: 0 })
    const upTo = await log.append('folded', [bytes(4)])
    await log.snapshot('folded', bytes(124), upTo)
    expect(await contents(log, 'folded')).toEqual({ updates: [[124]], upTo })
  })
})
