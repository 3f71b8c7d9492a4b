import { parseJson } from '../../base/json.ts'
import { isEntryValue, isPath } from '../attribute-map.ts'
import type { AttributeEntry, AttributeLayer, Path } from '../attributes.ts'
import { isTime } from '../format.ts'
import { decodeMediaRecord, encodeMediaRecord, type MediaRecord } from './media-record.ts'

/** What a message says, as its author gave it. */
export interface MessageContent {
  readonly body: string | null
  readonly subject: string | null
  /** JSON text, parsed when somebody asks; undefined = none were given. */
  readonly attributes: string | undefined
  readonly media: readonly MediaRecord[]
}

export const NO_MEDIA: readonly MediaRecord[] = []

/** What became of a message since. */
export interface MessageEdits {
  /** Of the last edit, in ms since 1970. */
  readonly time: number
  /** Participant key of who made it. */
  readonly by: string
  /** Lies over the initial attributes; see `attributes.ts`. */
  readonly overlay: readonly AttributeEntry[]
}

/** What the attributes of a message are made of. */
export function messageLayers(
  content: MessageContent,
  edits: MessageEdits | undefined,
): AttributeLayer[] {
  const initial = parseJson(content.attributes)
  return [{ initial: initial === undefined ? [] : [initial], entries: edits?.overlay ?? [] }]
}

/** `[body, attributes?, subject?, media?]` */
export function encodeContent({ body, attributes, subject, media }: MessageContent): unknown[] {
  if (media.length > 0) return [body, attributes, subject, media.map(encodeMediaRecord)]
  if (subject !== null) return [body, attributes, subject]
  return attributes === undefined ? [body] : [body, attributes]
}

/** Total: undefined for whatever is no content. */
export function decodeContent(stored: unknown): MessageContent | undefined {
  if (!Array.isArray(stored)) return undefined
  const [body, attributes, subject, media] = stored
  if (body !== null && typeof body !== 'string') return undefined
  return {
    body,
    attributes: typeof attributes === 'string' ? attributes : undefined,
    subject: typeof subject === 'string' ? subject : null,
    media: Array.isArray(media) ? media.flatMap(one => decodeMediaRecord(one) ?? []) : NO_MEDIA,
  }
}

/** `[time, by, overlay]` */
export function encodeEdits({ time, by, overlay }: MessageEdits): unknown[] {
  return [time, by, overlay.map(({ path, value }) => [path, value])]
}

/** Total: undefined for whatever are no edits. */
export function decodeEdits(stored: unknown): MessageEdits | undefined {
  if (!Array.isArray(stored)) return undefined
  const [time, by, overlay] = stored
  if (!isTime(time) || typeof by !== 'string' || !Array.isArray(overlay)) return undefined
  return { time, by, overlay: decodeEntries(overlay) }
}

/** Those of `[path, value]` that can be read. */
export function decodeEntries(stored: readonly unknown[]): AttributeEntry[] {
  return stored.flatMap(one => {
    const [path, value] = Array.isArray(one) ? one : []
    return isPath(path) && isEntryValue(value) ? [{ path: path as Path, value }] : []
  })
}
