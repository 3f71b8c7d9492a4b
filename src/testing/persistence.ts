import * as Y from 'yjs'
import { ConversationsError, type StorageFailure } from '../base/errors.ts'
import type { IdleWriter, Persistence } from '../sync/provider.ts'
import { nextTask } from './task.ts'

/** Rows of Yjs updates by document name, in a `Map` or a plain object that the caller keeps. */
export type MemoryStore = Map<string, Uint8Array[]> | Record<string, Uint8Array[]>

export interface MemoryPersistenceOptions {
  /** Loading waits for this. */
  holdLoad?: Promise<unknown>
  /** Asked once, when a document is loaded: `true` makes loading fail. */
  failLoad?: () => boolean
  /** Asked at every write: `true` makes it fail. What has failed is stored with the next write that does not. */
  failWrites?: () => boolean
}

const maxRows = 200

/** What sessions left, by document name. Whoever copies the rows only has none of it, and loses nothing. */
const idleWriters = new WeakMap<MemoryStore, Map<string, IdleWriter[]>>()

/**
 * Keeps documents in memory. The same store given again is a restart of the device: a document comes back with
 * every write, also those right before a "crash", because each is stored while it happens.
 */
export function memoryPersistence(
  store: MemoryStore = new Map(),
  options: MemoryPersistenceOptions = {},
): Persistence {
  return ({ name, doc, onError }) => {
    const origin = {}
    let isComplete = true
    let isLoaded = false
    let isDestroyed = false

    function report(reason: StorageFailure, message: string, cause?: unknown): void {
      onError(new ConversationsError('storage', message, { reason, cause }))
    }

    function write(update: Uint8Array): void {
      if (options.failWrites?.()) {
        isComplete = false
        report('aborted', `Memory storage was told to fail to write "${name}"`)
        return
      }
      const rows = rowsOf(store, name)
      rows.push(isComplete ? update : Y.encodeStateAsUpdate(doc))
      isComplete = true
      if (rows.length > maxRows) fold(rows, doc.gc)
    }

    function onUpdate(update: Uint8Array, updateOrigin: unknown): void {
      if (updateOrigin !== origin) write(update)
    }

    async function load(): Promise<void> {
      await nextTask()
      await options.holdLoad
      if (isDestroyed) return
      if (options.failLoad?.()) {
        report('open-failed', `Memory storage was told to fail to load "${name}"`)
        return
      }
      isLoaded = true
      const corrupt = apply(rowsOf(store, name), doc, origin)
      if (corrupt.length > 0) report('corrupt-row', `A row of "${name}" was set aside`)
    }

    async function flush(): Promise<void> {
      if (!isComplete && !isDestroyed) write(Y.encodeStateAsUpdate(doc))
    }

    doc.on('update', onUpdate)
    return {
      writers: {
        async take(owner) {
          if (!isLoaded || isDestroyed || options.failWrites?.()) return undefined
          const idle = idleIn(store, name)
          const index = idle.findIndex(writer => writer.owner === owner)
          return index < 0 ? undefined : idle.splice(index, 1)[0]
        },
        put(writer) {
          if (!isDestroyed && !options.failWrites?.()) idleIn(store, name).push(writer)
        },
      },
      whenLoaded: load(),
      flush,
      // The state itself is in the event that tells of it.
      async setAside() {
        if (isDestroyed) return
        rowsOf(store, name).length = 0
        isComplete = true
      },
      async destroy() {
        await flush()
        isDestroyed = true
        doc.off('update', onUpdate)
      },
    }
  }
}

function rowsOf(store: MemoryStore, name: string): Uint8Array[] {
  const known = store instanceof Map ? store.get(name) : Object.hasOwn(store, name) && store[name]
  if (known) return known
  const rows: Uint8Array[] = []
  if (store instanceof Map) store.set(name, rows)
  // By definition, not assignment, because a document may be called `__proto__`.
  else Object.defineProperty(store, name, { value: rows, enumerable: true, configurable: true })
  return rows
}

function idleIn(store: MemoryStore, name: string): IdleWriter[] {
  const byName = idleWriters.get(store) ?? new Map<string, IdleWriter[]>()
  idleWriters.set(store, byName)
  const idle = byName.get(name) ?? []
  byName.set(name, idle)
  return idle
}

/** Applies rows in one transaction; returns those that cannot be read. */
function apply(rows: Uint8Array[], doc: Y.Doc, origin: object): Uint8Array[] {
  return doc.transact(() => rows.filter(row => !canApply(row, doc, origin)), origin)
}

function canApply(row: Uint8Array, doc: Y.Doc, origin: object): boolean {
  try {
    Y.applyUpdate(doc, row, origin)
    return true
  } catch {
    return false
  }
}

/** Makes one row of many. In a document of its own: another open document may have written some of them. */
function fold(rows: Uint8Array[], gc: boolean): void {
  const doc = new Y.Doc({ gc })
  const corrupt = apply(rows, doc, fold)
  rows.splice(0, rows.length, Y.encodeStateAsUpdate(doc), ...corrupt)
  doc.destroy()
}
