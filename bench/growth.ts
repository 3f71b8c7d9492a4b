import * as Y from 'yjs'
import { applyAll, Device, type Layout } from './layout.ts'
import { median } from './measure.ts'
import { ours } from './ours.ts'
import { timeOf } from './people.ts'
import { best, usual } from './raw.ts'
import { atMost, count, type Row, type Section } from './report.ts'

/** What horizons leave behind: in the document that everybody shares, and on the wire. */
export function measureGrowth(): Section[] {
  const hundred = {
    ours: grow(ours, 100, [100_000, 1_000_000]),
    best: grow(best, 100, [100_000, 1_000_000]),
    usual: grow(usual, 100, [100_000]),
  }
  const thousand = {
    ours: grow(ours, 1000, [100_000]),
    best: grow(best, 1000, [100_000]),
    usual: grow(usual, 1000, [100_000]),
  }
  return [
    {
      title: 'Growth by read horizons',
      method:
        'Participants take turns in advancing, each from a device of their own; a hub gets every update. Counted at ' +
        'the hub: structs in memory, and bytes of the document in v1. The usual way is run for 100,000 advances ' +
        'only, and what it has grown to by then stands in for the 1,000,000 as well, so that ratio is too high.',
      rows: [...growthRows(100, hundred), ...growthRows(1000, thousand)],
    },
    {
      title: 'An advance on the wire',
      method:
        'Bytes of v1 updates: 100 devices advance 10,000 times each (the usual way: 1,000 times). The first one of a ' +
        'device is a row of its own, for it carries the key.',
      rows: wireRows(hundred),
    },
  ]
}

interface Size {
  readonly advances: number
  /** Beside the fields of the conversation as a whole. */
  readonly structs: number
  readonly bytes: number
}

interface Growth {
  readonly sizes: readonly Size[]
  /** Bytes of an advance: of the first one of a device, and of the others. */
  readonly wire: { readonly first: number; readonly typical: number; readonly most: number }
}

function grow(layout: Layout, participants: number, stops: readonly number[]): Growth {
  const hub = new Y.Doc()
  const devices = Array.from({ length: participants }, (_, person) => new Device(layout, person))
  let pending = devices.map((device, n) => device.write((me, who) => me.join(who, timeOf(n))))
  const deliver = () => {
    applyAll(hub, pending)
    pending = []
  }
  const lengths: number[] = []
  const sizes: Size[] = []
  for (let n = 0; sizes.length < stops.length; ) {
    const device = devices[n % participants] as Device
    const index = Math.floor(n / participants)
    n++
    const update = device.write((me, who) => me.advance(who, index, timeOf(participants + n)))
    lengths.push(update.byteLength)
    pending.push(update)
    if (pending.length >= 1000) deliver()
    if (n !== stops[sizes.length]) continue
    deliver()
    sizes.push({ advances: n, structs: structsOf(hub), bytes: Y.encodeStateAsUpdate(hub).length })
  }
  const first = Math.max(...lengths.splice(0, participants))
  const most = lengths.reduce((a, b) => Math.max(a, b))
  return { sizes, wire: { first, typical: median(lengths), most } }
}

function structsOf(doc: Y.Doc): number {
  let n = -doc.getMap('fields').size
  for (const structs of doc.store.clients.values()) n += structs.length
  return n
}

function growthRows(participants: number, grown: Record<'ours' | 'usual' | 'best', Growth>): Row[] {
  return grown.ours.sizes.flatMap(({ advances, structs, bytes }, i) => {
    const usualSize = (grown.usual.sizes[i] ?? grown.usual.sizes.at(-1)) as Size
    const bestSize = grown.best.sizes[i] as Size
    const after = `after ${count(advances)} advances`
    const toUsual = bytes / usualSize.bytes
    const toBest = bytes / bestSize.bytes
    const isLong = advances / participants >= 1000
    return [
      {
        what: `structs ${after}`,
        participants,
        ours: count(structs),
        usual: structs / usualSize.structs,
        best: structs / bestSize.structs,
        target: atMost(structs / participants, 3, '≤ 3 each'),
      },
      {
        what: `bytes ${after}`,
        participants,
        ours: count(bytes),
        usual: toUsual,
        best: toBest,
        target: isLong
          ? { text: '≤ 0.01 usual, ≤ 1.1 best', isMet: toUsual <= 0.01 && toBest <= 1.1 }
          : atMost(toBest, 1.1, '≤ 1.1 best'),
      },
    ]
  })
}

function wireRows({ ours, usual, best }: Record<'ours' | 'usual' | 'best', Growth>): Row[] {
  const names = { typical: 'typical', most: 'most', first: 'first of a device' } as const
  return (['typical', 'most', 'first'] as const).map(which => {
    const bytes = ours.wire[which]
    return {
      what: `bytes, ${names[which]}`,
      participants: 100,
      ours: count(bytes),
      usual: bytes / usual.wire[which],
      best: bytes / best.wire[which],
      target: which === 'first' ? undefined : atMost(bytes, 38, '≤ 38 bytes'),
    }
  })
}
