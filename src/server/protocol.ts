import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { messageYjsSyncStep1, messageYjsSyncStep2, messageYjsUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { EXTENSION_MESSAGE, readExtension } from '../base/wire/extension.ts'
import { type AwarenessState, decodeAwareness, encodeAwareness } from './awareness-codec.ts'
import { MALFORMED, Refusal } from './close-codes.ts'
import { type DecodedUpdate, decodeUpdate } from './update-check.ts'

/*
 * The messages of y-websocket: one in each WebSocket message.
 */

const SYNC = 0
const AWARENESS = 1
const QUERY_AWARENESS = 3

export type Message =
  | { type: 'sync-step-1'; stateVector: Uint8Array }
  /** Sync step 2 or an update. */
  | { type: 'update'; update: Uint8Array; decoded: DecodedUpdate }
  | { type: 'awareness'; states: AwarenessState[] }
  | { type: 'query-awareness' }
  | { type: 'token'; token: string }
  /** Of a later version of our transport. */
  | { type: 'unknown' }

/** @throws Refusal unless the bytes are one whole, well-formed message */
export function decodeMessage(data: Uint8Array, maxStructs = Infinity): Message {
  try {
    const decoder = decoding.createDecoder(data)
    const message = readMessage(decoder, maxStructs)
    if (decoding.hasContent(decoder)) throw new Error('bytes after the end')
    return message
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(MALFORMED, 'malformed message', error)
  }
}

function readMessage(decoder: decoding.Decoder, maxStructs: number): Message {
  const type = decoding.readVarUint(decoder)
  switch (type) {
    case SYNC:
      return readSync(decoder, maxStructs)
    case AWARENESS:
      return { type: 'awareness', states: decodeAwareness(decoding.readVarUint8Array(decoder)) }
    case QUERY_AWARENESS:
      return { type: 'query-awareness' }
    case EXTENSION_MESSAGE:
      return readClientExtension(decoder)
    default:
      throw new Refusal(MALFORMED, `unknown message type ${type}`)
  }
}

function readClientExtension(decoder: decoding.Decoder): Message {
  const message = readExtension(decoder)
  if (message?.type === 'token') return message
  // Its content cannot be known.
  decoder.pos = decoder.arr.length
  return { type: 'unknown' }
}

function readSync(decoder: decoding.Decoder, maxStructs: number): Message {
  const type = decoding.readVarUint(decoder)
  const payload = decoding.readVarUint8Array(decoder)
  switch (type) {
    case messageYjsSyncStep1:
      Y.decodeStateVector(payload)
      return { type: 'sync-step-1', stateVector: payload }
    case messageYjsSyncStep2:
    case messageYjsUpdate:
      return { type: 'update', update: payload, decoded: decodeUpdate(payload, maxStructs) }
    default:
      throw new Refusal(MALFORMED, `unknown sync message type ${type}`)
  }
}

export function encodeSyncStep1(stateVector: Uint8Array): Uint8Array {
  return encodeSync(messageYjsSyncStep1, stateVector)
}

export function encodeSyncStep2(update: Uint8Array): Uint8Array {
  return encodeSync(messageYjsSyncStep2, update)
}

export function encodeUpdate(update: Uint8Array): Uint8Array {
  return encodeSync(messageYjsUpdate, update)
}

function encodeSync(type: number, payload: Uint8Array): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, SYNC)
    encoding.writeVarUint(encoder, type)
    encoding.writeVarUint8Array(encoder, payload)
  })
}

export function encodeAwarenessMessage(states: readonly AwarenessState[]): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, AWARENESS)
    encoding.writeVarUint8Array(encoder, encodeAwareness(states))
  })
}

/** Says nothing, and shows y-websocket that the connection lives. */
export const noOpMessage: Uint8Array = encodeAwarenessMessage([])
