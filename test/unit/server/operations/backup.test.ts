import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { levelLog } from '../../../../src/server/index.ts'
import { serverClientId } from '../../../../src/server/server-client-id.ts'
import { Author, expectWhole, storedLog } from '../support/chat.ts'
import { startServer, until, whenSynced } from '../support/clients.ts'
import { temporaryDirectory } from '../support/storage.ts'

async function chatted(url: string, author: Author, count: number) {
  const client = author.connect(url)
  await whenSynced(client)
  author.burst(count)
  await until(() => expect(author.outbox.outboxes()).toEqual([]))
  return client
}

it('a copy of the directory of a stopped server is a whole storage', async () => {
  const directory = await temporaryDirectory()
  const copy = await temporaryDirectory()
  const server = await startServer({ storage: directory })
  const author = new Author('alice')
  const client = await chatted(server.url, author, 50)
  client.provider.destroy()
  await server.close()
  await cp(directory, copy, { recursive: true })

  const restored = await startServer({ storage: copy })
  const again = await chatted(restored.url, author, 5)
  again.provider.destroy()
  await restored.close()
  const log = await levelLog(copy)
  expectWhole(await storedLog(log), [author])
  await log.close()
})

it('a backup is taken while the server runs, and goes on under another client id', async () => {
  const backup = join(await temporaryDirectory(), 'backup')
  const log = await levelLog(await temporaryDirectory())
  const server = await startServer({ storage: log })
  const author = new Author('alice')
  const client = await chatted(server.url, author, 50)
  await log.backup(backup)
  // What came after it is known to the device only.
  author.send('later')
  await until(() => expect(author.outbox.outboxes()).toEqual([]))
  const clientId = await serverClientId(log)
  client.provider.destroy()
  await server.close()

  const copy = await levelLog(backup)
  expect(await storedLog(copy)).toHaveLength(50)
  expect(await serverClientId(copy)).not.toBe(clientId)
  await copy.close()
})

it('a backup never goes over what is there', async () => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'mine'), '')
  const log = await levelLog(await temporaryDirectory())
  await expect(log.backup(directory)).rejects.toMatchObject({ code: 'invalid-argument' })
  await log.close()
})
