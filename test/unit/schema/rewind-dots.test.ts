import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { ConversationDocument } from '../../../src/schema/conversation-document.ts'
import { join, lastReadIndex } from '../../../src/schema/horizon.ts'

const now = Date.UTC(2026, 0, 1)

function open(doc: Y.Doc) {
  const document = new ConversationDocument(doc, () => {})
  document.start()
  return { document, entry: document.entry('alice') }
}

it('a rewind of a writer that goes on without what superseded its slot is still a new one', () => {
  // The phone went back to 3; the other device has seen that, reads on to 9, and tidies up the phone's slot.
  const before = new Y.Doc()
  const phone = open(before)
  before.transact(() => {
    phone.document.advanceHorizon(phone.entry, { index: 8 }, now)
    phone.document.writeHorizon(phone.entry)
  })
  phone.document.rewindHorizon(phone.entry, { index: 3 }, now)
  const other = new Y.Doc()
  for (let i = 0; i < 3; i++) {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(i === 0 ? before : other))
    const device = open(doc)
    device.document.advanceHorizon(device.entry, { index: 4 + i }, now)
    device.document.transact(() => device.document.writeHorizon(device.entry))
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
  }
  const laptop = open(other)
  laptop.document.advanceHorizon(laptop.entry, { index: 9 }, now)
  laptop.document.transact(() => laptop.document.writeHorizon(laptop.entry))
  expect(laptop.entry.slots).not.toContain(before.clientID)

  // Of all that the phone has received the deletion only when it restarts, under the same client id.
  const after = new Y.Doc()
  Y.applyUpdate(after, Y.encodeStateAsUpdate(before))
  after.transact(() => {
    for (const key of [...after.getMap('horizons').keys()]) after.getMap('horizons').delete(key)
  })
  after.clientID = before.clientID
  const again = open(after)
  expect(lastReadIndex(again.entry.horizon)).toBe(null)
  again.document.advanceHorizon(again.entry, { index: 7 }, now)
  again.document.rewindHorizon(again.entry, { index: 5 }, now)

  // It had not seen that 9 was read, so both stand, and the lower one counts.
  expect(lastReadIndex(join(laptop.entry.horizon, again.entry.horizon))).toBe(5)
  Y.applyUpdate(other, Y.encodeStateAsUpdate(after))
  expect(lastReadIndex(laptop.entry.horizon)).toBe(5)
})
