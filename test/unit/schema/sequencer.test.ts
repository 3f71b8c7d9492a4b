import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { OutboxDocument } from '../../../src/schema/messages/outbox-document.ts'
import type { MessageCommand } from '../../../src/schema/messages/outbox-entry.ts'
import { PageDocument } from '../../../src/schema/messages/page-document.ts'
import { Sequencer } from '../../../src/schema/messages/sequencer.ts'

const PAGE_SIZE = 10

/** Outboxes, pages, and which of these the sequencer asked for. */
function conversation() {
  const outbox = new OutboxDocument(new Y.Doc())
  const pages = new Map<number, PageDocument>()
  let opened: number[] = []
  const flushed: string[] = []
  const pageAt = (number: number) => {
    const page = pages.get(number) ?? new PageDocument(new Y.Doc())
    pages.set(number, page)
    return page
  }
  const sequencer = new Sequencer({
    outbox,
    identity: { owner: 'alice' },
    pageSize: PAGE_SIZE,
    openPage: async number => {
      opened.push(number)
      return { page: pageAt(number), flush: async () => void flushed.push('page') }
    },
    flush: async () => void flushed.push('outboxes'),
  })
  return {
    outbox,
    /** What was made durable, in order. */
    flushed,
    pageAt,
    send(author = 'alice') {
      const counter = outbox.nextCounter(author)
      const content = { body: 'text', subject: null, attributes: undefined, media: [] }
      outbox.push(author, { kind: 'message', counter, lamport: counter, time: 1, content })
      return { writer: outbox.writer, counter }
    },
    remove(target: MessageCommand['target'], index: number | null = null) {
      outbox.push('alice', { kind: 'remove', target, index, time: 1 })
    },
    /** Returns the pages that it asked for. */
    async run() {
      opened = []
      expect(await sequencer.run()).toBe(true)
      return [...new Set(opened)].sort((a, b) => a - b)
    },
  }
}

describe('the sequencer', () => {
  it('looks at the newest page only, however many there are', async () => {
    const { send, run } = conversation()
    for (let i = 0; i < 95; i++) send()
    expect(await run()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (let i = 0; i < 4; i++) {
      send()
      expect(await run()).toEqual([9])
    }
  })

  it('looks for a message from the newest page on, and no further than it can be', async () => {
    const { send, remove, run, outbox } = conversation()
    const before = outbox.nextCounter('alice')
    remove({ writer: 5, counter: 1 })
    const sent = Array.from({ length: 95 }, () => send())
    await run()
    remove(sent[72] as MessageCommand['target'])
    expect(await run()).toEqual([7, 8, 9])
    // A counter of something that was no message, long ago and just now.
    remove({ writer: outbox.writer, counter: before })
    expect(await run()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    remove({ writer: outbox.writer, counter: outbox.nextCounter('alice') - 1 })
    send()
    expect(await run()).toEqual([9])
    expect(outbox.removed()).toEqual([{ index: 72, writer: outbox.writer }])
  })

  it('makes durable what asks for a change before the change, and that before it forgets about it', async () => {
    const { send, remove, run, flushed } = conversation()
    remove(send())
    await run()
    expect(flushed).toEqual(['outboxes', 'page', 'outboxes'])
  })

  it('leaves a command where it is whose message is still to come', async () => {
    const { remove, run, outbox } = conversation()
    remove({ writer: 7, counter: 3 })
    await run()
    expect(outbox.outboxes()).toHaveLength(1)
  })

  it('puts no message on a page twice, and goes on behind what somebody forged there', async () => {
    const { send, run, pageAt, outbox } = conversation()
    const first = send()
    const forged = { ...first, index: 4, author: 'alice', time: 1 }
    pageAt(0).write([{ ...forged, content: null, edits: undefined }], [], undefined)
    for (let i = 0; i < 4; i++) send()
    await run()
    send()
    await run()
    const log = pageAt(0).entries()
    expect(log.map(({ index }) => index)).toEqual(log.map((_, i) => i))
    expect(log.map(({ counter }) => counter).sort()).toEqual([1, 2, 3, 4, 5, 6])
    expect(outbox.outboxes()).toEqual([])
  })

  it('gives an index that is taken on its page to nobody else', async () => {
    const { send, run, pageAt } = conversation()
    const page = pageAt(0)
    const forged = { index: 4, author: 'mallory', writer: 7, counter: 7, time: 1 }
    page.write([{ ...forged, content: null, edits: undefined }], [], undefined)
    for (let i = 0; i < 8; i++) send()
    await run()
    expect(page.entries().map(({ index, author }) => `${index} ${author}`)).toEqual([
      '0 alice',
      '1 alice',
      '2 alice',
      '3 alice',
      '4 mallory',
      '5 alice',
      '6 alice',
      '7 alice',
      '8 alice',
    ])
  })
})
