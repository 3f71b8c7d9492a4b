import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freshContent, hashOf } from '../../support/media.ts'
import { bundleServer, startChild } from './support/child-server.ts'
import { until } from './support/clients.ts'
import { temporaryDirectory } from './support/storage.ts'

const ROUNDS = 4

let program: string
beforeAll(async () => {
  program = await bundleServer()
})
afterAll(() => rm(program))

it('a server that is killed while it receives attachments has all it said it has, and no part of another', async () => {
  const directory = await temporaryDirectory()
  const media = join(directory, 'media')
  const stored = new Set<string>()
  for (let round = 0; round < ROUNDS; round++) {
    const server = await startChild(program, directory)
    const urlOf = (hash: string) => `${server.url.replace('ws', 'http')}/media/${hash}`
    expect(await readdir(join(media, 'incoming'))).toEqual([])
    const there = (await readdir(media)).filter(name => name !== 'incoming')
    expect([...stored].filter(hash => !there.includes(hash))).toEqual([])
    for (const hash of there)
      expect(await hashOf(await (await fetch(urlOf(hash))).blob())).toBe(hash)

    const before = stored.size
    let isKilled = false
    const upload = async () => {
      while (!isKilled) {
        const { hash, blob } = freshContent(300_000)
        const response = await fetch(urlOf(hash), { method: 'PUT', body: blob }).catch(() => {})
        if (response?.status === 201) stored.add(hash)
      }
    }
    const uploads = [upload(), upload(), upload()]
    await until(() => expect(stored.size).toBeGreaterThan(before + 3))
    await server.kill()
    isKilled = true
    await Promise.all(uploads)
  }
  expect(stored.size).toBeGreaterThan(3 * ROUNDS)
})
