import { beforeEach, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { OUTBOX_ROOTS, OutboxDocument } from '../../../../src/schema/messages/outbox-document.ts'
import type { MessageCommand, OutboxEntry } from '../../../../src/schema/messages/outbox-entry.ts'
import { DEFAULT_PERMISSIONS, type Permission } from '../../../../src/schema/permissions.ts'
import { copyOf, NOW_MS, OutboxGate, SKEW_MS, updateOf } from './gate.ts'
import { putTogether, takeApart } from './surgery.ts'

const WRITERS: Record<string, number> = { alice: 1001, bob: 1002, carol: 1003 }

let gate: OutboxGate

function begin(member: readonly Permission[] = ['sendMessage']): void {
  gate = new OutboxGate({ ...DEFAULT_PERMISSIONS, member })
  gate.facts.creator = 'dave'
  for (const who of ['alice', 'bob', 'carol']) gate.roles.set(who, '')
}

beforeEach(() => {
  begin()
  submit(send('alice', 'from alice'), 'alice')
})

function act(
  who: string,
  write: (outbox: OutboxDocument, doc: Y.Doc) => unknown,
  writer = WRITERS[who] as number,
): Uint8Array {
  const doc = copyOf(gate.doc, writer)
  const outbox = new OutboxDocument(doc)
  return updateOf(doc, () => write(outbox, doc))
}

const message = (counter: number, more: object = {}, content: object = {}): OutboxEntry =>
  ({
    kind: 'message',
    counter,
    lamport: 1,
    time: NOW_MS,
    content: { body: 'x', subject: null, attributes: undefined, media: [], ...content },
    ...more,
  }) as OutboxEntry
const send = (who: string, body: string, writer?: number) =>
  act(who, outbox => outbox.push(who, message(outbox.nextCounter(who), {}, { body })), writer)
/** Values put behind what is in somebody's outbox, or into a new one. */
const push = (who: string, ...values: unknown[]) =>
  act(who, (outbox, doc) => {
    outbox.push(who, message(outbox.nextCounter(who)))
    ;(doc.getMap('outbox').get(`${who}|${doc.clientID.toString(36)}`) as Y.Array<unknown>).push(
      values,
    )
  })
const command = (who: string, target: string | number, what: object, time = NOW_MS) =>
  act(who, outbox => {
    const writer = typeof target === 'number' ? target : (WRITERS[target] as number)
    const to = { target: { writer, counter: 1 }, index: null, time }
    outbox.push(who, { ...what, ...to } as MessageCommand)
  })

const submit = (update: Uint8Array, author: string) => {
  const verdict = gate.submit(update, author)
  gate.apply()
  return verdict
}
const ok = { kind: 'accepted', changesStanding: false }
const no = (reason: string | RegExp = /./) => ({
  kind: 'refused',
  code: 'forbidden',
  reason: expect.stringMatching(reason),
})

describe('sending', () => {
  it('is for participants who may', () => {
    expect(submit(send('bob', 'hi'), 'bob')).toEqual({ ...ok, newWriters: [WRITERS.bob] })
    expect(submit(send('bob', 'again'), 'bob')).toMatchObject(ok)
    begin([])
    expect(submit(send('bob', 'hi'), 'bob')).toMatchObject(no('may not send'))
  })

  it('waits for the participant', () => {
    const update = send('erin', 'hi', 4000)
    expect(submit(update, 'erin')).toMatchObject({ kind: 'waiting' })
    gate.facts.creator = 'erin'
    expect(submit(update, 'erin')).toMatchObject(ok)
    gate.roles.set('fred', '')
    expect(submit(send('fred', 'hi', 4001), 'fred')).toMatchObject(ok)
  })

  it('is numbered on', () => {
    const numbered = (counter: number) => act('bob', outbox => outbox.push('bob', message(counter)))
    expect(submit(numbered(2), 'bob')).toMatchObject(no('number 2 instead of 1'))
    expect(submit(numbered(1), 'bob')).toMatchObject(ok)
    expect(submit(numbered(1), 'bob')).toMatchObject(no('number 1 instead of 2'))
    expect(submit(command('bob', 'bob', { kind: 'remove' }), 'bob')).toMatchObject(ok)
    expect(submit(numbered(2), 'bob')).toMatchObject(no('instead of 3'))
    expect(submit(numbered(3), 'bob')).toMatchObject(ok)
  })

  it('goes on in the same batch, and behind what the server has taken out', () => {
    const doc = new Y.Doc()
    doc.clientID = WRITERS.bob as number
    const outbox = new OutboxDocument(doc)
    for (let counter = 1; counter <= 3; counter++) {
      const update = updateOf(doc, () => outbox.push('bob', message(counter)))
      expect(gate.submit(update, 'bob'), String(counter)).toMatchObject(ok)
    }
    gate.apply()
    gate.doc.transact(() =>
      (gate.doc.getMap('outbox').get('bob|ru') as Y.Array<unknown>).delete(0, 3),
    )
    expect(submit(send('bob', 'next'), 'bob')).toMatchObject(ok)
    expect(
      submit(
        updateOf(doc, () => outbox.push('bob', message(4))),
        'bob',
      ),
    ).toMatchObject(ok)
  })

  it('is putting at the end of the own outbox, which is made once', () => {
    expect(submit(send('bob', 'hi'), 'bob')).toMatchObject(ok)
    const array = (doc: Y.Doc, who: string) =>
      doc
        .getMap('outbox')
        .get(`${who}|${(WRITERS[who] as number).toString(36)}`) as Y.Array<unknown>
    const first = act('bob', (_, doc) => array(doc, 'bob').insert(0, [['m', 2, 1, NOW_MS, ['x']]]))
    expect(submit(first, 'bob')).toMatchObject(no('at the end'))
    const another = act('bob', (_, doc) => array(doc, 'alice').push([['m', 2, 1, NOW_MS, ['x']]]))
    expect(submit(another, 'bob')).toMatchObject(no('that participant only'))
    const again = act('bob', (_, doc) => doc.getMap('outbox').set('bob|ru', new Y.Array()))
    expect(submit(again, 'bob')).toMatchObject(no())
    // Yjs deletes what it replaces, whether the update says so or not.
    const quiet = putTogether({ ...takeApart(again), deletions: [] })
    expect(submit(quiet, 'bob')).toMatchObject(no('made once'))
    const other = (type: unknown, writer: number) =>
      act(
        'carol',
        (_, doc) => doc.getMap('outbox').set(`carol|${writer.toString(36)}`, type),
        writer,
      )
    expect(submit(other(new Y.Map(), 1003), 'carol')).toMatchObject(no('made once'))
    expect(submit(other(new Y.XmlFragment(), 1003), 'carol')).toMatchObject(no('made once'))
    expect(submit(other([1], 1003), 'carol')).toMatchObject(no('made once'))
    expect(submit(other(new Y.Array(), 1003), 'carol')).toMatchObject(ok)
    const text = act('carol', (_, doc) => array(doc, 'carol').push([new Y.Text('x')]))
    expect(submit(text, 'carol')).toMatchObject(no('no message'))
  })

  it('is not for who deletes, or is not the server', () => {
    expect(submit(send('bob', 'hi'), 'bob')).toMatchObject(ok)
    const clear = act('bob', (_, doc) =>
      (doc.getMap('outbox').get('bob|ru') as Y.Array<1>).delete(0),
    )
    expect(submit(clear, 'bob')).toMatchObject(no('empties'))
    const drop = act('bob', (_, doc) => doc.getMap('outbox').delete('alice|rt'))
    expect(submit(drop, 'bob')).toEqual({ ...no('empties'), writers: [WRITERS.alice] })
    for (const root of [OUTBOX_ROOTS.log, OUTBOX_ROOTS.removed, 'other']) {
      const list = act('bob', (_, doc) =>
        doc.getArray(root === 'log' ? root : `${root}s`).push([1]),
      )
      expect(submit(list, 'bob')).toMatchObject(no('only the server'))
    }
    const mark = act('bob', (_, doc) => doc.getMap('removed').set('0', WRITERS.alice))
    expect(submit(mark, 'bob')).toMatchObject(no('only the server'))
  })

  it('has the forms and sizes that there are', () => {
    const content = (part: object) =>
      submit(
        act('bob', outbox => {
          outbox.push('bob', message(outbox.nextCounter('bob'), {}, part))
        }),
        'bob',
      )
    const hash = 'a'.repeat(64)
    const media = { hash, contentType: 'text/plain', size: 1, filename: 'f' }
    expect(content({ body: 'x'.repeat(32_769) })).toMatchObject(no('too large'))
    expect(content({ subject: 'x'.repeat(257) })).toMatchObject(no('too large'))
    expect(content({ attributes: 'x'.repeat(65_537) })).toMatchObject(no('too large'))
    expect(content({ media: [{ ...media, filename: 'x'.repeat(257) }] })).toMatchObject(no())
    expect(content({ media: [{ ...media, hash: 'x' }] })).toMatchObject(no())
    const all = { body: 'x'.repeat(32_768), subject: '', attributes: '{}', media: [media, media] }
    expect(content(all)).toMatchObject(ok)
    for (const bad of [
      1,
      null,
      ['x'],
      ['m', 3, 1, NOW_MS, ['x'], 0],
      ['m', 3, 1, NOW_MS, ['x', {}]],
    ]) {
      expect(submit(push('bob', bad), 'bob'), JSON.stringify(bad)).toMatchObject(no('no message'))
    }
    const late = act('bob', outbox =>
      outbox.push('bob', message(2, { time: NOW_MS + 2 * SKEW_MS })),
    )
    expect(submit(late, 'bob')).toMatchObject(no('600 s ahead'))
  })
})

describe('what is done to messages', () => {
  const body = { kind: 'body', body: 'y' }
  const react = { kind: 'attributes', changes: { set: [{ path: ['.a'], value: 1 }], delete: [] } }
  const removal = { kind: 'remove' }

  it('is free to their authors, from any device', () => {
    expect(submit(send('bob', 'hi', 4000), 'bob')).toMatchObject(ok)
    for (const what of [body, react, removal]) {
      expect(submit(command('bob', 4000, what), 'bob')).toMatchObject(ok)
    }
    // Of before anybody was asked who they are: the outbox says whose it is.
    gate.claims.delete(4000)
    expect(submit(command('bob', 4000, body), 'bob')).toMatchObject(ok)
  })

  it.each([
    ['body', body, 'editMessage'],
    ['attributes', react, 'editMessageAttributes'],
    ['removal', removal, 'removeMessage'],
  ] as const)('of others is for those who may: %s', (_, what, permission) => {
    expect(submit(command('bob', 'alice', what), 'bob')).toMatchObject(no('may not do this'))
    begin([permission])
    gate.claims.set(WRITERS.alice as number, 'alice')
    expect(submit(command('bob', 'alice', what), 'bob')).toMatchObject(ok)
    expect(submit(send('bob', 'hi'), 'bob')).toMatchObject(no('may not send'))
  })

  it('waits where it is not known whose they are', () => {
    expect(submit(command('bob', 4444, body), 'bob')).toMatchObject({ kind: 'waiting' })
  })

  it('has the forms and sizes that there are', () => {
    const long = { kind: 'body', body: 'x'.repeat(32_769) }
    expect(submit(command('alice', 'alice', long), 'alice')).toMatchObject(no('too large'))
    const set = [{ path: ['.a'], value: 'x'.repeat(65_537) }]
    const wide = { kind: 'attributes', changes: { set, delete: [] } }
    expect(submit(command('alice', 'alice', wide), 'alice')).toMatchObject(no('too large'))
    const to = [WRITERS.alice, 1, null, NOW_MS]
    for (const bad of [
      ['a', ...to, [['.a', 1]], []],
      ['a', ...to, [], [1]],
      ['r', ...to, 'more'],
      ['b', ...to, 'y', 'more'],
    ]) {
      expect(submit(push('alice', bad), 'alice'), JSON.stringify(bad)).toMatchObject(no())
    }
  })
})
