import { createHash } from 'node:crypto'
import * as Y from 'yjs'
import { ConversationsError } from '../../base/errors.ts'
import { isObject, type JSONValue } from '../../base/json.ts'
import { roomKindOf } from '../room-kind.ts'
import { decodeUpdate } from '../update-check.ts'

/*
 * A conversation as a file: lines of JSON, each ended by a line feed.
 *
 *   {"format":"y-conversations","version":1,"sid":"CH…"}
 *   {"name":"CH…","update":"<base64>","claims":{"<key>":"<owner>"}}      for each document
 *   {"documents":3,"sha256":"<of all lines before, in hex>"}
 *
 * `update` is the whole document as an update of Yjs, v1.
 */

const FORMAT = 'y-conversations'
const VERSION = 1

export interface FiledDocument {
  readonly name: string
  readonly update: Uint8Array
  readonly claims: ReadonlyMap<string, string>
}

/** Writes the lines, and counts and hashes them for the last one. */
export class ConversationFileWriter {
  readonly #hash = createHash('sha256')
  #documents = 0

  head(sid: string): Uint8Array {
    return this.#line({ format: FORMAT, version: VERSION, sid })
  }

  document({ name, update, claims }: FiledDocument): Uint8Array {
    this.#documents += 1
    const base64 = Buffer.from(update).toString('base64')
    return this.#line({ name, update: base64, claims: Object.fromEntries(claims) })
  }

  end(): Uint8Array {
    return this.#line({ documents: this.#documents, sha256: this.#hash.copy().digest('hex') })
  }

  #line(value: JSONValue): Uint8Array {
    const line = new TextEncoder().encode(`${JSON.stringify(value)}\n`)
    this.#hash.update(line)
    return line
  }
}

/**
 * Reads such a file, as a whole: it is either right or refused.
 *
 * @throws ConversationsError `invalid-argument`
 */
export function readConversationFile(file: Uint8Array): {
  sid: string
  documents: FiledDocument[]
} {
  const lines = decodeText(file).split('\n')
  if (lines.pop() !== '' || lines.length < 2) throw refusal('it does not end as it should')
  const end = lines.pop() as string
  const { sid, format, version } = parseLine(lines[0] as string)
  if (format !== FORMAT) throw refusal('it has no head line')
  if (version !== VERSION) {
    throw refusal(`its version is ${JSON.stringify(version)}, and this is for version ${VERSION}`)
  }
  const { documents: count, sha256 } = parseLine(end)
  const hash = createHash('sha256').update(lines.map(line => `${line}\n`).join(''))
  if (count !== lines.length - 1 || sha256 !== hash.digest('hex')) {
    throw refusal('it is not complete, or was changed')
  }
  if (typeof sid !== 'string' || roomKindOf(sid).kind !== 'conversation') {
    throw refusal('it names no conversation')
  }
  const documents = lines.slice(1).map(line => readDocument(sid, parseLine(line)))
  if (new Set(documents.map(({ name }) => name)).size < documents.length) {
    throw refusal('it has a document twice')
  }
  return { sid, documents }
}

function readDocument(sid: string, line: Record<string, JSONValue>): FiledDocument {
  const { name, update, claims } = line
  const room = typeof name === 'string' ? roomKindOf(name) : undefined
  if (!room || room.kind === 'other' || room.kind === 'user' || room.sid !== sid) {
    throw refusal(`${JSON.stringify(name)} is no document of ${sid}`)
  }
  const owners = isObject(claims) ? Object.entries(claims) : []
  const areOwners = owners.every((entry): entry is [string, string] => typeof entry[1] === 'string')
  if (typeof update !== 'string' || !isObject(claims) || !areOwners) {
    throw refusal(`${name} cannot be read`)
  }
  const bytes = new Uint8Array(Buffer.from(update, 'base64'))
  if (!isWholeDocument(bytes)) throw refusal(`${name} is no whole document`)
  return { name: name as string, update: bytes, claims: new Map(owners) }
}

function isWholeDocument(update: Uint8Array): boolean {
  const doc = new Y.Doc()
  try {
    decodeUpdate(update)
    Y.applyUpdate(doc, update)
    return !doc.store.pendingStructs && !doc.store.pendingDs
  } catch {
    return false
  } finally {
    doc.destroy()
  }
}

function parseLine(line: string): Record<string, JSONValue> {
  try {
    const value = JSON.parse(line)
    if (isObject(value)) return value
  } catch {}
  throw refusal('a line of it is no JSON object')
}

function decodeText(file: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file)
  } catch {
    throw refusal('it is no text')
  }
}

function refusal(why: string): ConversationsError {
  return new ConversationsError(
    'invalid-argument',
    `This is no file of an exported conversation: ${why}; nothing was imported`,
  )
}
