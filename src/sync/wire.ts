import { createDecoder, type Decoder, readVarUint, readVarUint8Array } from 'lib0/decoding'
import {
  createEncoder,
  type Encoder,
  toUint8Array,
  writeVarUint,
  writeVarUint8Array,
} from 'lib0/encoding'
import { readAuthMessage } from 'y-protocols/auth'
import * as sync from 'y-protocols/sync'
import * as Y from 'yjs'
import { callSafely } from '../base/emitter.ts'
import { EXTENSION_MESSAGE } from '../base/wire/extension.ts'

/* The messages of y-websocket, which both our transports speak: a number that names the type, then the content. */
const messageSync = 0
const messageAwareness = 1
const messageAuth = 2
const messageQueryAwareness = 3

/** Whom a message is applied to and answered by. */
export interface Receiver {
  readonly doc: Y.Doc
  /** The origin of the transactions that messages cause. */
  readonly origin: object
  readonly awareness: {
    /** Throws if the update is malformed. */
    receive(update: Uint8Array): void
    /** The message that tells the own state, if there is one. */
    encodeOwn(): Uint8Array | undefined
  }
  send(message: Uint8Array): unknown
  /** What is sent of what the other side lacks. */
  select?(update: Uint8Array): Uint8Array | undefined
  /** Whether an update has to stay out of the document. Throws if it is malformed. */
  isRefused?(update: Uint8Array): boolean
  onSyncStep1?(): void
  onSyncStep2?(): void
  onPermissionDenied?(reason: string): void
  /** A message of `base/wire/extension.ts`, behind its type. */
  onExtension?(decoder: Decoder): void
}

export const encodeSyncStep1 = (doc: Y.Doc): Uint8Array =>
  encode(messageSync, encoder => sync.writeSyncStep1(encoder, doc))

/** The update of nothing, if there is none. */
const encodeSyncStep2 = (update: Uint8Array = new Uint8Array([0, 0])): Uint8Array =>
  encode(messageSync, encoder => {
    writeVarUint(encoder, sync.messageYjsSyncStep2)
    writeVarUint8Array(encoder, update)
  })

export const encodeUpdate = (update: Uint8Array): Uint8Array =>
  encode(messageSync, encoder => sync.writeUpdate(encoder, update))

export const encodeAwareness = (update: Uint8Array): Uint8Array =>
  encode(messageAwareness, encoder => writeVarUint8Array(encoder, update))

export const encodeAwarenessQuery = (): Uint8Array => encode(messageQueryAwareness)

/** Applies one message and answers it. Ignores types it does not know. Throws if the message is malformed. */
export function receive(message: Uint8Array, receiver: Receiver): void {
  const decoder = createDecoder(message)
  switch (readVarUint(decoder)) {
    case messageSync:
      receiveSync(decoder, receiver)
      break
    case messageAwareness:
      receiver.awareness.receive(readVarUint8Array(decoder))
      break
    case messageAuth:
      readAuthMessage(decoder, receiver.doc, (_doc, reason) => {
        receiver.onPermissionDenied?.(reason)
      })
      break
    case EXTENSION_MESSAGE:
      receiver.onExtension?.(decoder)
      break
    case messageQueryAwareness: {
      const own = receiver.awareness.encodeOwn()
      if (own) receiver.send(own)
    }
  }
}

function receiveSync(decoder: Decoder, receiver: Receiver): void {
  const { doc, origin } = receiver
  const step = readVarUint(decoder)
  const content = readVarUint8Array(decoder)
  if (step === sync.messageYjsSyncStep1) {
    const lacking = Y.encodeStateAsUpdate(doc, content)
    receiver.send(encodeSyncStep2(receiver.select ? receiver.select(lacking) : lacking))
    receiver.onSyncStep1?.()
    return
  }
  if (!receiver.isRefused?.(content)) {
    applyOrThrow(
      () => Y.applyUpdate(doc, content, origin),
      () => Y.decodeUpdate(content),
    )
  }
  if (step === sync.messageYjsSyncStep2) receiver.onSyncStep2?.()
}

/**
 * Applying also runs the listeners of the app. Theirs is an exception if decoding alone succeeds: it is reported,
 * because dropping the connection for it would drop the next one as well.
 */
export function applyOrThrow(apply: () => void, decode: () => unknown): void {
  try {
    apply()
  } catch (error) {
    decode()
    callSafely(() => {
      throw error
    }, [])
  }
}

function encode(type: number, writeContent?: (encoder: Encoder) => void): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, type)
  writeContent?.(encoder)
  return toUint8Array(encoder)
}
