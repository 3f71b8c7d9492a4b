import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { messageKey } from '../../../../src/schema/messages/ids.ts'
import { Author } from '../support/chat.ts'
import { bundleServer, serverProgram, startChild } from '../support/child-server.ts'
import { until, whenSynced } from '../support/clients.ts'
import { temporaryDirectory } from '../support/storage.ts'

const ROUNDS = 10

let program: string
beforeAll(async () => {
  program = await bundleServer(
    serverProgram(`hooks: {
      async onMessage({ index, body }) {
        await new Promise(resolve => setTimeout(resolve, Math.random() * 4))
        const { appendFileSync } = await import('node:fs')
        appendFileSync(place.directory + '/told', index + ' ' + body + '\\n')
      },
    }`),
  )
})
afterAll(() => rm(program))

describe('a server that is killed while it tells of messages', () => {
  it('leaves none untold, and tells of them in order', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'told')
    await writeFile(file, '')
    const told = async () => (await readFile(file, 'utf8')).split('\n').slice(0, -1)
    const author = new Author('alice')
    for (let round = 0; round < ROUNDS; round++) {
      const before = (await told()).length
      const server = await startChild(program, directory)
      const client = author.connect(server.url)
      await whenSynced(client)
      author.burst(20)
      await until(async () => expect((await told()).length).toBeGreaterThan(before))
      // At any moment of the server's work, which no event tells.
      await new Promise(resolve => setTimeout(resolve, Math.random() * 30))
      await server.kill()
      client.provider.destroy()
    }
    // Without anybody who would open the conversation, and then with them.
    const server = await startChild(program, directory)
    const client = author.connect(server.url)
    await whenSynced(client)
    const expected = author.sent.map((id, index) => `${index} ${messageKey(id)}`)
    await until(async () => expect(new Set(await told())).toEqual(new Set(expected)))
    // Somebody who was told twice was told of what followed, too.
    const lines = await told()
    const indices = lines.map(line => Number.parseInt(line, 10))
    expect(indices.every((index, i) => i === 0 || index <= (indices[i - 1] as number) + 1)).toBe(
      true,
    )
    expect(lines.length).toBeLessThan(expected.length + ROUNDS * 20)
    await server.kill()
  }, 60_000)
})
