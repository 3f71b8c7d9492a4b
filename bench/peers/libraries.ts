import { automerge } from './automerge.ts'
import type { Library } from './library.ts'
import { loro } from './loro.ts'
import { ours } from './ours.ts'
import { tinybase } from './tinybase.ts'
import { yjs } from './yjs.ts'

export const libraries = { ours, yjs, automerge, loro, tinybase } satisfies Record<string, Library>

export type LibraryName = keyof typeof libraries
export type PeerName = Exclude<LibraryName, 'ours'>

const NAMES = Object.keys(libraries) as LibraryName[]

export function each<Value>(of: (name: LibraryName) => Value): Record<LibraryName, Value> {
  return Object.fromEntries(NAMES.map(name => [name, of(name)])) as Record<LibraryName, Value>
}

export async function eachInTurn<Value>(
  of: (name: LibraryName) => Promise<Value>,
): Promise<Record<LibraryName, Value>> {
  const values = new Map<LibraryName, Value>()
  for (const name of NAMES) values.set(name, await of(name))
  return each(name => values.get(name) as Value)
}

/** The documents of one conversation, in each of them. */
export type Built = Readonly<Record<LibraryName, ReadonlyMap<string, Uint8Array>>>
