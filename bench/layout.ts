import * as Y from 'yjs'
import type { JSONValue } from '../src/base/json.ts'
import { clientIdOf } from './people.ts'

export type Attributes = Record<string, JSONValue>

/** A way to keep the participants of a conversation in a Yjs document. */
export interface Layout {
  /** For writing; it also follows the document if this way of keeping things has to. */
  open(doc: Y.Doc): Writer
  /** What must be done before anything can be read. */
  read(doc: Y.Doc): unknown
}

/** Each call is one transaction. */
export interface Writer {
  join(person: number, now: number): void
  setRole(person: number, roleSid: string, now: number): void
  setAttributes(person: number, attributes: Attributes, now: number): void
  advance(person: number, index: number, now: number): void
}

/** The one device of a person. */
export class Device {
  readonly #writer: Writer
  readonly #person: number
  #update: Uint8Array = new Uint8Array()

  constructor(layout: Layout, person: number) {
    const doc = new Y.Doc()
    doc.clientID = clientIdOf(person)
    doc.on('update', (update: Uint8Array) => {
      this.#update = update
    })
    this.#writer = layout.open(doc)
    this.#person = person
  }

  /** Writes in one transaction; returns what goes over the wire. */
  write(write: (writer: Writer, person: number) => void): Uint8Array {
    write(this.#writer, this.#person)
    return this.#update
  }
}

/** Applies updates as one transaction. */
export function applyAll(doc: Y.Doc, updates: readonly Uint8Array[]): void {
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
}

export function replica(...updates: Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  applyAll(doc, updates)
  return doc
}
