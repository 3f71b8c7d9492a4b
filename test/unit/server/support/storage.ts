import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type DocumentLog, memoryLog } from '../../../../src/server/index.ts'

/** An empty directory, removed with the test. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'y-conversations-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A log whose reads and appends wait at a gate, and whose writes can be made to fail. */
export function gatedLog(inner: DocumentLog = memoryLog()) {
  let gate: Promise<void> | undefined
  let open = () => {}
  const log: DocumentLog = {
    async append(name, updates) {
      state.appends.push(updates.length)
      await gate
      if (state.isFull) throw new Error('no space left on device')
      return inner.append(name, updates)
    },
    async read(name) {
      state.reads += 1
      await gate
      if (state.isUnreadable) throw new Error('input/output error')
      return inner.read(name)
    },
    async snapshot(name, update, upTo) {
      state.snapshots += 1
      if (state.isFull) throw new Error('no space left on device')
      return inner.snapshot(name, update, upTo)
    },
    claim: (name, key, owner) => inner.claim(name, key, owner),
    erase: name => inner.erase(name),
    names: prefix => inner.names(prefix),
    close: () => inner.close(),
  }
  const state = {
    log,
    /** The number of updates of each append that was started. */
    appends: [] as number[],
    reads: 0,
    snapshots: 0,
    isFull: false,
    isUnreadable: false,
    shut() {
      gate = new Promise(resolve => {
        open = resolve
      })
    },
    open() {
      gate = undefined
      open()
    },
  }
  return state
}
