import type { JSONValue } from '../src/base/json.ts'

/** Who takes part in the benchmarks: the same in every run. */

export function identityOf(person: number): string {
  return `person-${person}@example.org`
}

export function attributesOf(person: number, version = 0): { [name: string]: JSONValue } {
  return { nick: `Person ${person}`, color: '#1f9d55', status: `available ${version}` }
}

/** A Yjs client id for each person's one device, spread over 32 bits as random ones are. */
export function clientIdOf(person: number): number {
  return Math.imul(person + 1, 0x9e3779b1) >>> 0
}

const BEGIN = Date.UTC(2026, 0, 1)

/** Of the `n`-th thing that happens, in ms since 1970. */
export function timeOf(n: number): number {
  return BEGIN + n * 250
}
