import fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import type { DocumentLog } from '../../../../src/server/index.ts'

/** A log by another road: a list of what there is. */
interface ModelDocument {
  snapshot: number[] | undefined
  floor: number
  rows: { seq: number; update: number[] }[]
  claims: Map<string, string>
}

const name = fc.constantFrom('room', 'room/o', 'other')
const update = fc.uint8Array({ maxLength: 4 })
const key = fc.constantFrom('one', 'two')
const owner = fc.constantFrom('alice', 'bob')
/** Which of the numbers that were given out. */
const pick = fc.nat(20)

const operation = fc.record({
  name,
  /** Which of two servers does it. */
  node: fc.nat(1),
  what: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('append' as const), updates: fc.array(update) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), pick }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('snapshot' as const), state: update, pick }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('claim' as const), key, owner }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('erase' as const) }) },
  ),
})

/** Any operations one after the other, by two servers where they can share. */
export function describeModel(place: () => Promise<() => Promise<DocumentLog>>): void {
  it('does what a list does, whatever is done by whom', async () => {
    const open = await place()
    const first = await open()
    const second = first.cluster ? await open() : first
    onTestFinished(() => first.close())
    onTestFinished(() => second.close())
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async operations => {
        const prefix = `${round++}/`
        const documents = new Map<string, ModelDocument>()
        const given: number[] = [0]
        for (const { name, node, what } of operations) {
          const log = node ? first : second
          const at = prefix + name
          const document = documents.get(name) ?? emptyDocument()
          const seq = 'pick' in what ? (given[what.pick % given.length] as number) : 0
          switch (what.kind) {
            case 'append': {
              const last = await log.append(at, what.updates)
              const before = lastOf(document)
              expect(last).toBeGreaterThanOrEqual(before + what.updates.length)
              for (const [i, update] of what.updates.entries()) {
                document.rows.push({ seq: last - what.updates.length + 1 + i, update: [...update] })
                given.push(last)
              }
              if (log.cluster) expect(last).toBe(before + what.updates.length)
              break
            }
            case 'read':
              expect(await shown(log, at, seq)).toEqual(expected(document, seq))
              break
            case 'snapshot':
              await log.snapshot(at, what.state, seq)
              fold(document, [...what.state], seq)
              break
            case 'claim': {
              const held = document.claims.get(what.key) ?? what.owner
              document.claims.set(what.key, held)
              expect(await log.claim(at, what.key, what.owner)).toBe(held)
              break
            }
            case 'erase':
              await log.erase(at)
              documents.delete(name)
              continue
          }
          if (document.rows.length > 0 || document.floor > 0 || document.claims.size > 0) {
            documents.set(name, document)
          }
        }
        for (const [name, document] of documents) {
          expect(await shown(first, prefix + name, 0)).toEqual(expected(document, 0))
        }
        const names: string[] = []
        for await (const name of second.names(prefix)) names.push(name.slice(prefix.length))
        expect(names.sort()).toEqual([...documents.keys()].sort())
      }),
    )
  })
}

const emptyDocument = (): ModelDocument => ({
  snapshot: undefined,
  floor: 0,
  rows: [],
  claims: new Map(),
})

const lastOf = ({ rows, floor }: ModelDocument) => rows.at(-1)?.seq ?? floor

function fold(document: ModelDocument, state: number[], upTo: number): void {
  const isThere = document.rows.some(({ seq }) => seq <= upTo) || document.floor > 0
  if (!isThere || upTo < document.floor || upTo > lastOf(document)) return
  document.snapshot = state
  document.floor = upTo
  document.rows = document.rows.filter(({ seq }) => seq > upTo)
}

function expected(document: ModelDocument, after: number) {
  const rows = document.rows.filter(({ seq }) => seq > after).map(({ update }) => update)
  const { snapshot, floor, claims } = document
  return {
    updates: snapshot && floor > after ? [snapshot, ...rows] : rows,
    upTo: lastOf(document),
    claims: [...claims].sort(),
  }
}

async function shown(log: DocumentLog, name: string, after: number) {
  const { updates, upTo, claims } = await log.read(name, after)
  return { updates: plain(updates), upTo, claims: [...claims].sort() }
}

export const plain = (updates: readonly Uint8Array[]) => updates.map(update => [...update])

export async function contents(log: DocumentLog, name: string) {
  const { updates, upTo } = await log.read(name)
  return { updates: plain(updates), upTo }
}
