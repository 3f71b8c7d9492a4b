import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Author, SID, whenSequenced } from '../support/chat.ts'
import { startServer } from '../support/clients.ts'
import { command } from '../support/command.ts'
import { temporaryDirectory } from '../support/storage.ts'

const TEXT = 'something that is nobody else’s business'

/** A directory in which a conversation of Alice lies, and no server. */
async function stored(): Promise<string> {
  const storage = await temporaryDirectory()
  const server = await startServer({ storage })
  const alice = new Author('alice')
  const client = alice.connect(server.url)
  alice.send(TEXT)
  await whenSequenced(server.url, 1)
  client.destroy()
  await server.close()
  return storage
}

const run = (storage: string, ...words: string[]) =>
  command([...words, '--storage', storage]).exited

async function bytesOf(directory: string): Promise<string> {
  const names = await readdir(directory, { withFileTypes: true })
  const files = names.filter(entry => entry.isFile()).map(({ name }) => join(directory, name))
  return (await Promise.all(files.map(file => readFile(file, 'latin1')))).join()
}

it('takes a conversation from one storage to another', async () => {
  const [from, to] = [await stored(), await temporaryDirectory()]
  expect(await run(from, 'list')).toMatchObject({ code: 0, stdout: `${SID}\n` })
  const exported = await run(from, 'export', SID)
  expect(exported).toMatchObject({ code: 0, stderr: '' })
  const file = join(await temporaryDirectory(), 'conversation')
  await writeFile(file, exported.stdout)
  expect(await run(to, 'import', file)).toMatchObject({ code: 0, stdout: `${SID}\n` })
  const again = await run(to, 'export', SID)
  expect(again.stdout.split('\n').slice(1, -2)).toEqual(exported.stdout.split('\n').slice(1, -2))
  expect(await run(to, 'import', file)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('stored already'),
  })
  await writeFile(file, 'nothing of the kind')
  expect(await run(to, 'import', file)).toMatchObject({ code: 1 })
  expect(await run(to, 'erase-conversation', SID)).toMatchObject({ code: 0 })
  expect(await run(to, 'list')).toMatchObject({ code: 0, stdout: '' })
})

it('erases what somebody has written', async () => {
  const storage = await stored()
  expect(await bytesOf(storage)).toContain(Buffer.from(TEXT).toString('latin1'))
  expect(await run(storage, 'erase-user', 'alice')).toMatchObject({ code: 0 })
  expect(await bytesOf(storage)).not.toContain(Buffer.from(TEXT).toString('latin1'))
})

it('copies a storage, and lets a server begin anew on an old one', async () => {
  const storage = await stored()
  const copy = join(await temporaryDirectory(), 'copy')
  expect(await run(storage, 'backup', copy)).toMatchObject({ code: 0 })
  expect(await run(copy, 'list')).toMatchObject({ stdout: `${SID}\n` })
  expect(await run(storage, 'restored')).toMatchObject({ code: 0, stderr: '' })
})

it('says what is missing, or wrong', async () => {
  const storage = await temporaryDirectory()
  expect(await command(['list']).exited).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--storage'),
  })
  expect(await run(storage, 'export')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('export <conversation>'),
  })
  expect(await run(storage, 'export', 'no such')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no conversation'),
  })
  expect(await run(storage, 'restored', 'twice')).toMatchObject({ code: 2 })
  const server = await startServer({ storage })
  expect(await run(storage, 'list')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('in use'),
  })
  await server.close()
})
