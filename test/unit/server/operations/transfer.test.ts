import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { outboxName, pageName } from '../../../../src/schema/messages/ids.ts'
import {
  type DocumentLog,
  eraseConversation,
  exportConversation,
  importConversation,
  levelLog,
  memoryLog,
} from '../../../../src/server/index.ts'
import { serverClientId } from '../../../../src/server/server-client-id.ts'
import { Author, expectWhole, SID, storedLog } from '../support/chat.ts'
import { startServer, until, updateOf, whenSynced } from '../support/clients.ts'
import { temporaryDirectory } from '../support/storage.ts'
import { isInFiles, secret } from './support.ts'

const lasting = () => Object.assign(memoryLog(), { close: async () => {} })

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

/** A storage with a conversation of two pages. */
async function filled(storage: DocumentLog = lasting()) {
  await storage.append(SID, [updateOf(doc => doc.getMap('fields').set('format|1', true))])
  await storage.claim(SID, 'creator', 'alice')
  const server = await startServer({ storage })
  const author = new Author('alice')
  const client = author.connect(server.url)
  await whenSynced(client)
  author.burst(1_005)
  await until(() => expect(author.outbox.state.count).toBe(1_005))
  client.provider.destroy()
  await server.close()
  return { storage, author }
}

async function contents(storage: DocumentLog) {
  const all = new Map<string, unknown>()
  for (const name of [SID, outboxName(SID), pageName(SID, 0), pageName(SID, 1)]) {
    const { updates, claims } = await storage.read(name)
    const doc = new Y.Doc()
    for (const update of updates) Y.applyUpdate(doc, update)
    all.set(name, { state: Y.encodeStateAsUpdate(doc), claims })
  }
  return all
}

/** The file with other lines, and an end that is right for them. */
function forged(file: Uint8Array, change: (lines: Record<string, unknown>[]) => unknown) {
  const lines = Buffer.from(file)
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  lines.pop()
  change(lines)
  const text = lines.map(line => `${JSON.stringify(line)}\n`).join('')
  const sha256 = createHash('sha256').update(text).digest('hex')
  return Buffer.from(`${text}${JSON.stringify({ documents: lines.length - 1, sha256 })}\n`)
}

