import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ClusterListener, DocumentLog, Lease } from '../../../../src/server/index.ts'
import { runs } from '../../../support/runs.ts'
import { until } from '../support/clients.ts'
import { contents, describeModel, plain } from './model.ts'

/** An empty place of its own for documents; each call opens it once more, as another server would. */
export type Place = () => Promise<DocumentLog>

export const bytes = (...values: number[]) => new Uint8Array(values)

/** What every log must do. */
export function describeDocumentLog(title: string, place: () => Promise<Place>): void {
  /** One log, or as many as are asked for on the same place; closed with the test. */
  async function openLog(): Promise<DocumentLog> {
    return opened(await place())
  }

  describe(title, () => {
    it('holds nothing of a document it never saw', async () => {
      const log = await openLog()
      expect(await log.read('room')).toEqual({ updates: [], upTo: 0, claims: new Map() })
      expect(await namesOf(log)).toEqual([])
    })

    it('reads back what was appended, in order, and the number of the last', async () => {
      const log = await openLog()
      await log.append('room', [bytes(1), bytes(2, 2)])
      const seq = await log.append('room', [bytes(3)])
      expect(await contents(log, 'room')).toEqual({ updates: [[1], [2, 2], [3]], upTo: seq })
    })

    it('gives the number of the last update for none, and keeps nothing', async () => {
      const log = await openLog()
      await log.append('room', [])
      expect(await namesOf(log)).toEqual([])
      const seq = await log.append('room', [bytes(1)])
      expect(await log.append('room', [])).toBe(seq)
    })

    it('keeps the order of appends that were not awaited', async () => {
      const log = await openLog()
      const seqs = await Promise.all(
        Array.from({ length: 300 }, (_, i) => log.append('room', [bytes(i & 255, i >> 8)])),
      )
      const { updates } = await log.read('room')
      expect(plain(updates)).toEqual(Array.from({ length: 300 }, (_, i) => [i & 255, i >> 8]))
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
      expect(new Set(seqs).size).toBe(300)
    })

    it('keeps updates of any size and number, none of them changed', async () => {
      const log = await openLog()
      const large = new Uint8Array(3_000_000).map((_, i) => i * 7)
      const every = Uint8Array.from({ length: 256 }, (_, i) => i)
      const many = Array.from({ length: 9000 }, (_, i) => bytes(i & 255, i >> 8))
      await log.append('room', [large, every, bytes(), ...many])
      const { updates } = await log.read('room')
      expect(updates).toHaveLength(9003)
      expect(Buffer.compare(updates[0] as Uint8Array, large)).toBe(0)
      expect(plain(updates.slice(1))).toEqual(plain([every, bytes(), ...many]))
    })

    it('keeps documents apart, whatever their names', async () => {
      const log = await openLog()
      const names = ['a', 'a/', 'a/b', 'a/s', 'a/u', 'a~', 'a%2Fb', 'A', 'ä', '☃', ' ', '.', '..']
      names.push('seq', '', '/', '}', 'a}b', 'a}/b', 'a}', '{a}', 'a*', 'a[b]', '\0', 'a\0b', 'a:h')
      names.push('😀', 'x'.repeat(3000), `${'x'.repeat(3000)}y`)
      for (const [i, name] of names.entries()) {
        await log.append(name, [bytes(i)])
        await log.claim(name, name, name)
      }
      for (const [i, name] of names.entries()) {
        const { updates, claims } = await log.read(name)
        expect(plain(updates), name).toEqual([[i]])
        expect([...claims], name).toEqual([[name, name]])
      }
      expect(await namesOf(log)).toEqual([...names].sort())
      for (const prefix of names) {
        const found = names.filter(name => name.startsWith(prefix)).sort()
        expect(await namesOf(log, prefix), prefix).toEqual(found)
      }
    })

    it('refuses text that is no Unicode, and goes on', async () => {
      const log = await openLog()
      const half = 'a\ud800'
      const refused = { name: 'ConversationsError', code: 'invalid-argument' }
      await expect(log.append(half, [bytes(1)])).rejects.toMatchObject(refused)
      await expect(log.read(half)).rejects.toMatchObject(refused)
      await expect(log.claim('room', half, 'alice')).rejects.toMatchObject(refused)
      await expect(log.claim('room', 'key', half)).rejects.toMatchObject(refused)
      expect(await namesOf(log)).toEqual([])
    })

    it('reads only what is above a number', async () => {
      const log = await openLog()
      const first = await log.append('room', [bytes(1)])
      const second = await log.append('room', [bytes(2)])
      const third = await log.append('room', [bytes(3)])
      const above = async (seq: number) => plain((await log.read('room', seq)).updates)
      expect(await above(0)).toEqual([[1], [2], [3]])
      expect(await above(first)).toEqual([[2], [3]])
      expect(await log.read('room', third)).toMatchObject({ updates: [], upTo: third })
      await log.snapshot('room', bytes(12), second)
      expect(await above(0)).toEqual([[12], [3]])
      expect(await above(first), 'it was folded').toEqual([[12], [3]])
      expect(await above(second)).toEqual([[3]])
      expect(await above(third)).toEqual([])
    })

    it('puts a snapshot in the place of what it covers, and of nothing else', async () => {
      const log = await openLog()
      await log.append('other', [bytes(7)])
      const upTo = await log.append('room', [bytes(1), bytes(2)])
      const last = await log.append('room', [bytes(3)])
      await log.snapshot('room', bytes(12), upTo)
      expect(await contents(log, 'room')).toEqual({ updates: [[12], [3]], upTo: last })
      expect(plain((await log.read('other')).updates)).toEqual([[7]])
    })

    it('replaces one snapshot by the next', async () => {
      const log = await openLog()
      await log.snapshot('room', bytes(1), await log.append('room', [bytes(1)]))
      const upTo = await log.append('room', [bytes(2)])
      await log.snapshot('room', bytes(12), upTo)
      expect(await contents(log, 'room')).toEqual({ updates: [[12]], upTo })
      const seq = await log.append('room', [bytes(3)])
      expect(await contents(log, 'room')).toEqual({ updates: [[12], [3]], upTo: seq })
    })

    it('takes no snapshot that would lose something', async () => {
      const log = await openLog()
      const first = await log.append('room', [bytes(1)])
      const second = await log.append('room', [bytes(2)])
      await Promise.all([
        log.snapshot('room', bytes(12), second),
        log.snapshot('room', bytes(1), first),
      ])
      expect(await contents(log, 'room')).toEqual({ updates: [[12]], upTo: second })
      await log.snapshot('room', bytes(1), first)
      expect(await contents(log, 'room')).toEqual({ updates: [[12]], upTo: second })
      await log.erase('room')
      await log.snapshot('room', bytes(12), second)
      expect(await contents(log, 'room')).toEqual({ updates: [], upTo: 0 })
    })

    it('never shows a snapshot and what it covers together, or neither', async () => {
      const log = await openLog()
      const upTo = await log.append('room', [bytes(1), bytes(2)])
      const [before, , after] = await Promise.all([
        log.read('room'),
        log.snapshot('room', bytes(12), upTo),
        log.read('room'),
      ])
      for (const { updates } of [before, after]) {
        expect([[[1], [2]], [[12]]]).toContainEqual(plain(updates))
      }
    })

    it('does not change when the caller reuses its bytes afterwards', async () => {
      const log = await openLog()
      const update = bytes(1, 2)
      await log.append('room', [update])
      update.fill(9)
      expect(plain((await log.read('room')).updates)).toEqual([[1, 2]])
    })

    it('gives a key to who asks first, for good', async () => {
      const log = await openLog()
      expect(await log.claim('room', 'key', 'alice')).toBe('alice')
      expect(await log.claim('room', 'key', 'bob')).toBe('alice')
      expect(await log.claim('room', 'other', 'bob')).toBe('bob')
      expect(await log.claim('elsewhere', 'key', 'bob')).toBe('bob')
      const owners = new Map([
        ['key', 'alice'],
        ['other', 'bob'],
      ])
      expect(await log.read('room')).toEqual({ updates: [], upTo: 0, claims: owners })
      await log.snapshot('room', bytes(1), await log.append('room', [bytes(1)]))
      expect((await log.read('room')).claims).toEqual(owners)
    })

    it('gives a key to one of many who ask at once, and tells all of them', async () => {
      const log = await openLog()
      const owners = await Promise.all(
        ['alice', 'bob', 'carol', 'dave'].map(owner => log.claim('room', 'key', owner)),
      )
      expect(new Set(owners).size).toBe(1)
      expect([...(await log.read('room')).claims.values()]).toEqual([owners[0]])
    })

    it('forgets a document, and no other', async () => {
      const log = await openLog()
      for (const name of ['room', 'room/o', 'roo']) {
        await log.append(name, [bytes(1)])
        await log.claim(name, 'key', 'alice')
      }
      await log.snapshot('room', bytes(12), await log.append('room', [bytes(2)]))
      await log.append('room', [bytes(3)])
      await log.erase('room')
      await log.erase('never there')
      expect(await log.read('room')).toEqual({ updates: [], upTo: 0, claims: new Map() })
      expect(await namesOf(log)).toEqual(['roo', 'room/o'])
      expect((await log.read('room/o')).claims.size).toBe(1)
      const seq = await log.append('room', [bytes(4)])
      expect(await contents(log, 'room')).toEqual({ updates: [[4]], upTo: seq })
      expect(await log.claim('room', 'key', 'bob')).toBe('bob')
    })

    it('finds many documents, each once', async () => {
      const log = await openLog()
      const names = Array.from({ length: 2500 }, (_, i) => `CH${i}/o`)
      await Promise.all(names.map(name => log.append(name, [bytes(1)])))
      await log.claim('CH-claimed', 'key', 'alice')
      expect(await namesOf(log, 'CH')).toEqual([...names, 'CH-claimed'].sort())
      expect(await namesOf(log, 'CH7/')).toEqual(['CH7/o'])
    }, 60_000)

    it('finishes what was appended when it is closed, and refuses the rest', async () => {
      const log = await (await place())()
      const append = log.append('room', [bytes(1)])
      const claim = log.claim('room', 'key', 'alice')
      await log.close()
      expect(await append).toBeGreaterThan(0)
      expect(await claim).toBe('alice')
      await expect(log.append('room', [bytes(2)])).rejects.toThrow('closed')
      await expect(log.read('room')).rejects.toThrow('closed')
      await expect(log.claim('room', 'key', 'bob')).rejects.toThrow('closed')
      await expect(log.erase('room')).rejects.toThrow('closed')
      await expect(namesOf(log)).rejects.toThrow('closed')
      await log.close()
    })

    describeModel(place)
  })
}

