import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** What one server tells the others of a document. */
export type Announcement =
  | { readonly kind: 'appended'; readonly updates: readonly Uint8Array[] | undefined }
  | { readonly kind: 'message'; readonly message: Uint8Array }
  | { readonly kind: 'erased' }

const UPDATES = 0
const UNTOLD = 1
const MESSAGE = 2
const ERASED = 3

/** @param node who says it, so that it can leave out its own */
export function encodeAnnouncement(node: string, announcement: Announcement): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, node)
  if (announcement.kind === 'message') {
    encoding.writeVarUint(encoder, MESSAGE)
    encoding.writeVarUint8Array(encoder, announcement.message)
  } else if (announcement.kind === 'erased') {
    encoding.writeVarUint(encoder, ERASED)
  } else if (announcement.updates === undefined) {
    encoding.writeVarUint(encoder, UNTOLD)
  } else {
    encoding.writeVarUint(encoder, UPDATES)
    encoding.writeVarUint(encoder, announcement.updates.length)
    for (const update of announcement.updates) encoding.writeVarUint8Array(encoder, update)
  }
  return encoding.toUint8Array(encoder)
}

export interface Said {
  readonly node: string
  readonly announcement: Announcement
}

/** Undefined if somebody else says something here, or a later version something that this one does not know. */
export function decodeAnnouncement(bytes: Uint8Array): Said | undefined {
  try {
    return decode(bytes)
  } catch {
    return undefined
  }
}

function decode(bytes: Uint8Array): Said | undefined {
  const decoder = decoding.createDecoder(bytes)
  const node = decoding.readVarString(decoder)
  switch (decoding.readVarUint(decoder)) {
    case UPDATES: {
      const updates = Array.from({ length: decoding.readVarUint(decoder) }, () =>
        decoding.readVarUint8Array(decoder),
      )
      return { node, announcement: { kind: 'appended', updates } }
    }
    case UNTOLD:
      return { node, announcement: { kind: 'appended', updates: undefined } }
    case MESSAGE:
      return {
        node,
        announcement: { kind: 'message', message: decoding.readVarUint8Array(decoder) },
      }
    case ERASED:
      return { node, announcement: { kind: 'erased' } }
    default:
      return undefined
  }
}
