import * as Y from 'yjs'
import { callSafely } from '../../base/emitter.ts'

type OnUpdate = (
  update: Uint8Array,
  origin: unknown,
  doc: Y.Doc,
  transaction: Y.Transaction,
) => void

/** A row that cannot be read, and what happens when one tries. */
export interface CorruptRow {
  index: number
  row: unknown
  error: unknown
}

/**
 * Brings rows into a document in one transaction that is not told to `onUpdate`, a listener of the document's updates;
 * but for those that are refused. Returns the rows that cannot be read.
 */
export function applyRows(
  doc: Y.Doc,
  rows: unknown[],
  origin: unknown,
  onUpdate: OnUpdate,
  isRefused: (row: Uint8Array) => boolean,
): CorruptRow[] {
  const corrupt: CorruptRow[] = []
  const applyAll = () => {
    rows.forEach((row, index) => {
      try {
        if (!(row instanceof Uint8Array)) throw new TypeError('Not an update')
        if (!isRefused(row)) Y.applyUpdate(doc, row)
      } catch (error) {
        corrupt.push({ index, row, error })
      }
    })
  }
  // Yjs encodes a transaction for those who listen to updates, here the whole document for nothing. But what observers
  // write while they are told what was loaded comes in transactions of their own, before this one returns.
  const listen = (transaction: Y.Transaction) => {
    if (transaction.origin !== origin) doc.on('update', onUpdate)
  }
  doc.off('update', onUpdate)
  doc.on('beforeObserverCalls', listen)
  // An observer that throws is the app's affair: the rows are in the document.
  callSafely(() => Y.transact(doc, applyAll, origin, false), [])
  doc.off('beforeObserverCalls', listen)
  doc.on('update', onUpdate)
  return corrupt
}
