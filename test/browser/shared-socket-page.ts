import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { websocket } from '../../src/sync/websocket/index.ts'

export interface PageRooms {
  readonly maps: ReadonlyMap<string, Y.Map<unknown>>
  readonly errors: string[]
  /** Resolves when all are synced. */
  readonly whenSynced: Promise<void>
  /** Resolves when this is so in every room. */
  whenAll(key: string, value: unknown): Promise<void>
}

/** Documents `room-0`, `room-1` … of one transport in this page. */
export function openRooms(url: string, count: number): PageRooms {
  const transport = websocket({ url })
  const maps = new Map<string, Y.Map<unknown>>()
  const errors: string[] = []
  const target = new EventTarget()
  let synced = 0
  const when = (isTrue: () => boolean) =>
    new Promise<void>(resolve => {
      const check = () => {
        if (!isTrue()) return
        target.removeEventListener('change', check)
        resolve()
      }
      target.addEventListener('change', check)
      check()
    })
  const changed = () => target.dispatchEvent(new Event('change'))
  for (let i = 0; i < count; i++) {
    const name = `room-${i}`
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    awareness.setLocalState(null)
    maps.set(name, doc.getMap('map'))
    doc.on('update', changed)
    transport({
      name,
      doc,
      awareness,
      onStatus() {},
      onSynced(isSynced) {
        synced += isSynced ? 1 : -1
        changed()
      },
      onError: error => errors.push(error.message),
      flushWrites() {},
    }).connect()
  }
  return {
    maps,
    errors,
    whenSynced: when(() => synced === count),
    whenAll: (key, value) => when(() => [...maps.values()].every(map => map.get(key) === value)),
  }
}
