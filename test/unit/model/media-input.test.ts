import { expect, test } from 'vitest'
import { readMediaInput, type SendMediaOptions } from '../../../src/model/media-input.ts'

const limits = { mediaBytes: 100, textLength: 20 }
const read = (input: unknown) => readMediaInput(input as SendMediaOptions, limits)

function formWith(...files: (Blob | string)[]): FormData {
  const form = new FormData()
  for (const [i, file] of files.entries()) form.append(`field-${i}`, file as Blob)
  return form
}

test('media options may hold a text, bytes or a blob', async () => {
  const type = { contentType: 'text/plain' }
  expect(await read({ ...type, media: 'grün' }).blob.text()).toBe('grün')
  expect(await read({ ...type, media: new TextEncoder().encode('bytes') }).blob.text()).toBe(
    'bytes',
  )
  expect(await read({ ...type, media: Buffer.from('buffer') }).blob.text()).toBe('buffer')
  expect(await read({ ...type, media: new Blob(['blob']) }).blob.text()).toBe('blob')
})

test('bytes that are changed afterwards are sent as they were', async () => {
  const media = new TextEncoder().encode('before')
  const { blob } = read({ contentType: 'text/plain', media })
  media.fill(0)
  expect(await blob.text()).toBe('before')
})

test('the content type is the one that is given, else that of the blob, else that of any bytes', () => {
  const media = new Blob(['x'], { type: 'image/png' })
  expect(read({ contentType: 'image/gif', media }).contentType).toBe('image/gif')
  expect(read({ contentType: null, media }).contentType).toBe('image/png')
  expect(read({ contentType: null, media: 'x' }).contentType).toBe('application/octet-stream')
})

test('there may be a file name', () => {
  const options = { contentType: null, media: 'x' }
  expect(read({ ...options, filename: 'a.txt' }).filename).toBe('a.txt')
  expect(read(options).filename).toBeNull()
  expect(read({ ...options, filename: '' }).filename).toBeNull()
})

test('a form holds one file, and other fields do not matter', async () => {
  const file = new File(['content'], 'me.png', { type: 'image/png' })
  const { blob, ...said } = read(formWith('text', file, 'more'))
  expect(said).toEqual({ filename: 'me.png', contentType: 'image/png' })
  expect(await blob.text()).toBe('content')
  expect(() => read(formWith('text'))).toThrow('FormData is expected to hold one file, but has 0')
  expect(() => read(formWith(file, file))).toThrow('but has 2')
})

test.each([undefined, null, 'text', 5, [], {}, new Blob(['x']), () => {}])(
  'neither a form nor media options: %j',
  input => {
    expect(() => read(input)).toThrow(
      /^Argument 1 is expected to be an instance of FormData or media options, but got /,
    )
  },
)

test.each([
  { media: null, contentType: 'text/plain' },
  { media: '', contentType: 'text/plain' },
  { media: 5, contentType: 'text/plain' },
  { media: {}, contentType: 'text/plain' },
  { media: new ArrayBuffer(3), contentType: 'text/plain' },
  { media: 'x' },
  { media: 'x', contentType: '' },
  { media: 'x', contentType: 3 },
  { media: 'x', contentType: 'text/plain', filename: null },
  { media: 'x', contentType: 'text/plain', filename: 3 },
  { media: 'x', contentType: 'text/plain', filename: '\ud800' },
])('what is wrong in media options is said: %j', input => {
  expect(() => read(input)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
})

test('what is too large is refused: content, file name and content type', () => {
  const tooLarge = expect.objectContaining({ code: 'too-large' })
  const contentType = 'text/plain'
  expect(read({ contentType, media: new Uint8Array(100) }).blob.size).toBe(100)
  expect(() => read({ contentType, media: new Uint8Array(101) })).toThrow(tooLarge)
  // In bytes, not characters.
  expect(() => read({ contentType, media: 'ü'.repeat(51) })).toThrow(tooLarge)
  expect(() => read({ contentType, media: 'x', filename: 'a'.repeat(21) })).toThrow(tooLarge)
  expect(() => read({ contentType: 'a'.repeat(256), media: 'x' })).toThrow(tooLarge)
})
