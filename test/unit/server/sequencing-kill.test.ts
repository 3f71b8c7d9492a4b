import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { messageKey, outboxName, pageName } from '../../../src/schema/messages/ids.ts'
import { PageDocument } from '../../../src/schema/messages/page-document.ts'
import { levelLog } from '../../../src/server/index.ts'
import { Author, expectWhole, SID, storedLog } from './support/chat.ts'
import { bundleServer, startChild } from './support/child-server.ts'
import { stockClient, until, whenSynced } from './support/clients.ts'
import { temporaryDirectory } from './support/storage.ts'
import { Witness, writeForever } from './support/witness.ts'

const ROUNDS = 15

let program: string
beforeAll(async () => {
  program = await bundleServer()
})
afterAll(() => rm(program))

describe('a server that is killed while clients send messages', () => {
  it('gives every message one index, and never another than anybody has seen', async () => {
    const directory = await temporaryDirectory()
    const authors = [new Author('alice'), new Author('bob')]
    const witness = new Witness()

    for (let round = 0; round < ROUNDS; round++) {
      const server = await startChild(program, directory)
      const before = witness.size
      // What readers have is new in each round, so that they bring nothing back.
      const first = Math.max(0, Math.floor(before / 1000) - 1)
      const readers = Array.from({ length: 6 }, (_, n) =>
        stockClient(server.url, pageName(SID, first + n)),
      )
      const pages = readers.map(({ doc }) => new PageDocument(doc))
      const writers = authors.map(author => author.connect(server.url))
      await Promise.all([...readers, ...writers].map(whenSynced))
      const stops = authors.map((author, i) => writeForever(author, i + 1))
      const seen = () => pages.flatMap(page => page.entries())
      const already = seen().length
      await until(() => expect(seen().length).toBeGreaterThan(already))
      // At any moment of the server's work, which no event tells.
      await new Promise(resolve => setTimeout(resolve, Math.random() * 60))
      await server.kill()
      for (const stop of stops) stop()
      for (const { provider } of [...readers, ...writers]) provider.destroy()
      witness.look(seen())
      expect(witness.size, 'messages were sequenced').toBeGreaterThan(before)

      // Before anybody could bring it back.
      const level = await levelLog(directory)
      const log = await storedLog(level)
      await level.close()
      expect(log.map(({ index }) => index)).toEqual(log.map((_, i) => i))
      expect(new Set(log.map(messageKey)).size).toBe(log.length)
      witness.look(log)
      expect(witness.missingIn(log)).toEqual([])
    }

    const server = await startChild(program, directory)
    const count = authors.reduce((sum, { sent }) => sum + sent.length, 0)
    for (const author of authors) author.connect(server.url)
    for (const { outbox } of authors) {
      await until(() => {
        expect(outbox.state.count).toBe(count)
        expect(outbox.outboxes()).toEqual([])
      })
    }
    await server.kill()
    const level = await levelLog(directory)
    const log = await storedLog(level)
    witness.look(log)
    expectWhole(log, authors)
    const { updates } = await level.read(outboxName(SID))
    expect(updates.length).toBeGreaterThan(0)
    await level.close()
  }, 120_000)
})
