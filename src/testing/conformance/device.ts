import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { ConversationsError } from '../../base/errors.ts'
import type { TransportContext, TransportStatus } from '../../sync/provider.ts'
import { assertEqual } from './suite.ts'

/** A document as a provider gets it, with notes of all that the provider does. */
export class Device {
  readonly doc = new Y.Doc()
  readonly awareness = new Awareness(this.doc)
  readonly notes = this.doc.getMap<unknown>('notes')
  readonly errors: ConversationsError[] = []
  readonly statuses: TransportStatus[] = []
  readonly synced: boolean[] = []
  readonly context: TransportContext
  readonly #patienceMs: number
  readonly #watchers = new Set<() => void>()

  constructor(name: string, patienceMs = 10_000) {
    this.#patienceMs = patienceMs
    const noteIn =
      <T>(list: T[]) =>
      (value: T) => {
        list.push(value)
        this.#notify()
      }
    this.context = {
      name,
      doc: this.doc,
      awareness: this.awareness,
      onError: noteIn(this.errors),
      onStatus: noteIn(this.statuses),
      onSynced: noteIn(this.synced),
      flushWrites() {},
    }
    this.doc.on('update', () => this.#notify())
    this.awareness.on('change', () => this.#notify())
  }

  get status(): TransportStatus {
    return this.statuses.at(-1) ?? 'disconnected'
  }

  get isSynced(): boolean {
    return this.synced.at(-1) ?? false
  }

  /** What this device sees in `other`'s awareness state. */
  stateOf(other: Device): Record<string, unknown> | undefined {
    return this.awareness.getStates().get(other.awareness.clientID)
  }

  /** Resolves as soon as an event makes the condition hold. */
  until(condition: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = () => {
        if (!condition()) return
        stop()
        resolve()
      }
      const timer = setTimeout(() => {
        stop()
        reject(new Error(`Waited ${this.#patienceMs} ms in vain until ${what}`))
      }, this.#patienceMs)
      const stop = () => {
        clearTimeout(timer)
        this.#watchers.delete(watch)
      }
      this.#watchers.add(watch)
      watch()
    })
  }

  assertNotes(expected: Record<string, unknown>, message: string): void {
    assertEqual(sorted(this.notes.toJSON()), sorted(expected), message)
  }

  destroy(): void {
    this.awareness.destroy()
    this.doc.destroy()
  }

  #notify(): void {
    for (const watch of [...this.#watchers]) watch()
  }
}

function sorted(record: Record<string, unknown>): [string, unknown][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}
