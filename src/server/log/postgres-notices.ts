/*
 * What is said over NOTIFY: `<"." or "+" and a number> <key of the document, base64> <seq> <announcement, base64>`. A payload
 * has less than 8000 bytes, so that a long announcement comes in parts, one behind the other in one transaction; all but
 * the last begin with "+". The numbers are there as Postgres delivers equal payloads of a transaction only once.
 */

/** Characters of an announcement in one payload. */
export const MAX_SAID = 7800

export interface Notice {
  /** Of the document: the SHA-256 of its name, in base64. */
  readonly key: string
  readonly seq: number
  readonly announcement: Uint8Array
}

/** The payloads of an announcement that no update goes with. */
export function noticePayloads(key: string, announcement: Uint8Array, number: number): string[] {
  const said = Buffer.from(announcement).toString('base64')
  const payloads: string[] = []
  for (let at = 0; at < said.length; at += MAX_SAID) {
    const mark = at + MAX_SAID < said.length ? '+' : '.'
    payloads.push(`${mark}${number}-${at} ${key} 0 ${said.slice(at, at + MAX_SAID)}`)
  }
  return payloads
}

/** Puts the parts together that come over one connection. */
export class NoticeReader {
  #said = ''

  /** Undefined as long as it goes on, or if a later version says something else. */
  read(payload: string): Notice | undefined {
    const [mark = '', key = '', seq, part] = payload.split(' ')
    if (part === undefined) return undefined
    this.#said += part
    if (mark.startsWith('+')) return undefined
    const announcement = Buffer.from(this.#said, 'base64')
    this.#said = ''
    return { key, seq: Number(seq), announcement }
  }
}
