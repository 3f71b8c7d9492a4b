import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { Client } from '../../src/client/client.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { Participant } from '../../src/model/participant.ts'
import { EventView } from '../support/event-view.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { runs } from '../support/runs.ts'
import { snapshot } from '../support/snapshot.ts'

/*
 * Adding, removing and changing one participant on devices that meet now and then, against an oracle that knows nothing
 * of documents: what each did, and what it had seen of the others when it did.
 */

const DEVICES = 3
const device = fc.nat(DEVICES - 1)
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('add', 'add', 'remove', 'remove', 'set', 'set', 'role', 'reopen'),
      device,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop'), device, which: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('meet'), device, from: device }) },
)

type Deed =
  /** A membership, which begins with one attribute. */
  | { kind: 'add'; attribute: string }
  | { kind: 'remove'; memberships: number[] }
  /** An attribute that nobody else writes, written for the memberships that were seen. */
  | { kind: 'set'; attribute: string; memberships: number[] }
  | { kind: 'drop'; attribute: string }

/** What is there for somebody who has seen these deeds. */
class Oracle {
  readonly deeds: Deed[] = []
  readonly seen = Array.from({ length: DEVICES }, () => new Set<number>())

  do(by: number, deed: Deed): void {
    this.seen[by]?.add(this.deeds.push(deed) - 1)
  }

  meet(from: number, to: number): void {
    for (const deed of this.seen[from] ?? []) this.seen[to]?.add(deed)
  }

  view(by: number): { memberships: number[]; attributes: string[] } {
    const memberships = new Set<number>()
    const attributes = new Map<string, number[]>()
    const seen = [...(this.seen[by] ?? [])].map(n => [n, this.deeds[n] as Deed] as const)
    for (const [n, deed] of seen) {
      if (deed.kind === 'add') memberships.add(n)
      if (deed.kind === 'add') attributes.set(deed.attribute, [n])
      if (deed.kind === 'set') attributes.set(deed.attribute, deed.memberships)
    }
    for (const [, deed] of seen) {
      if (deed.kind === 'remove') for (const n of deed.memberships) memberships.delete(n)
      if (deed.kind === 'drop') attributes.delete(deed.attribute)
    }
    const names = [...attributes.keys()].filter(name =>
      attributes.get(name)?.some(n => memberships.has(n)),
    )
    return { memberships: [...memberships], attributes: names.sort() }
  }
}

const clock = new FakeClock()
let doubles = 0

class Replica {
  readonly doc = new Y.Doc()
  client!: Client
  conversation!: Conversation
  view!: EventView

  async open(): Promise<void> {
    await this.client?.close()
    this.client = new Client({ identity: 'alice', clock, transport: null, persistence: null })
    this.conversation = await this.client.openConversation('room', { doc: this.doc })
    this.view = new EventView(this.conversation, await this.participants(), this.doc)
  }

  participants(): Promise<Participant[]> {
    return this.conversation.getParticipants()
  }

  hear(other: Replica): void {
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(other.doc, Y.encodeStateVector(this.doc)))
  }
}

describe('a participant who is added, changed and removed on several devices', () => {
  it('is there, with the attributes of whoever nobody removed, and told of as such', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40, size: 'max' }), async commands => {
        const oracle = new Oracle()
        const replicas = Array.from({ length: DEVICES }, () => new Replica())
        for (const replica of replicas) await replica.open()

        const check = async (i: number) => {
          const replica = replicas[i] as Replica
          const participants = await replica.participants()
          const { memberships, attributes } = oracle.view(i)
          if (memberships.length > 1) doubles++
          const shown = participants.map(one => Object.keys(one.attributes as object).sort())
          expect(shown).toEqual(memberships.length > 0 ? [attributes] : [])
          replica.view.assert(participants)
        }
        const meet = async (from: number, to: number) => {
          replicas[to]?.hear(replicas[from] as Replica)
          oracle.meet(from, to)
          await check(to)
        }

        for (const [n, one] of commands.entries()) {
          clock.advance(1)
          const replica = replicas[one.device] as Replica
          const { memberships, attributes } = oracle.view(one.device)
          const [bob] = await replica.participants()
          const attribute = `k${n}`
          const values = (bob?.attributes ?? {}) as Record<string, number>
          if (one.kind === 'reopen') await replica.open()
          else if ('from' in one) await meet(one.from, one.device)
          else if (one.kind === 'add') {
            await replica.conversation.add('bob', { [attribute]: 1 })
            if (!bob) oracle.do(one.device, { kind: 'add', attribute })
          } else if (one.kind === 'remove') {
            await bob?.remove()
            oracle.do(one.device, { kind: 'remove', memberships })
          } else if (one.kind === 'set' && bob) {
            await bob.updateAttributes({ ...values, [attribute]: 1 })
            oracle.do(one.device, { kind: 'set', attribute, memberships })
          } else if (one.kind === 'role') await bob?.updateRole(attribute)
          else if ('which' in one && attributes[one.which] !== undefined) {
            const dropped = attributes[one.which] as string
            const { [dropped]: _, ...rest } = values
            await bob?.updateAttributes(rest)
            oracle.do(one.device, { kind: 'drop', attribute: dropped })
          }
          await check(one.device)
        }
        for (const [from, to] of [
          [0, 1],
          [1, 2],
          [2, 1],
          [2, 0],
        ] as const)
          await meet(from, to)
        const [expected, ...others] = await Promise.all(
          replicas.map(({ conversation }) => snapshot(conversation)),
        )
        for (const other of others) expect(other).toEqual(expected)
        for (const { client } of replicas) await client.close()
      }),
      runs(400),
    )
  }, 600_000)

  afterAll(() => {
    // Otherwise nobody was added on two sides.
    expect(doubles).toBeGreaterThan(0)
  })
})