/** What every log must do that servers share. */
export function describeCluster(title: string, place: () => Promise<Place>): void {
  async function openTwo() {
    const open = await place()
    const [a, b] = [await opened(open), await opened(open)]
    if (!a.cluster || !b.cluster) throw new Error('not shared')
    return { a, b, atA: a.cluster, atB: b.cluster, open }
  }

  describe(`${title}, shared by servers`, () => {
    it('opens on an empty place at once', async () => {
      const open = await place()
      const logs = await Promise.all(Array.from({ length: 5 }, () => opened(open)))
      await Promise.all(logs.map((log, i) => log.append('room', [bytes(i)])))
      expect(plain((await logs[0]?.read('room'))?.updates ?? []).sort()).toEqual([
        [0],
        [1],
        [2],
        [3],
        [4],
      ])
    })

    it('numbers the updates of a document from 1 without a gap, whoever appends', async () => {
      const { a, b } = await openTwo()
      const seqs = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          (i % 2 ? a : b).append(i % 3 ? 'room' : 'other', [bytes(i), bytes(i)]),
        ),
      )
      const room = seqs.filter((_, i) => i % 3).sort((a, b) => a - b)
      expect(room).toEqual(room.map((_, i) => 2 * i + 2))
      const { updates, upTo } = await b.read('room')
      expect(updates.length).toBe(upTo)
    })

    it('tells the other servers what was appended, in order, and oneself nothing', async () => {
      const { a, b, atA, atB } = await openTwo()
      const [heardA, heardB] = [recorder(), recorder()]
      await atA.subscribe('room', heardA.listener)
      await atB.subscribe('room', heardB.listener)
      await Promise.all(
        Array.from({ length: 100 }, (_, i) => a.append('room', [bytes(i), bytes(1)])),
      )
      await a.append('elsewhere', [bytes(9)])
      await until(() => expect(heardB.appended).toHaveLength(100))
      expect(heardB.appended).toEqual(
        Array.from({ length: 100 }, (_, i) => ({ seq: 2 * i + 2, updates: [[i], [1]] })),
      )
      await b.append('room', [bytes(7)])
      await until(() => expect(heardA.appended).toEqual([{ seq: 201, updates: [[7]] }]))
      expect(heardB.appended).toHaveLength(100)
    })

    it('tells of what is too large to be told', async () => {
      const { a, b, atB } = await openTwo()
      const heard = recorder()
      await atB.subscribe('room', heard.listener)
      for (const size of [5_000, 60_000, 70_000, 2_000_000]) {
        const update = new Uint8Array(size).fill(size % 251)
        const seq = await a.append('room', [update])
        await until(() => expect(heard.appended.at(-1)?.seq).toBe(seq))
        const told = heard.appended.at(-1)?.updates
        const { updates } = await b.read('room', seq - 1)
        expect(updates.map(({ length }) => length)).toEqual([size])
        if (told) expect(Buffer.compare(Buffer.from(told[0] ?? []), update)).toBe(0)
      }
      expect(heard.appended.at(-1)?.updates, 'two megabytes').toBeUndefined()
    })

    it('carries messages of up to 64 kB, unchanged and in order', async () => {
      const { atA, atB } = await openTwo()
      const [heardA, heardB] = [recorder(), recorder()]
      await atA.subscribe('room', heardA.listener)
      await atB.subscribe('room', heardB.listener)
      const large = new Uint8Array(64 * 1024).fill(0)
      const mixed = new Uint8Array(64 * 1024).map((_, i) => i * 31)
      const messages = [bytes(1), bytes(1), large, bytes(), mixed, bytes(2)]
      for (const message of messages) atA.publish('room', message)
      await until(() => expect(heardB.messages).toHaveLength(messages.length))
      expect(heardB.messages).toEqual(plain(messages))
      atB.publish('room', bytes(3))
      await until(() => expect(heardA.messages).toEqual([[3]]))
    })

    it('calls nobody who has unsubscribed, and everybody who has not', async () => {
      const { a, atB } = await openTwo()
      const [first, second, other] = [recorder(), recorder(), recorder()]
      const unsubscribe = await atB.subscribe('room', first.listener)
      await atB.subscribe('room', second.listener)
      await atB.subscribe('other', other.listener)
      unsubscribe()
      unsubscribe()
      await a.append('room', [bytes(1)])
      await until(() => expect(second.appended).toHaveLength(1))
      await a.append('other', [bytes(1)])
      await until(() => expect(other.appended).toHaveLength(1))
      expect(first.appended).toEqual([])
    })

    it('tells of a gap where a document was erased', async () => {
      const { a, atA, atB } = await openTwo()
      const [own, heard] = [recorder(), recorder()]
      await atA.subscribe('room', own.listener)
      await atB.subscribe('room', heard.listener)
      await a.append('room', [bytes(1)])
      await a.erase('room')
      await until(() => expect(heard.gaps).toBe(1))
      expect(own.gaps).toBe(0)
    })

    it('gives a key to one of the servers that ask at once', async () => {
      const { a, b } = await openTwo()
      const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`)
      const [ofA, ofB] = await Promise.all(
        [a, b].map((log, i) => Promise.all(keys.map(key => log.claim('room', key, `node-${i}`)))),
      )
      expect(ofA).toEqual(ofB)
      const { claims } = await a.read('room')
      expect(keys.map(key => claims.get(key))).toEqual(ofA)
    })

    it('gives a lease to one at a time, each with a greater token', async () => {
      const { atA, atB } = await openTwo()
      const first = await held(atA.lease('room', 60_000))
      expect(await atB.lease('room', 60_000)).toBeUndefined()
      expect(await atA.lease('room', 60_000)).toBeUndefined()
      expect(await first.renew(60_000)).toBe(true)
      expect((await held(atB.lease('other', 60_000))).name).toBe('other')
      await first.release()
      expect(await first.renew(60_000)).toBe(false)
      const second = await held(atB.lease('room', 60_000))
      expect(second.token).toBeGreaterThan(first.token)
      await first.release()
      expect(await second.renew(60_000), 'released by who has it no more').toBe(true)
      await second.renew(1)
      const third = await untilHeld(() => atA.lease('room', 60_000))
      expect(third.token).toBeGreaterThan(second.token)
      expect(await second.renew(60_000)).toBe(false)
    })

    it('gives a lease to one of many who ask at once', async () => {
      const { atA, atB } = await openTwo()
      const asked = Array.from({ length: 20 }, (_, i) => (i % 2 ? atA : atB).lease('room', 60_000))
      const leases = (await Promise.all(asked)).filter(lease => lease !== undefined)
      expect(leases).toHaveLength(1)
    })

    it('keeps nothing of what is written under a lease that holds no more', async () => {
      const { a, b, atA, atB } = await openTwo()
      const lost = { name: 'LeaseLostError' }
      const first = await held(atA.lease('room', 60_000))
      await a.append('room/m/0', [bytes(1)], first)
      await first.renew(1)
      const second = await untilHeld(() => atB.lease('room', 60_000))
      await expect(a.append('room/m/0', [bytes(2)], first)).rejects.toMatchObject(lost)
      await b.append('room/m/0', [bytes(3)], second)
      await second.release()
      await expect(b.append('room/m/0', [bytes(4)], second)).rejects.toMatchObject(lost)
      await expect(b.append('new', [bytes(4)], { ...second, name: 'new' })).rejects.toMatchObject(
        lost,
      )
      expect(await contents(a, 'room/m/0')).toEqual({ updates: [[1], [3]], upTo: 2 })
      expect(await namesOf(a)).toEqual(['room/m/0'])
    })

    it('lets a lost lease fail nothing but what was written under it', async () => {
      const { a, atA } = await openTwo()
      const lease = await held(atA.lease('room', 60_000))
      await lease.release()
      const good = await held(atA.lease('room', 60_000))
      const results = await Promise.allSettled(
        Array.from({ length: 60 }, (_, i) =>
          a.append(`room${i % 2}`, [bytes(i)], i % 3 ? undefined : i % 2 ? lease : good),
        ),
      )
      for (const [i, { status }] of results.entries()) {
        expect(status, `${i}`).toBe(i % 3 === 0 && i % 2 ? 'rejected' : 'fulfilled')
      }
      const odd = Array.from({ length: 60 }, (_, i) => i).filter(i => i % 2 && i % 3)
      expect(await contents(a, 'room1')).toEqual({ updates: odd.map(i => [i]), upTo: odd.length })
      expect((await a.read('room0')).upTo).toBe(30)
    })

    it('never lets two who have had a lease write in turns', async () => {
      const { a, b, atA, atB } = await openTwo()
      // Each takes the lease whenever it can, for no longer than a moment, and writes its token all the time.
      const tokens: number[] = []
      const compete = async (log: DocumentLog, cluster: typeof atA) => {
        let lease: Lease | undefined
        for (let i = 0; i < 150; i++) {
          lease ??= await cluster.lease('room', 5)
          if (!lease) continue
          const { token } = lease
          await log.append('room', [bytes(token >> 8, token & 255)], lease).catch(error => {
            expect(error.name).toBe('LeaseLostError')
            lease = undefined
          })
        }
      }
      await Promise.all([compete(a, atA), compete(b, atB)])
      for (const update of (await a.read('room')).updates) {
        tokens.push((update[0] as number) * 256 + (update[1] as number))
      }
      expect(new Set(tokens).size, 'it changed hands').toBeGreaterThan(1)
      expect(tokens).toEqual([...tokens].sort((a, b) => a - b))
    })

    it('is read by nobody with a hole in it, while it is written, folded and erased', async () => {
      const { a, b } = await openTwo()
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 5, maxLength: 20 }), async choices => {
          await a.erase('room')
          let isWriting = true
          const write = async () => {
            for (const choice of choices) {
              const upTo = await a.append('room', [bytes(choice), bytes(choice)])
              // How many updates it stands for, so that the reader can count.
              if (choice % 3 === 0) await a.snapshot('room', bytes(upTo, 0, 0), upTo)
            }
            isWriting = false
          }
          const read = async () => {
            while (isWriting) {
              const { updates, upTo } = await b.read('room')
              const [first] = updates
              const isFolded = first?.length === 3
              const count = isFolded ? (first[0] as number) + updates.length - 1 : updates.length
              expect(count).toBe(upTo)
            }
          }
          await Promise.all([write(), read()])
        }),
        runs(8),
      )
    })
  })
}

/** What is heard of a document. */
export function recorder() {
  const heard = {
    appended: [] as { seq: number; updates: number[][] | undefined }[],
    messages: [] as number[][],
    gaps: 0,
    listener: {
      onAppended: (seq, updates) =>
        heard.appended.push({ seq, updates: updates && plain(updates) }),
      onMessage: message => heard.messages.push([...message]),
      onGap: () => {
        heard.gaps += 1
      },
    } satisfies ClusterListener as ClusterListener,
  }
  return heard
}

export async function opened(open: Place): Promise<DocumentLog> {
  const log = await open()
  onTestFinished(() => log.close())
  return log
}

async function namesOf(log: DocumentLog, prefix = ''): Promise<string[]> {
  const names: string[] = []
  for await (const name of log.names(prefix)) names.push(name)
  return names.sort()
}

async function held(lease: Promise<Lease | undefined>): Promise<Lease> {
  const taken = await lease
  if (!taken) throw new Error('Somebody has the lease')
  return taken
}

async function untilHeld(take: () => Promise<Lease | undefined>): Promise<Lease> {
  for (;;) {
    const lease = await take()
    if (lease) return lease
  }
}
