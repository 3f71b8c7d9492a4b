import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { PageDocument } from '../../../src/schema/messages/page-document.ts'
import { runs } from '../../support/runs.ts'

const entry = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.nat(5), fc.nat(2), fc.nat(3), fc.string({ maxLength: 2 }))
      .map(([index, writer, counter, body]) => [index, 'a', writer, counter, 1, [body]]),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, 7, 'x', ['x'], {}) },
)
const change = fc.record({
  doc: fc.nat(1),
  at: fc.nat(10),
  deleted: fc.nat(2),
  inserted: fc.array(entry, { maxLength: 4 }),
  meets: fc.boolean(),
})

describe('a page that is open', () => {
  it('has the same entries, whatever was done to it, as one that was opened just now', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 12 }), steps => {
        const docs = [new Y.Doc(), new Y.Doc()] as [Y.Doc, Y.Doc]
        const pages = docs.map(doc => new PageDocument(doc))
        for (const step of steps) {
          for (const { doc: n, at, deleted, inserted, meets } of step) {
            const doc = docs[n] as Y.Doc
            const log = doc.getArray('log')
            doc.transact(() => {
              const place = Math.min(at, log.length)
              log.delete(place, Math.min(deleted, log.length - place))
              log.insert(Math.min(at, log.length), inserted)
              if (at % 3 === 0) log.push(inserted)
            })
            if (!meets) continue
            const other = docs[1 - n] as Y.Doc
            Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
          }
          for (const [n, page] of pages.entries()) {
            const copy = new Y.Doc()
            Y.applyUpdate(copy, Y.encodeStateAsUpdate(docs[n] as Y.Doc))
            const fresh = new PageDocument(copy)
            expect(page.entries()).toEqual(fresh.entries())
            for (const one of fresh.entries()) {
              expect(page.at(one.index)).toEqual(one)
              expect(page.find(one)).toEqual(one)
            }
          }
        }
      }),
      runs(300),
    )
  })

  it('is up to date for who is told of a change', () => {
    const doc = new Y.Doc()
    const seen: number[] = []
    const page = new PageDocument(doc)
    page.follow(() => seen.push(page.entries().length))
    doc.getArray('log').push([[0, 'a', 1, 1, 1, ['x']]])
    doc.getArray('log').push([[1, 'a', 1, 2, 1, ['x']]])
    expect(seen).toEqual([1, 2])
  })
})
