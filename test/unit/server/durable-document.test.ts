import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { systemClock } from '../../../src/base/clock.ts'
import { DurableDocument } from '../../../src/server/durable-document.ts'
import { type DocumentLog, memoryLog } from '../../../src/server/index.ts'
import { ServerMetrics } from '../../../src/server/metrics/server-metrics.ts'
import { StorageHealth } from '../../../src/server/metrics/storage-health.ts'
import { defaultLimits, defaultTimings } from '../../../src/server/options.ts'
import { decodeUpdate } from '../../../src/server/update-check.ts'
import { silent, until, updateOf } from './support/clients.ts'
import { SharedEngine } from './support/shared-log.ts'

async function load(
  onCommitted: (merged: Uint8Array | undefined) => void,
  storage: DocumentLog = memoryLog(),
  onReplaced = () => {},
  onRejected = () => {},
) {
  const context = {
    storage,
    log: silent,
    limits: { ...defaultLimits, maxLogLength: 4 },
    timings: { ...defaultTimings, retryMs: 1 },
    clock: systemClock,
    metrics: new ServerMetrics(),
    health: new StorageHealth(),
  }
  return DurableDocument.load<string>('room', context, {
    onCommitted: (_, merged) => onCommitted(merged),
    onRejected,
    onRefused: () => {},
    onGap: () => {},
    onBroken: () => {},
    onReplaced,
    onIdle: () => {},
  })
}

const keyUpdate = (key: string) => updateOf(doc => doc.getMap('map').set(key, 1))

it('commits an update whenever it comes, also just when the work on the one before ends', async () => {
  for (let ticks = 0; ticks < 12; ticks++) {
    let first = () => {}
    const whenFirst = new Promise<void>(resolve => {
      first = resolve
    })
    const document = await load(() => first())
    const submit = (key: string) => {
      const update = keyUpdate(key)
      document.submit(update, decodeUpdate(update), 'sender')
    }
    submit('one')
    await whenFirst
    for (let i = 0; i < ticks; i++) await Promise.resolve()
    submit('two')
    await document.whenIdle()
    const doc = new Y.Doc()
    Y.applyUpdate(doc, document.missingFrom(Y.encodeStateVector(doc)))
    expect([...doc.getMap('map').keys()].sort(), `after ${ticks} ticks`).toEqual(['one', 'two'])
    document.destroy()
  }
})

it('announces what several updates changed together as one', async () => {
  const merged: (Uint8Array | undefined)[] = []
  const document = await load(update => merged.push(update))
  for (const key of ['one', 'two', 'three']) {
    const update = keyUpdate(key)
    document.submit(update, decodeUpdate(update), 'sender')
  }
  await document.whenIdle()
  expect(merged).toHaveLength(1)
  const doc = new Y.Doc()
  Y.applyUpdate(doc, merged[0] as Uint8Array)
  expect(doc.getMap('map').size).toBe(3)
  document.destroy()
})

describe('where another server writes to the same log', () => {
  /** The document as it is on one server, and the log of another. */
  async function loadShared(onReplaced?: () => void, onRejected?: () => void) {
    const engine = new SharedEngine()
    const [here, there] = [engine.open(), engine.open()]
    const document = await load(() => {}, here, onReplaced, onRejected)
    await here.cluster.subscribe('room', {
      onAppended: (seq, updates) => document.hear(seq, updates),
      onMessage: () => {},
      onGap: () => void document.catchUp(),
    })
    const write = (key: string) => {
      const update = keyUpdate(key)
      document.submit(update, decodeUpdate(update), 'sender')
    }
    const append = (key: string) => there.append('room', [keyUpdate(key)])
    const keys = () => [...document.doc.getMap('map').keys()].sort()
    return { engine, here, there, document, write, append, keys }
  }

  it('reads what is too large to be told', async () => {
    const { there, append, keys } = await loadShared()
    there.telling = 'that'
    await append('one')
    await until(() => expect(keys()).toEqual(['one']))
  })

  it('reads what it was not told as soon as it sees that a number is missing', async () => {
    const { there, append, keys } = await loadShared()
    there.telling = 'nothing'
    await append('one')
    there.telling = 'updates'
    await append('two')
    await until(() => expect(keys()).toEqual(['one', 'two']))
  })

  it('tries to read again, though nobody tells of it once more', async () => {
    const { here, there, append, keys } = await loadShared()
    there.telling = 'that'
    here.failingReads = 3
    await append('one')
    await until(() => expect(keys()).toEqual(['one']))
  })

  it('reads once for all that is told while it reads', async () => {
    const { here, document } = await loadShared()
    let reads = 0
    const read = here.read.bind(here)
    here.read = (...args) => {
      reads += 1
      return read(...args)
    }
    for (let i = 0; i < 20; i++) document.hear(i + 1, undefined)
    await document.whenIdle()
    expect(reads).toBeLessThanOrEqual(2)
  })

  it('is not up to date when it was destroyed while it read', async () => {
    const { here, document } = await loadShared()
    const read = here.read.bind(here)
    here.read = async (...args) => {
      const stored = await read(...args)
      document.destroy()
      return stored
    }
    expect(await document.catchUp()).toBe(false)
  })

  it('folds nothing away that is stored but not applied yet', async () => {
    const { engine, here, document, write, append } = await loadShared()
    const lease = await here.cluster.lease('lease', 60_000)
    let goOn = () => {}
    const gate = new Promise<void>(resolve => {
      goOn = resolve
    })
    const stored: unknown[] = []
    const plain = here.append.bind(here)
    here.append = async (name, updates, lease) => {
      if (lease) await gate
      stored.push(await plain(name, updates, lease))
      return stored.at(-1) as number
    }
    // Two appends, as the second is under a lease.
    write('own')
    document.write(keyUpdate('sequenced'), 'server', lease)
    await until(() => expect(stored).toEqual([1]))
    for (const key of ['a', 'b', 'c', 'd', 'e']) await append(key)
    await until(() => expect(engine.document('room').snapshot).toBeDefined())
    const doc = new Y.Doc()
    for (const update of (await here.read('room')).updates) Y.applyUpdate(doc, update)
    expect(doc.getMap('map').has('own')).toBe(true)
    goOn()
    await document.whenIdle()
  })

  it('notices that the document was erased there', async () => {
    let isReplaced = false
    const { there, write, document } = await loadShared(() => {
      isReplaced = true
    })
    write('one')
    await document.whenIdle()
    await there.erase('room')
    await until(() => expect(isReplaced).toBe(true))
  })

  it('notices by the number of what it appends that the log has lost what is here', async () => {
    const heard: string[] = []
    const { engine, write, document } = await loadShared(
      () => heard.push('replaced'),
      () => heard.push('rejected'),
    )
    write('one')
    await document.whenIdle()
    write('two')
    await document.whenIdle()
    expect(heard).toEqual([])
    engine.documents.delete('room')
    write('three')
    await document.whenIdle()
    expect(heard).toEqual(['rejected', 'replaced'])
  })
})