describe('an exported conversation', () => {
  it('is the same in another storage, and goes on there', async () => {
    const { storage, author } = await filled()
    const other = lasting()
    expect(await importConversation(other, exportConversation(storage, SID))).toBe(SID)
    expect(await contents(other)).toEqual(await contents(storage))

    const { url } = await startServer({ storage: other })
    const client = author.connect(url)
    await whenSynced(client)
    author.send('more')
    await until(() => expect(author.outbox.state.count).toBe(1_006))
    expectWhole(await storedLog(other), [author])
  })

  it('goes back where it was, under another client id of the server', async () => {
    const { storage, author } = await filled()
    const file = await collect(exportConversation(storage, SID))
    const before = await serverClientId(storage)
    // What the server writes after the export is known to a device only.
    const server = await startServer({ storage })
    const client = author.connect(server.url)
    await whenSynced(client)
    author.send('later')
    await until(() => expect(author.outbox.outboxes()).toEqual([]))
    client.provider.destroy()
    await server.close()

    await importConversation(storage, file, { overwrite: true })
    expect(await serverClientId(storage)).not.toBe(before)
    expect(await storedLog(storage)).toHaveLength(1_005)
  })

  it('is whole, though messages are sequenced meanwhile', async () => {
    const { storage, author } = await filled()
    const { url } = await startServer({ storage })
    await whenSynced(author.connect(url))
    author.burst(1_000)
    const pieces: Uint8Array[] = []
    for await (const piece of exportConversation(storage, SID)) {
      pieces.push(piece)
      await until(() => expect(author.outbox.state.count).toBe(2_005))
    }
    const other = lasting()
    await importConversation(other, Buffer.concat(pieces))
    expect(await storedLog(other)).toHaveLength(2_005)
  })

  it('is refused where there is one, unless told to replace it', async () => {
    const { storage } = await filled()
    const file = await collect(exportConversation(storage, SID))
    const refused = importConversation(storage, file)
    await expect(refused).rejects.toMatchObject({ code: 'invalid-argument' })
    await expect(refused).rejects.toThrow(SID)
    await importConversation(storage, file, { overwrite: true })
    expect(await storedLog(storage)).toHaveLength(1_005)
  })

  it('must exist', async () => {
    await expect(collect(exportConversation(memoryLog(), SID))).rejects.toMatchObject({
      code: 'not-found',
    })
    await expect(collect(exportConversation(memoryLog(), 'team'))).rejects.toMatchObject({
      code: 'invalid-argument',
    })
  })

  it.each<[string, (file: Uint8Array) => Uint8Array]>([
    ['is empty', () => new Uint8Array()],
    ['is no text', () => new Uint8Array([255, 254, 10])],
    ['is cut off', file => file.subarray(0, -200)],
    ['lacks its last line feed', file => file.subarray(0, -1)],
    ['was changed', file => Buffer.from(Buffer.from(file).toString().replace('alice', 'mallo'))],
    [
      'lacks a document',
      file =>
        Buffer.from(
          Buffer.from(file)
            .toString()
            .replace(/\n.*\n/, '\n'),
        ),
    ],
    [
      'is of another version',
      file => forged(file, ([head]) => Object.assign(head as object, { version: 2 })),
    ],
    [
      'is of another format',
      file => forged(file, ([head]) => Object.assign(head as object, { format: 'x' })),
    ],
    [
      'is of no conversation',
      file => forged(file, ([head]) => Object.assign(head as object, { sid: 'x' })),
    ],
    [
      'has a document of another conversation',
      file =>
        forged(file, lines => Object.assign(lines[1] as object, { name: `CH${'9'.repeat(32)}` })),
    ],
    ['has a document twice', file => forged(file, lines => lines.push(lines[1] as never))],
    [
      'has a document that is none',
      file => forged(file, lines => Object.assign(lines[2] as object, { update: '//8=' })),
    ],
    [
      'has an update with a gap',
      file => forged(file, lines => Object.assign(lines[2] as object, { update: gap() })),
    ],
    [
      'has claims of nobody',
      file => forged(file, lines => Object.assign(lines[1] as object, { claims: { creator: 1 } })),
    ],
    [
      'has claims that are none',
      file => forged(file, lines => Object.assign(lines[1] as object, { claims: ['x'] })),
    ],
  ])('that %s is refused, and changes nothing', async (_, damage) => {
    const { storage } = await small
    const before = await contents(storage)
    const file = damage(await collect(exportConversation(storage, SID)))
    await expect(importConversation(storage, file, { overwrite: true })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('nothing was imported'),
    })
    expect(await contents(storage)).toEqual(before)
  })
})

const small = (async () => {
  const storage = memoryLog()
  await storage.append(SID, [updateOf(doc => doc.getMap('fields').set('format|1', true))])
  await storage.append(outboxName(SID), [updateOf(doc => doc.getMap('outbox'))])
  await storage.claim(SID, 'creator', 'alice')
  return { storage }
})()

/** An update that rests on another one, which is not there. */
function gap(): string {
  const doc = new Y.Doc()
  doc.getMap('fields').set('a', 1)
  const before = Y.encodeStateVector(doc)
  doc.getMap('fields').set('b', 2)
  return Buffer.from(Y.encodeStateAsUpdate(doc, before)).toString('base64')
}

describe('an erased conversation', () => {
  it('is on the disk no more, and others are', async () => {
    const directory = await temporaryDirectory()
    const [gone, kept] = [secret(), secret()]
    const other = `CH${'9'.repeat(32)}`
    const server = await startServer({ storage: directory })
    for (const [sid, body] of [
      [SID, gone],
      [other, kept],
    ] as const) {
      const author = new Author('alice')
      await whenSynced(author.connect(server.url, sid))
      author.send(body)
      await until(() => expect(author.outbox.state.count).toBe(1))
      await until(() => expect(author.outbox.outboxes()).toEqual([]))
    }
    await server.close()
    const log = await levelLog(directory)
    expect(await isInFiles(directory, gone)).toBe(true)
    await eraseConversation(log, SID)
    expect(await isInFiles(directory, gone)).toBe(false)
    const names: string[] = []
    for await (const name of log.names('')) names.push(name)
    expect(names.filter(name => name.startsWith(SID))).toEqual([])
    expect((await storedLog(log, other)).map(({ content }) => content?.body)).toEqual([kept])
    await log.close()
  })
})
