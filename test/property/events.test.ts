import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Conversation } from '../../src/model/conversation.ts'
import { EventView } from '../support/event-view.ts'
import { runs } from '../support/runs.ts'
import { type Command, commands, live, typing, weather, writing } from '../support/world.ts'

const reported = vi.fn()

beforeEach(() => {
  vi.stubGlobal('reportError', reported)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const conversationEvents = [
  'participantJoined',
  'participantLeft',
  'participantUpdated',
  'typingStarted',
  'typingEnded',
  'participantOnline',
  'participantOffline',
  'updated',
  'removed',
] as const

/** Listeners that do nothing but fail, before those that count. */
function sabotage(conversation: Conversation): void {
  for (const event of conversationEvents) {
    conversation.on(event, () => {
      throw new Error(`a listener of ${event} fails`)
    })
  }
  conversation.on('participantJoined', participant => {
    for (const event of ['updated', 'typingStarted', 'typingEnded'] as const) {
      participant.on(event, () => {
        throw new Error(`a listener of a participant's ${event} fails`)
      })
    }
  })
}

/** Lives with views that are fed by events; returns how often each event was told. */
async function tellStories(parameters: fc.Parameters<[number, Command[]]>) {
  const counts: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(fc.nat(), commands(writing, writing, weather, typing), async (seed, list) => {
      const views = new Set<EventView>()
      await live(seed, list, {
        async onOpen(conversation, doc) {
          sabotage(conversation)
          views.add(new EventView(conversation, await conversation.getParticipants(), doc))
        },
        async onStep() {
          for (const view of views) {
            const { conversation } = view
            // Nobody is told that a conversation is closed; whoever typed there does not any more.
            if (!conversation.isClosing) view.assert(await conversation.getParticipants())
          }
        },
      })
      for (const view of views) {
        for (const [name, n] of Object.entries(view.counts)) counts[name] = (counts[name] ?? 0) + n
      }
    }),
    parameters,
  )
  return counts
}

describe('events', () => {
  it('tell the whole story: a copy that is fed by them alone is the same as the state', async () => {
    await tellStories(runs(80))
    expect(reported).toHaveBeenCalled()
  }, 600_000)

  it('are all told of in stories like these', async () => {
    // Of random ones a dull lot would come now and then, that proves nothing.
    const counts = await tellStories({ seed: 1, numRuns: 80 })
    for (const event of conversationEvents) expect(counts[event] ?? 0, event).toBeGreaterThan(0)
  }, 600_000)
})
