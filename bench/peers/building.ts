import { deepStrictEqual } from 'node:assert'
import type { Chat, Listed } from './chat.ts'
import { listByClient } from './client.ts'
import { type Built, eachInTurn, libraries } from './libraries.ts'

/** Builds a conversation in every library; throws if one does not answer as the others do. */
export async function buildAll(chat: Chat): Promise<Built> {
  const built = await eachInTurn(async name => {
    const stored = await libraries[name].build(chat)
    const opened = libraries[name].open(stored)
    deepStrictEqual(sorted(opened.listed()), sorted(chat.listed()))
    deepStrictEqual(opened.unread(), chat.unread())
    deepStrictEqual(opened.newest(), chat.newest())
    opened.close?.()
    return stored
  })
  const { listed, close } = await listByClient(built.ours)
  deepStrictEqual(sorted(listed), sorted(chat.listed()))
  await close()
  return built
}

function sorted(listed: readonly Listed[]): Listed[] {
  return listed.toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
}
