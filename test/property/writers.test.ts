import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { Session } from '../../src/sync/session.ts'
import { memoryPersistence } from '../../src/testing/index.ts'
import { runs } from '../support/runs.ts'

/*
 * Random lives of the tabs of one device, whose storage loses rows and refuses writes, and which hear from a server what
 * they sent to it. Yjs rests on this: nobody ever makes a struct of the same client id and clock twice.
 */

type Step =
  | { kind: 'open' | 'write' | 'delete' | 'sync' | 'close' | 'crash'; tab: number }
  | { kind: 'lose row'; row: number }
  | { kind: 'refuse writes'; isBroken: boolean }

const tab = fc.nat(2)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(['open', 'open', 'write', 'write', 'delete', 'sync', 'close', 'crash'] as const),
      ),
      tab,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose row' as const), row: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('refuse writes' as const),
      isBroken: fc.constantFrom(false, false, true),
    }),
  },
)

class Life {
  readonly made = new Set<string>()
  resumed = 0
  readonly #store = new Map<string, Uint8Array[]>()
  readonly #server = new Y.Doc()
  readonly #tabs: (Session | undefined)[] = []
  #isBroken = false

  async live(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#do(step)
    for (const session of this.#tabs) await session?.destroy()
  }

  async #do(step: Step): Promise<void> {
    if (step.kind === 'lose row') return void this.#store.get('room')?.splice(step.row, 1)
    if (step.kind === 'refuse writes') {
      this.#isBroken = step.isBroken
      return
    }
    const session = this.#tabs[step.tab]
    if (step.kind === 'open' && !session) this.#tabs[step.tab] = await this.#open()
    if (!session) return
    if (step.kind === 'close' || step.kind === 'crash') this.#tabs[step.tab] = undefined
    if (step.kind === 'close') await session.destroy()
    if (step.kind === 'crash') session.awareness.destroy()
    if (step.kind === 'delete') session.doc.getMap('notes').delete('note')
    if (step.kind === 'write') this.#write(session.doc)
    if (step.kind === 'sync') {
      Y.applyUpdate(this.#server, Y.encodeStateAsUpdate(session.doc))
      Y.applyUpdate(session.doc, Y.encodeStateAsUpdate(this.#server))
    }
  }

  async #open(): Promise<Session> {
    const session = new Session({
      name: 'room',
      persistence: memoryPersistence(this.#store, { failWrites: () => this.#isBroken }),
      transports: [],
      flushWrites() {},
    })
    await session.load()
    session.start()
    if (Y.getState(session.doc.store, session.doc.clientID) > 0) this.resumed++
    return session
  }

  #write(doc: Y.Doc): void {
    const struct = `${doc.clientID} ${Y.getState(doc.store, doc.clientID)}`
    expect(this.made).not.toContain(struct)
    this.made.add(struct)
    doc.getMap('notes').set('note', this.made.size)
  }
}

it('no struct is made twice, whatever happens to the tabs of a device and to its storage', async () => {
  const options = runs(500)
  let resumed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 80 }), async steps => {
      const life = new Life()
      await life.live(steps)
      resumed += life.resumed
    }),
    options,
  )
  expect(resumed).toBeGreaterThan(options.numRuns / 5)
}, 600_000)
