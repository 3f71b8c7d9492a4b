import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import type { IdleWriter, Persistence } from '../../../src/sync/provider.ts'
import { describePersistence, memoryPersistence } from '../../../src/testing/index.ts'
import { collect } from './collect.ts'

afterEach(() => vi.unstubAllGlobals())

interface Idle {
  name: string
  writer: IdleWriter
}

const elsewhere: Idle[] = []

interface Disk {
  rowsByName: Map<string, Uint8Array[]>
  idle: Idle[]
  isBroken: boolean
}

/** A persistence as simple as can be, and flawed as asked. */
function simplePersistence(disk: Disk, flaw?: string): Persistence {
  return ({ name, doc, onError }) => {
    const key = flaw === 'one database for all documents' ? 'all' : name
    const rows = disk.rowsByName.get(key) ?? []
    disk.rowsByName.set(key, rows)
    const origin = {}
    let pending: Uint8Array[] = []
    const isLazy = /^commits at|^ends without/.test(flaw ?? '')
    let isOver = false
    let isLoaded = false

    function commit(): void {
      if (pending.length === 0) return
      if (disk.isBroken) {
        if (flaw === 'silent about trouble') return
        if (flaw === 'throws into the document') throw new Error('full')
        onError({ code: flaw === 'wrong code' ? 'transport' : 'storage' } as never)
        if (flaw === 'forgets what failed') pending = []
        return
      }
      rows.push(...pending)
      pending = []
      if (rows.length > 100 && flaw !== 'never folds') {
        rows.splice(0, rows.length, Y.mergeUpdates(rows))
      }
    }

    function onUpdate(
      update: Uint8Array,
      updateOrigin: unknown,
      _: Y.Doc,
      { local }: Y.Transaction,
    ) {
      if (updateOrigin === origin && flaw !== 'stores what it loads') return
      if (!isLoaded && flaw === 'deaf until loaded') return
      if (!local && flaw === 'deaf to peers') return
      if (flaw === 'stores no deletions' && Y.decodeUpdate(update).structs.length === 0) return
      pending.push(update)
      if (!isLazy) commit()
    }

    async function load(): Promise<void> {
      await new Promise(resolve => setImmediate(resolve))
      if (flaw === 'rejects') throw new Error('no database')
      if (flaw === 'invents') doc.getMap('notes').set('welcome', true)
      const apply = () => {
        for (const row of rows) Y.applyUpdate(doc, row, origin)
      }
      if (flaw === 'a transaction per row') apply()
      else doc.transact(apply, origin)
      isLoaded = true
    }

    const idle = flaw === 'keeps client ids elsewhere' ? elsewhere : disk.idle
    const left: IdleWriter[] = []
    const keepLeft = () => idle.push(...left.splice(0).map(writer => ({ name, writer })))

    async function take(owner: string): Promise<IdleWriter | undefined> {
      if (flaw === 'invents a client id') return { clientId: 5, clock: 5, owner }
      if (!isLoaded && flaw !== 'hasty') return undefined
      if (disk.isBroken && flaw !== 'hands out what stays') return undefined
      const index = idle.findIndex(
        one =>
          (one.name === name || flaw === 'one heap of client ids') &&
          (one.writer.owner === owner || flaw === 'blind to owners'),
      )
      if (index < 0) return undefined
      const { writer } = idle[index] as Idle
      if (flaw === 'slow to take away') await new Promise(resolve => setImmediate(resolve))
      if (flaw === 'takes all') idle.length = 0
      if (flaw !== 'lends') idle.splice(index, 1)
      return writer
    }

    doc.on('update', onUpdate)
    const whenLoaded = load()
    return {
      writers: {
        take,
        put(writer) {
          if (!disk.isBroken && flaw !== 'forgets client ids') left.push(writer)
        },
      },
      whenLoaded,
      async flush() {
        if (isOver && flaw === 'once only') throw new Error('closed')
        if (flaw !== 'commits at destroy only') commit()
        if (flaw !== 'keeps client ids at destroy only') keepLeft()
      },
      async destroy() {
        if (isOver && flaw === 'once only') throw new Error('closed')
        isOver = true
        keepLeft()
        const isHasty = flaw === 'ends without what it has not loaded' && !isLoaded
        if (!isHasty && flaw !== 'commits at flush only') commit()
        if (flaw !== 'never ends') doc.off('update', onUpdate)
      },
    }
  }
}

