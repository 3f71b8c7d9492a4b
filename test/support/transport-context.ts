import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { ConversationsError } from '../../src/base/errors.ts'
import type { TransportContext, TransportStatus } from '../../src/sync/provider.ts'

export interface RecordedContext extends TransportContext {
  readonly statuses: TransportStatus[]
  readonly synced: boolean[]
  readonly errors: ConversationsError[]
  /** Resolves when the transport says so, now or later. */
  whenStatus(status: TransportStatus): Promise<void>
  whenSynced(): Promise<void>
  destroy(): void
}

/** A document that is open, and everything its transport said about it. */
export function openContext(name = 'room'): RecordedContext {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  const statuses: TransportStatus[] = []
  const synced: boolean[] = []
  const errors: ConversationsError[] = []
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const check of waiting) check()
  }
  const when = (isTrue: () => boolean) =>
    new Promise<void>(resolve => {
      const check = () => {
        if (!isTrue()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  return {
    name,
    doc,
    awareness,
    statuses,
    synced,
    errors,
    onStatus(status) {
      statuses.push(status)
      changed()
    },
    onSynced(isSynced) {
      synced.push(isSynced)
      changed()
    },
    onError(error) {
      errors.push(error)
    },
    flushWrites() {},
    whenStatus: status => when(() => statuses.at(-1) === status),
    whenSynced: () => when(() => synced.at(-1) === true),
    destroy() {
      awareness.destroy()
      doc.destroy()
    },
  }
}

/** Resolves when `isTrue`, which is asked now and after each change of the awareness. */
export function whenAwareness(awareness: Awareness, isTrue: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const check = () => {
      if (!isTrue()) return
      awareness.off('update', check)
      resolve()
    }
    awareness.on('update', check)
    check()
  })
}

/** Resolves when `isTrue`, which is asked now and after each update of the document. */
export function whenDoc(doc: Y.Doc, isTrue: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const check = () => {
      if (!isTrue()) return
      doc.off('update', check)
      resolve()
    }
    doc.on('update', check)
    check()
  })
}
