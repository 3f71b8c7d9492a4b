import { expect, onTestFinished, test, vi } from 'vitest'
import { mediaSid } from '../../../src/base/ids.ts'
import { Media } from '../../../src/model/media.ts'
import { contentOf, hashOf } from '../../support/media.ts'

const { hash, blob } = contentOf('content')

function mediaOf(contentType: string, load = async (_hash: string) => blob) {
  const record = { hash, contentType, size: 7, filename: 'a.txt' }
  return new Media(mediaSid('IM0', 0), record, load)
}

async function typeOfUrl(contentType: string): Promise<string | undefined> {
  const spy = vi.spyOn(URL, 'createObjectURL')
  onTestFinished(() => spy.mockRestore())
  const media = mediaOf(contentType)
  await media.getContentTemporaryUrl()
  media.revokeContentUrl()
  const [blob] = spy.mock.lastCall ?? []
  return blob && 'type' in blob ? blob.type : undefined
}

test('it has what the record says, and the names of the SDK', () => {
  const media = mediaOf('text/plain')
  expect(media.sid).toMatch(/^ME[0-9a-f]{32}$/)
  expect(media.filename).toBe('a.txt')
  expect(media.contentType).toBe('text/plain')
  expect(media.size).toBe(7)
  expect(media.category).toBe('media')
})

test('its sid is that of a place in a message', () => {
  const sids = [mediaSid('IM0', 0), mediaSid('IM0', 1), mediaSid('IM1', 0), mediaSid('IM0', 10)]
  expect(new Set(sids).size).toBe(4)
  expect(mediaSid('IM0', 1)).toBe(sids[1])
})

test('its content is loaded when it is asked for, with its type', async () => {
  const load = vi.fn(async () => blob)
  const media = mediaOf('text/html', load)
  expect(load).not.toHaveBeenCalled()
  const loaded = await media.getBlob()
  expect(load).toHaveBeenCalledExactlyOnceWith(hash)
  expect(loaded.type).toBe('text/html')
  expect(await hashOf(loaded)).toBe(hash)
})

test('its url leads to the content, is the same each time, and ends when it is revoked', async () => {
  const media = mediaOf('text/plain')
  const [url, again] = await Promise.all([
    media.getContentTemporaryUrl(),
    media.getContentTemporaryUrl(),
  ])
  expect(url).toMatch(/^blob:/)
  expect(again).toBe(url)
  expect(await (await fetch(String(url))).text()).toBe('content')
  media.revokeContentUrl()
  await vi.waitFor(() => expect(fetch(String(url))).rejects.toThrow())
  const fresh = await media.getContentTemporaryUrl()
  expect(fresh).not.toBe(url)
  expect(await (await fetch(String(fresh))).text()).toBe('content')
  media.revokeContentUrl()
  media.revokeContentUrl()
})

test.each([
  'image/png',
  'image/vnd.microsoft.icon',
  'video/mp4',
  'audio/webm;codecs=opus',
  'text/plain;charset=utf-8',
  'text/plain',
  'application/pdf',
])('a url of %s has this type', async contentType => {
  expect(await typeOfUrl(contentType)).toBe(contentType)
})

test.each([
  'text/html',
  'TEXT/HTML',
  'image/svg+xml',
  'image/SVG+XML; charset=utf-8',
  'image/anything+xml',
  'application/xhtml+xml',
  'text/xml',
  'application/javascript',
  'application/octet-stream',
  'image/png\u0000,text/html',
  'image/png, text/html',
  'text/plainhtml',
  'x image/png',
  'image/png;ü',
  'image/',
  '',
  '*/*',
])('a url of %j, which might run as a page, has none that does', async contentType => {
  expect(await typeOfUrl(contentType)).toBe('application/octet-stream')
})

test('where there are no object urls it is null', async () => {
  const { createObjectURL } = URL
  Reflect.deleteProperty(URL, 'createObjectURL')
  onTestFinished(() => {
    URL.createObjectURL = createObjectURL
  })
  expect(await mediaOf('image/png').getContentTemporaryUrl()).toBeNull()
})

test('what could not be loaded can be asked for again', async () => {
  let isThere = false
  const media = mediaOf('text/plain', async () => {
    if (!isThere) throw new Error('not here')
    return blob
  })
  await expect(media.getBlob()).rejects.toThrow('not here')
  await expect(media.getContentTemporaryUrl()).rejects.toThrow('not here')
  media.revokeContentUrl()
  isThere = true
  expect(await media.getContentTemporaryUrl()).toMatch(/^blob:/)
  media.revokeContentUrl()
})
