import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Participant } from '../../src/model/participant.ts'
import { runs } from '../support/runs.ts'
import {
  type Command,
  commands,
  DEVICES,
  horizon,
  live,
  weather,
  writing,
} from '../support/world.ts'

describe('devices that meet again', () => {
  it('are the same, and so is what they keep, and nothing acknowledged was lost on the way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), commands(writing, writing, weather), (seed, list) =>
        live(seed, list),
      ),
      runs(100),
    )
  }, 600_000)

  it('never showed a horizon go back, where nobody went back', async () => {
    const forward = horizon.filter(({ kind }) => kind === 'advance')
    const joins: Command[] = DEVICES.map((_, i) => ({
      kind: 'join',
      device: i,
      who: i,
      attributes: {},
    }))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        commands(forward, forward, forward, weather),
        async (seed, list) => {
          const processes: Map<Participant, number[]>[] = []
          await live(seed, [...joins, ...list], {
            onOpen(conversation) {
              const shown = new Map<Participant, number[]>()
              processes.push(shown)
              const look = (participant: Participant) => {
                const index = participant.lastReadMessageIndex ?? -1
                shown.set(participant, [...(shown.get(participant) ?? []), index])
              }
              conversation.on('participantJoined', look)
              conversation.on('participantUpdated', ({ participant }) => look(participant))
            },
          })
          for (const indexes of processes.flatMap(shown => [...shown.values()])) {
            expect(indexes).toEqual(indexes.toSorted((a, b) => a - b))
          }
        },
      ),
      runs(60),
    )
  }, 600_000)
})
