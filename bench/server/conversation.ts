import * as Y from 'yjs'
import { conversationSid } from '../../src/base/ids.ts'
import { applyAll } from '../layout.ts'
import { ours } from '../ours.ts'
import { clientIdOf, timeOf } from '../people.ts'

/** What one person has written in a conversation. */
export interface Piece {
  readonly person: number
  readonly update: Uint8Array
}

export interface Crowd {
  readonly room: string
  /** The first is of who created it and added everybody; the others do not rest on one another. */
  readonly pieces: readonly [creation: Piece, ...others: Piece[]]
}

/** A conversation in which everybody has read something, each of them on a device of their own. */
export function gather(name: string, people: number): Crowd {
  const [creation, begun] = updateOf(0, [], document => {
    for (let person = 0; person < people; person++) document.join(person, timeOf(person))
  })
  const pieces: [Piece, ...Piece[]] = [{ person: 0, update: creation }]
  for (let person = 1; person < people; person++) {
    const [update] = updateOf(person, [begun], document =>
      document.advance(person, 0, timeOf(people)),
    )
    pieces.push({ person, update })
  }
  return { room: conversationSid(name), pieces }
}

function updateOf(
  person: number,
  before: readonly Uint8Array[],
  write: (document: ReturnType<typeof ours.open>) => void,
): [update: Uint8Array, after: Uint8Array] {
  const doc = docOf(person, before)
  const known = Y.encodeStateVector(doc)
  write(ours.open(doc))
  return [Y.encodeStateAsUpdate(doc, known), Y.encodeStateAsUpdate(doc)]
}

/** On somebody's device. */
export function docOf(person: number, updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  applyAll(doc, updates)
  doc.clientID = clientIdOf(person)
  return doc
}
