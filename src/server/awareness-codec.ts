import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** One client's entry in an awareness message. */
export interface AwarenessState {
  clientId: number
  clock: number
  /** JSON, left as it came; `null` (not its text) when the client has no state any more. */
  json: string | null
}

/** @throws if these bytes are not an awareness update of y-protocols, which no client could apply */
export function decodeAwareness(update: Uint8Array): AwarenessState[] {
  const decoder = decoding.createDecoder(update)
  const states: AwarenessState[] = []
  for (let rest = decoding.readVarUint(decoder); rest > 0; rest--) {
    const clientId = decoding.readVarUint(decoder)
    const clock = decoding.readVarUint(decoder)
    const json = decoding.readVarString(decoder)
    states.push({ clientId, clock, json: JSON.parse(json) === null ? null : json })
  }
  if (decoding.hasContent(decoder)) throw new Error('bytes after the end')
  return states
}

export function encodeAwareness(states: readonly AwarenessState[]): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, states.length)
    for (const { clientId, clock, json } of states) {
      encoding.writeVarUint(encoder, clientId)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarString(encoder, json ?? 'null')
    }
  })
}
