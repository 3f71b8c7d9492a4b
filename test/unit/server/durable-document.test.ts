import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { systemClock } from '../../../src/base/clock.ts'
import { DurableDocument } from '../../../src/server/durable-document.ts'
import { memoryLog } from '../../../src/server/index.ts'
import { ServerMetrics } from '../../../src/server/metrics/server-metrics.ts'
import { StorageHealth } from '../../../src/server/metrics/storage-health.ts'
import { defaultLimits, defaultTimings } from '../../../src/server/options.ts'
import { decodeUpdate } from '../../../src/server/update-check.ts'
import { silent, updateOf } from './support/clients.ts'

async function load(onCommitted: (merged: Uint8Array | undefined) => void) {
  const context = {
    storage: memoryLog(),
    log: silent,
    limits: defaultLimits,
    timings: defaultTimings,
    clock: systemClock,
    metrics: new ServerMetrics(),
    health: new StorageHealth(),
  }
  return DurableDocument.load<string>('room', context, {
    onCommitted: (_, merged) => onCommitted(merged),
    onRejected: () => {},
    onRefused: () => {},
    onGap: () => {},
    onBroken: () => {},
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