function suite(persistence: (disk: Disk) => Persistence) {
  return collect(framework =>
    describePersistence(
      'a persistence',
      {
        createStorage: (): Disk => ({ rowsByName: new Map(), idle: [], isBroken: false }),
        persistence,
        hasWriters: true,
        countRows: ({ rowsByName }, name) => rowsByName.get(name)?.length ?? 0,
        failWrites(disk) {
          disk.isBroken = true
        },
        mendWrites(disk) {
          disk.isBroken = false
        },
      },
      framework,
    ),
  )
}

const checks = [...suite(simplePersistence)]

test.each(checks)('a sound persistence %s', (_, run) => run())

// Every check must notice some flaw, else it proves nothing.
const noticed = [
  ['loads nothing, and settles, where nothing was stored', 'invents'],
  ['loads nothing, and settles, where nothing was stored', 'rejects'],
  ['brings back what was written once destroy has resolved', 'commits at flush only'],
  [
    'brings back what was written once flush has resolved, though the device never said goodbye',
    'commits at destroy only',
  ],
  ['brings back deletions', 'stores no deletions'],
  ['keeps what is written before it has loaded, beside what was stored', 'deaf until loaded'],
  ['keeps what is written while it is loading', 'deaf until loaded'],
  ['loses nothing when it is destroyed at once', 'ends without what it has not loaded'],
  ['loads everything in one transaction', 'a transaction per row'],
  ['keeps two documents apart', 'one database for all documents'],
  ['keeps updates that came from peers', 'deaf to peers'],
  ['stores nothing any more when it is destroyed', 'never ends'],
  ['may be flushed and destroyed twice', 'once only'],
  ['stores no row by opening a document', 'stores what it loads'],
  ['folds its rows under steady writes', 'never folds'],
  ['reports writes that fail, and lets the document live on', 'silent about trouble'],
  ['reports writes that fail, and lets the document live on', 'throws into the document'],
  ['reports writes that fail, and lets the document live on', 'wrong code'],
  ['stores what it could not, once it can again', 'forgets what failed'],
  ['has no client id where no session left one', 'invents a client id'],
  ['hands a client id that a session left to a later one', 'forgets client ids'],
  ['keeps a client id that was left once flush has resolved', 'keeps client ids at destroy only'],
  ['hands a client id to one of two tabs only', 'slow to take away'],
  ['hands two client ids to two tabs', 'takes all'],
  ['never hands a client id again that a crashed session held', 'lends'],
  ['hands nobody the client id of somebody else', 'blind to owners'],
  ['keeps the client ids of two documents apart', 'one heap of client ids'],
  ['loses its client ids with the storage', 'keeps client ids elsewhere'],
  ['hands out nothing before it has loaded', 'hasty'],
  ['hands out no client id that it cannot take away', 'hands out what stays'],
] as const

test.each(noticed)('the check "%s" notices: %s', async (title, flaw) => {
  const run = suite(disk => simplePersistence(disk, flaw)).get(title)
  await expect(run?.()).rejects.toThrow()
})

test('every check notices something', () => {
  expect(new Set(noticed.map(([title]) => title))).toEqual(new Set(checks.map(([title]) => title)))
})

test('checks for which the setup gives no means are left out', () => {
  const few = collect(framework =>
    describePersistence(
      'a persistence',
      { createStorage: () => new Map(), persistence: store => memoryPersistence(store) },
      framework,
    ),
  )
  expect(few.size).toBe(checks.length - 15)
})

test('an error that is reported without need fails the check', async () => {
  const needless = { code: 'storage', toString: () => 'needless' }
  const runs = suite(disk => context => {
    context.onError(needless as never)
    return simplePersistence(disk)(context)
  })
  await expect(runs.get('keeps two documents apart')?.()).rejects.toThrow('needless')
})

test('without a test runner it uses the global one, or asks for one', () => {
  const setup = { createStorage: () => new Map(), persistence: memoryPersistence }
  expect(() => describePersistence('nowhere', setup)).toThrow('pass those of your test runner')
  const describe = vi.fn()
  vi.stubGlobal('describe', describe)
  vi.stubGlobal('it', vi.fn())
  describePersistence('somewhere', setup)
  expect(describe.mock.calls[0]?.[0]).toBe('somewhere')
})
