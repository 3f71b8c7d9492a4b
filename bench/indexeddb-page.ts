import { IndexeddbPersistence } from 'y-indexeddb'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { indexeddb } from '../src/sync/indexeddb.ts'

/*
 * Runs in a page. Both do the same, turn about, each with databases of its own: y-indexeddb adds a row whenever it
 * opens one, so that the second time would not be the same for both.
 */

export interface Burst {
  /** Until the code that wrote, and what follows in microtasks, has run. */
  mainThreadMs: number
  durableMs: number
}

export interface Contender<T> {
  raw: T[]
  ours: T[]
}

interface Opened {
  doc: Y.Doc
  /** Resolves when all that was written is in completed transactions. */
  flush(): Promise<unknown>
  close(): Promise<unknown>
}

type Open = (name: string) => Promise<Opened>

const openRaw: Open = async name => {
  const doc = new Y.Doc()
  new Awareness(doc)
  const persistence = new IndexeddbPersistence(name, doc)
  await persistence.whenSynced
  return { doc, flush: () => lastTransaction(persistence.db), close: () => persistence.destroy() }
}

const openOurs: Open = async name => {
  const doc = new Y.Doc()
  const handle = indexeddb({ askToPersist: false })({
    name,
    doc,
    awareness: new Awareness(doc),
    onError: error => console.error(error),
  })
  await handle.whenLoaded
  return { doc, flush: () => handle.flush(), close: () => handle.destroy() }
}

/** Transactions on one store complete in their order. */
function lastTransaction(db: IDBDatabase | null): Promise<void> {
  if (!db) throw new Error('The database is not open')
  return new Promise((resolve, reject) => {
    const transaction = db.transaction('updates', 'readwrite')
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
    transaction.commit()
  })
}

/** As 100 people write it: a record and two changes each, every change a row. */
function conversation(): Uint8Array[] {
  const rows: Uint8Array[] = []
  for (let person = 0; person < 100; person++) {
    const doc = new Y.Doc()
    doc.on('update', update => rows.push(update))
    const identity = `person-${person}`
    doc
      .getMap('participants')
      .set(identity, [
        'chat',
        1_700_000_000_000 + person,
        { name: `Person ${person}`, colour: 'blue' },
      ])
    doc.getMap('horizons').set(identity, [person, 1_700_000_000_000])
    doc.getMap('horizons').set(identity, [person + 1, 1_700_000_000_001])
  }
  return rows
}

async function seed(name: string, rows: Uint8Array[]): Promise<void> {
  const request = indexedDB.open(name)
  await new Promise((resolve, reject) => {
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('updates', { autoIncrement: true })
      request.result.createObjectStore('custom')
      for (const row of rows) store.add(row)
    }
    request.onsuccess = resolve
    request.onerror = reject
  })
  request.result.close()
}

/** Milliseconds from nothing to a loaded document. */
export async function measureOpening(
  rounds: number,
  asOneRow: boolean,
): Promise<Contender<number>> {
  const rows = conversation()
  const content = asOneRow ? [Y.mergeUpdates(rows)] : rows
  const run = `open-${asOneRow}-${Math.random()}`
  for (let round = 0; round < rounds; round++) {
    await seed(`${run}-raw-${round}`, content)
    await seed(`${run}-ours-${round}`, content)
  }
  return inTurns(rounds, async (open, who, round) => {
    const startedAt = performance.now()
    const { doc, close } = await open(`${run}-${who}-${round}`)
    const tookMs = performance.now() - startedAt
    if (doc.getMap('participants').size !== 100) throw new Error(`${who} did not load`)
    await close()
    return tookMs
  })
}

/** `count` updates in one task, in a small document. */
export function measureBurst(rounds: number, count: number): Promise<Contender<Burst>> {
  const run = `burst-${Math.random()}`
  return inTurns(rounds, async (open, who, round) => {
    const { doc, flush, close } = await open(`${run}-${who}-${round}`)
    const map = doc.getMap('map')
    const startedAt = performance.now()
    for (let index = 0; index < count; index++) map.set(`key ${index}`, index)
    const flushed = flush()
    // Queued after ours, so that the encoding that happens in a microtask is counted.
    await Promise.resolve()
    const mainThreadMs = performance.now() - startedAt
    await flushed
    const durableMs = performance.now() - startedAt
    await close()
    return { mainThreadMs, durableMs }
  })
}

async function inTurns<T>(
  rounds: number,
  measure: (open: Open, who: string, round: number) => Promise<T>,
): Promise<Contender<T>> {
  const result: Contender<T> = { raw: [], ours: [] }
  for (let round = 0; round < rounds; round++) {
    const raw = async () => result.raw.push(await measure(openRaw, 'raw', round))
    const ours = async () => result.ours.push(await measure(openOurs, 'ours', round))
    for (const turn of round % 2 === 0 ? [raw, ours] : [ours, raw]) await turn()
  }
  return result
}
