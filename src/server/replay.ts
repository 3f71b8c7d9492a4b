import * as Y from 'yjs'

/**
 * Builds a document from its log, in one transaction: applying a long log one by one is slow, and merging it with
 * `Y.mergeUpdates` is slower still. An update that cannot be applied (a damaged disk) is left out, whole.
 */
export function replay(
  updates: readonly Uint8Array[],
  onBadUpdate: (index: number, error: unknown) => void,
): Y.Doc {
  const whole = new Y.Doc({ guid: '', gc: true })
  try {
    whole.transact(() => {
      for (const update of updates) Y.applyUpdate(whole, update)
    })
    return whole
  } catch {
    whole.destroy()
    return replayOneByOne(updates, onBadUpdate)
  }
}

function replayOneByOne(
  updates: readonly Uint8Array[],
  onBadUpdate: (index: number, error: unknown) => void,
): Y.Doc {
  const bad = new Set<number>()
  for (;;) {
    const doc = new Y.Doc({ guid: '', gc: true })
    const failure = findFailure(doc, updates, bad)
    if (!failure) return doc
    // A transaction that threw leaves a document behind that is half changed and observes nothing any more.
    doc.destroy()
    bad.add(failure.index)
    onBadUpdate(failure.index, failure.error)
  }
}

function findFailure(doc: Y.Doc, updates: readonly Uint8Array[], bad: ReadonlySet<number>) {
  for (const [index, update] of updates.entries()) {
    if (bad.has(index)) continue
    try {
      Y.applyUpdate(doc, update)
    } catch (error) {
      return { index, error }
    }
  }
  return undefined
}
