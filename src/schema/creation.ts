import type * as Y from 'yjs'
import { isTime, parseSlotKey } from './format.ts'
import type { Writer } from './horizon.ts'

export interface Creation {
  readonly createdBy: string
  /** In ms since 1970. */
  readonly dateCreated: number
  readonly uniqueName: string | null
}

/** Of several that created a conversation apart, the first; undefined = nobody did yet. */
export function readCreation(fields: Y.Map<unknown>): Creation | undefined {
  let first: (Creation & { writer: Writer }) | undefined
  for (const [key, stored] of fields.entries()) {
    const slot = parseSlotKey(key)
    if (slot?.owner !== 'created' || !Array.isArray(stored)) continue
    const [createdBy, dateCreated, uniqueName] = stored
    if (typeof createdBy !== 'string' || !isTime(dateCreated)) continue
    const isFirst =
      !first ||
      dateCreated < first.dateCreated ||
      (dateCreated === first.dateCreated && slot.number < first.writer)
    if (!isFirst) continue
    const name = typeof uniqueName === 'string' ? uniqueName : null
    first = { createdBy, dateCreated, uniqueName: name, writer: slot.number }
  }
  return first
}
