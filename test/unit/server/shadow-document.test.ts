import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { systemClock } from '../../../src/base/clock.ts'
import { defaultTimings } from '../../../src/server/options.ts'
import { ShadowDocument } from '../../../src/server/shadow-document.ts'
import { updateOf } from './support/clients.ts'

const CLIENT_ID = 7

function openShadow() {
  const submitted: Uint8Array[] = []
  const room = { submit: (update: Uint8Array) => void submitted.push(update), onClosed() {} }
  const state = Y.encodeStateAsUpdate(new Y.Doc())
  const context = { clock: systemClock, timings: defaultTimings }
  return { submitted, shadow: new ShadowDocument(context, room, state, CLIENT_ID) }
}

const update = (clientId: number) => updateOf(doc => doc.getMap('map').set('key', 1), clientId)

it('takes what others write', () => {
  const { shadow } = openShadow()
  shadow.receive(update(CLIENT_ID + 1))
  expect(shadow.doc.getMap('map').get('key')).toBe(1)
  expect(shadow.isOver).toBe(false)
  shadow.close()
})

it('is over as soon as another server is seen to write under its client id', async () => {
  const { shadow, submitted } = openShadow()
  shadow.receive(update(CLIENT_ID))
  expect(shadow.isOver).toBe(true)
  shadow.doc.getMap('map').set('mine', 1)
  expect(submitted).toEqual([])
  await expect(shadow.flush()).rejects.toThrow('Another server')
})
