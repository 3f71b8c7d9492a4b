import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { outboxName, pageName } from '../../../src/schema/messages/ids.ts'
import { PageDocument } from '../../../src/schema/messages/page-document.ts'
import { memoryLog } from '../../../src/server/index.ts'
import { Author, expectWhole, fetchLog, SID, storedLog, whenSequenced } from './support/chat.ts'
import { rawClient, startServer, stockClient, syncMessage, until, whenSynced } from './support/clients.ts'
import { gatedLog, temporaryDirectory } from './support/storage.ts'

const soon = { timings: { sweepMs: 20, sequencerIdleMs: 0, retryMs: 20 } }

describe('messages that clients write', () => {
  it('are all in the log, once and in one order, after two bursts of 1,000 at the same time', async () => {
    const { url } = await startServer({ storage: await temporaryDirectory() })
    const [alice, bob] = [new Author('alice'), new Author('bob')]
    const clients = [alice.connect(url), bob.connect(url)]
    await Promise.all(clients.map(whenSynced))
    const seen = [0, 1].map(() => [0, 1].map(page => stockClient(url, pageName(SID, page)).doc))
    alice.burst(1000)
    bob.burst(1000)
    for (const { outbox } of [alice, bob]) {
      await until(() => {
        expect(outbox.state.count).toBe(2000)
        expect(outbox.outboxes()).toEqual([])
      })
    }
    const logs = seen.map(pages => pages.flatMap(doc => new PageDocument(doc).entries()))
    await until(() => expect(seen.map(pages => pages.flatMap(d => new PageDocument(d).entries()).length)).toEqual([2000, 2000]))
    for (const pages of seen) {
      const log = pages.flatMap(doc => new PageDocument(doc).entries())
      expectWhole(log, [alice, bob])
      expect(log).toEqual(await fetchLog(url, 2000))
    }
    expect(logs).toHaveLength(2)
  })
})
