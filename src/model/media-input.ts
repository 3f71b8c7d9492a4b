import { anyOf, checkArguments, checkText, nonEmptyString, type Rule } from '../base/arguments.ts'
import { ConversationsError } from '../base/errors.ts'

/** An attachment to be sent. */
export interface SendMediaOptions {
  /** Null = that of the blob, or else `application/octet-stream`. */
  contentType: string | null
  filename?: string
  /** A string is sent as UTF-8. */
  media: null | string | Blob | Uint8Array
}

/** An attachment as it will be sent. */
export interface MediaInput {
  readonly blob: Blob
  readonly filename: string | null
  readonly contentType: string
}

interface MediaLimits {
  /** Of an attachment's content. */
  readonly mediaBytes: number
  /** Of its file name, in UTF-16 units. */
  readonly textLength: number
}

/** RFC 6838 allows 127 on each side of the slash. */
const maxTypeLength = 255

/** What may stand for an attachment; `readMediaInput` looks into it. */
export const mediaRules: readonly Rule[] = [
  { accepts: isFormData, expected: 'an instance of FormData' },
  {
    accepts: value => typeof value === 'object' && value !== null && 'media' in value,
    expected: 'media options',
  },
]

export const mediaInput: Rule = anyOf(...mediaRules)

/**
 * What somebody gave as an attachment: media options, or a form with exactly one file.
 *
 * @throws {ConversationsError} `invalid-argument`; `too-large` beyond `mediaBytes`
 */
export function readMediaInput(
  input: FormData | SendMediaOptions,
  { mediaBytes, textLength }: MediaLimits,
): MediaInput {
  checkArguments([input], mediaInput)
  const { media, filename, contentType } = isFormData(input) ? fileOf(input) : input
  const isContent =
    media instanceof Blob || media instanceof Uint8Array || nonEmptyString.accepts(media)
  const isType = contentType === null || nonEmptyString.accepts(contentType)
  const isName = filename === undefined || typeof filename === 'string'
  if (!isContent || !isType || !isName) {
    throw invalid(
      'Media options are expected to have as media a non-empty string, Blob or Uint8Array, as contentType a non-empty string or null, and as filename an optional string',
    )
  }
  // What an app still writes into its own array is not sent.
  const blob = media instanceof Blob ? media : new Blob([media as string | Uint8Array<ArrayBuffer>])
  if (blob.size > mediaBytes) {
    throw new ConversationsError(
      'too-large',
      `An attachment has ${blob.size} bytes; the limit is ${mediaBytes}`,
    )
  }
  const type = contentType ?? (blob.type || 'application/octet-stream')
  checkText(type, 'contentType', maxTypeLength)
  checkText(filename ?? '', 'filename', textLength)
  return { blob, filename: filename || null, contentType: type }
}

/** There may be no such class. */
function isFormData(value: unknown): value is FormData {
  return typeof FormData === 'function' && value instanceof FormData
}

function fileOf(form: FormData): SendMediaOptions {
  const [media, ...others] = [...form.values()].filter(value => typeof value !== 'string')
  if (!media || others.length > 0) {
    throw invalid(`FormData is expected to hold one file, but has ${media ? others.length + 1 : 0}`)
  }
  return { contentType: null, filename: media.name, media }
}

function invalid(message: string): ConversationsError {
  return new ConversationsError('invalid-argument', message)
}
